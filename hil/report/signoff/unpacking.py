# SPDX-License-Identifier: Apache-2.0
"""Reads packed files of an evidence archive within their declared sizes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

from hil.report.signoff.zip_layout import CHUNK, DEFLATED, STORED, Entry, local_header

#: Manifest and statement are read whole.
MAX_WHOLE = 256 << 20


def read_entry(stream: BinaryIO, entry: Entry) -> bytes | None:
    """Return a whole small file that is stored as it is; None if it is not, or too large."""
    if entry.method != STORED or entry.size != entry.packed or entry.size > MAX_WHOLE:
        return None
    stream.seek(entry.offset + len(local_header(entry)))
    data = stream.read(entry.size)
    return data if len(data) == entry.size and zlib.crc32(data) == entry.crc else None


def digests_of_entry(stream: BinaryIO, entry: Entry) -> tuple[str, str]:
    """Return the SHA-256 of a file and of its packed bytes; "" for one that cannot be unpacked.

    Never holds more than a few blocks, and stops as soon as there is more than the header says.
    """
    plain, dense = sha256(), sha256()
    size = 0
    try:
        for packed, data in _blocks(stream, entry):
            dense.update(packed)
            plain.update(data)
            size += len(data)
            if size > entry.size:
                return "", ""
    except (zlib.error, ValueError):
        return "", ""
    return (plain.hexdigest() if size == entry.size else ""), dense.hexdigest()


def _blocks(stream: BinaryIO, entry: Entry) -> Iterator[tuple[bytes, bytes]]:
    if entry.method not in (STORED, DEFLATED):
        raise ValueError("packed in another way")
    stream.seek(entry.offset + len(local_header(entry)))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    left = entry.packed
    while left > 0:
        packed = stream.read(min(CHUNK, left))
        if not packed:
            raise ValueError("cut")
        left -= len(packed)
        if entry.method == STORED:
            yield packed, packed
            continue
        yield packed, unpacker.decompress(packed, CHUNK)
        while unpacker.unconsumed_tail:
            yield b"", unpacker.decompress(unpacker.unconsumed_tail, CHUNK)
        if unpacker.unused_data:
            raise ValueError("bytes behind the end of the packed file")
    if entry.method == DEFLATED:
        yield b"", unpacker.flush()
        if not unpacker.eof:
            raise ValueError("cut")
