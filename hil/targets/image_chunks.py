# SPDX-License-Identifier: Apache-2.0
"""The bytes of an image file and their addresses: raw binaries, Intel hex and ELF.

pyOCD skips the parts of hex and ELF files that lie outside the memory map and reports success; taken
apart here, every part is checked like an image of its own. Runs in the worker process: both readers
come with pyOCD.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hil.targets.pyocd_errors import Mistake

_HEX = (".hex", ".ihex")
_ELF = (".elf", ".axf")
#: Beginnings of files that are no raw binaries, with what to do; the suffix decides how one is read.
_NOT_RAW = {
    b"\x7fELF": "is an ELF file; give its name the suffix .elf or .axf",
    b"S0": "is a file of S-records, which are not read; convert it, e.g. by srec_cat to Intel hex",
    b":": "is an Intel hex file; give its name the suffix .hex",
}
_RECORD = re.compile(rb"(S0|:)[0-9A-Fa-f]{8,}\r?\n")


@dataclass(frozen=True)
class Chunk:
    """Bytes that belong to one place."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + len(self.data)


def chunks_of(name: str, path: str, address: int, data: bytes) -> list[Chunk]:
    """Take a file apart; its suffix says what it is.

    Args:
        name: Of the image, for messages.
        path: Of the file.
        address: Where the board file puts it; a file with addresses of its own must begin there.
        data: Content of the file.

    Raises:
        Mistake: it is empty, malformed, or begins elsewhere.
    """
    suffix = path[path.rfind(".") :].lower()
    if suffix in _HEX:
        chunks = _merged(_from_hex(name, path, data))
    elif suffix in _ELF:
        chunks = _merged(_from_elf(name, path, data))
    else:
        _check_raw(name, path, data)
        chunks = [Chunk(address, data)] if data else []
    if not chunks:
        raise Mistake(f"image {name}: the file is empty: {path}")
    if chunks[0].address != address:
        raise Mistake(
            f"image {name}: {path} begins at {chunks[0].address:#010x}, the board file says "
            f"{address:#010x}",
            "give the address that the file itself has",
        )
    return chunks


def _check_raw(name: str, path: str, data: bytes) -> None:
    """Refuse a file that would be written as it is, headers or text and all."""
    record = _RECORD.match(data)
    start = record[1] if record else data[:4]
    if (what := _NOT_RAW.get(start)) is not None:
        raise Mistake(f"image {name}: {path} {what}")


def _from_hex(name: str, path: str, data: bytes) -> Iterator[Chunk]:
    from intelhex import IntelHex, IntelHexError

    hexfile = IntelHex()
    try:
        hexfile.loadhex(io.StringIO(data.decode("ascii")))
    except (IntelHexError, UnicodeDecodeError) as error:
        raise Mistake(f"image {name}: {path} is no Intel hex file: {error}") from error
    for start, end in hexfile.segments():
        yield Chunk(start, bytes(hexfile.tobinarray(start=start, size=end - start)))


def _from_elf(name: str, path: str, data: bytes) -> Iterator[Chunk]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        segments: Sequence[Any] = list(ELFFile(io.BytesIO(data)).iter_segments("PT_LOAD"))
        contents = [(segment, segment.data()) for segment in segments]
    except ELFError as error:
        raise Mistake(f"image {name}: {path} is no ELF file: {error}") from error
    for segment, content in contents:
        if len(content) != segment["p_filesz"]:
            raise Mistake(f"image {name}: {path} is cut off: a segment ends after the file")
        if content:
            yield Chunk(segment["p_paddr"], content)


def _merged(chunks: Iterator[Chunk]) -> list[Chunk]:
    """Return chunks in order, those that touch as one."""
    found: list[Chunk] = []
    for chunk in sorted(chunks, key=lambda chunk: chunk.address):
        if found and found[-1].end == chunk.address:
            found[-1] = Chunk(found[-1].address, found[-1].data + chunk.data)
        else:
            found.append(chunk)
    return found
