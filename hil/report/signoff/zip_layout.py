# SPDX-License-Identifier: Apache-2.0
"""The bytes of an evidence archive: a ZIP file in which nothing is left to chance.

ZIP leaves a writer much freedom: times, attributes, gaps, comments, two directories that disagree. Here
every byte outside the packed files follows from their names, sizes and checksums, so that a verifier
computes what must stand there and finds any other byte. All entries are in the 64-bit form.

    entry...    directory    end records    comment: SHA-256 of the last entries and of all before
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

STORED, DEFLATED = 0, 8
CHUNK = 1 << 20

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_VERSION, _UTF8 = 45, 0x800
_TIME, _DATE = 0, (1 << 5) | 1  # 1980-01-01, the first that ZIP can say
_FULL = 0xFFFFFFFF
_MODE = 0o100644 << 16

_UNSAFE = re.compile(r"(^/|^[A-Za-z]:|\\|[\x00-\x1f\x7f]|(^|/)\.{0,2}(/|$))")


@dataclass(frozen=True)
class Entry:
    """One file in the archive.

    Attributes:
        size: Bytes of the file; `packed` of what stands in the archive for it.
        offset: Where its header begins.
    """

    name: str
    method: int
    size: int
    packed: int
    crc: int
    offset: int


def unsafe(name: str) -> bool:
    """Whether a name could lead out of the folder into which an archive is unpacked."""
    return bool(_UNSAFE.search(name)) or len(name) > 4096


def local_header(entry: Entry) -> bytes:
    """Return the bytes before a packed file."""
    name = entry.name.encode()
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.packed)
    fixed = _LOCAL.pack(
        b"PK\3\4", _VERSION, _UTF8, entry.method, _TIME, _DATE, entry.crc, _FULL, _FULL,
        len(name), len(extra),
    )  # fmt: skip
    return fixed + name + extra


def central_header(entry: Entry) -> bytes:
    """Return the line of the directory for a file."""
    name = entry.name.encode()
    extra = struct.pack("<2H3Q", 1, 24, entry.size, entry.packed, entry.offset)
    fixed = _CENTRAL.pack(
        b"PK\1\2", (3 << 8) | _VERSION, _VERSION, _UTF8, entry.method, _TIME, _DATE, entry.crc,
        _FULL, _FULL, len(name), len(extra), 0, 0, 0, _MODE, _FULL,
    )  # fmt: skip
    return fixed + name + extra


def end_records(count: int, size: int, offset: int, comment: bytes) -> bytes:
    """Return what stands behind the directory."""
    end64 = _END64.pack(
        b"PK\6\6", 44, (3 << 8) | _VERSION, _VERSION, 0, 0, count, count, size, offset
    )
    locator = _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    end = _END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _FULL, _FULL, len(comment))
    return end64 + locator + end + comment


def read_central(data: bytes, position: int) -> tuple[Entry, int]:
    """Return the entry of a line of the directory, and where the next line begins.

    Raises:
        ValueError: there is no such line.
    """
    try:
        fields = _CENTRAL.unpack_from(data, position)
        length, extra = fields[10], fields[11]
        start = position + _CENTRAL.size
        name = data[start : start + length].decode()
        size, packed, offset = struct.unpack_from("<3Q", data, start + length + 4)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"the directory is damaged at its byte {position}") from error
    if fields[0] != b"PK\1\2" or extra != 28:
        raise ValueError(f"the directory is damaged at its byte {position}")
    entry = Entry(name, fields[4], size, packed, fields[7], offset)
    return entry, start + length + extra


def read_end(tail: bytes, comment: int) -> tuple[int, int, int]:
    """Return number of entries, size and offset of the directory.

    Args:
        tail: The last bytes of the archive.
        comment: Length of its comment.

    Raises:
        ValueError: the end is not that of an evidence archive.
    """
    start = len(tail) - comment - _END.size - _LOCATOR.size - _END64.size
    if start < 0:
        raise ValueError("it is too short")
    fields = _END64.unpack_from(tail, start)
    count, size, offset = int(fields[6]), int(fields[8]), int(fields[9])
    if max(count, size, offset) >= 1 << 62 or tail[start:] != end_records(
        count, size, offset, tail[len(tail) - comment :]
    ):
        raise ValueError("its end is not as it was written (cut, or something was added)")
    return count, size, offset


END_SIZE = _END64.size + _LOCATOR.size + _END.size


@dataclass(frozen=True)
class Packed:
    """An entry with the digests of the file and of its packed bytes."""

    entry: Entry
    sha256: str
    packed_sha256: str


def write_entry(
    out: BinaryIO, name: str, chunks: Iterable[bytes], *, stored: bool = False
) -> Packed:
    """Append a file to an archive; `out` must be seekable and stand at its end."""
    offset, method = out.tell(), STORED if stored else DEFLATED
    header = local_header(Entry(name, method, 0, 0, 0, offset))
    out.write(header)
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    size = packed = crc = 0
    plain, dense = sha256(), sha256()

    def put(data: bytes) -> None:
        nonlocal packed
        out.write(data)
        dense.update(data)
        packed += len(data)

    for chunk in chunks:
        size += len(chunk)
        crc = zlib.crc32(chunk, crc)
        plain.update(chunk)
        put(chunk if stored else packer.compress(chunk))
    if not stored:
        put(packer.flush())
    entry = Entry(name, method, size, packed, crc, offset)
    end = out.tell()
    out.seek(offset)
    out.write(local_header(entry))
    out.seek(end)
    return Packed(entry, plain.hexdigest(), dense.hexdigest())
