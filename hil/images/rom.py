# SPDX-License-Identifier: Apache-2.0
"""The ROM of an RSE: BL1_1 at its start, the initial command sequence (ICS) of the DMA at its end.

Source: TF-M docs/platform/arm/rse/readme.rst (0x1F000 in 0x20000 bytes, the rest zero), and the
release notes of the 2024-04 ROM: some ROMs in circulation have the ICS at 0x1E000, where the DMA
does not find it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import Content, open_content
from hil.images.dma_ics import find_sequence, sequence_end
from hil.images.output import Output
from hil.images.recognise import is_foreign


@dataclass(frozen=True)
class RomLayout:
    """Where the parts of a ROM are."""

    size: int = 0x20000
    ics_offset: int = 0x1F000
    #: As the RSE sees it.
    base: int = 0x11000000

    @property
    def ics_size(self) -> int:
        """Most bytes that the ICS may have."""
        return self.size - self.ics_offset


#: All platforms of TF-M 2.1.0 to 2.3.1.
RSE_ROM = RomLayout()
#: Where some ROMs have the ICS by mistake.
WRONG_ICS_OFFSET = 0x1E000
_WORD = 4


@dataclass(frozen=True)
class Rom:
    """A ROM that was read."""

    bl1_1: Content
    ics: Content

    @property
    def path(self) -> Path | None:
        """The file it is in."""
        return self.bl1_1.path


def write_rom(output: Output, bl1_1: Content, ics: Content, layout: RomLayout = RSE_ROM) -> None:
    """Write a ROM image.

    Raises:
        ImageError: a part is empty or larger than its place.
    """
    for part, room, name in ((bl1_1, layout.ics_offset, "BL1_1"), (ics, layout.ics_size, "ICS")):
        if not 0 < part.size <= room:
            raise part.error(f"expected 1 to {room:#x} bytes, got {part.size:#x}", 0, name)
    output.resize(layout.size)
    output.copy(0, bl1_1)
    output.copy(layout.ics_offset, ics)


def parse_rom(content: Content, layout: RomLayout = RSE_ROM) -> Rom:
    """Return the parts of a ROM image, whole words; zeros behind them do not belong to a part.

    How many zeros a part ended with nothing tells, but for the DMA's commands, which show their end.

    Raises:
        ImageError: another size, no BL1_1, or no ICS where the DMA looks for it.
    """
    if content.size != layout.size:
        raise content.error(
            f"expected {layout.size:#x} bytes, got {content.size:#x}", content.size, "ROM"
        )
    data = content.read(0, content.size, "ROM")
    bl1_1 = data[: layout.ics_offset].rstrip(b"\0")
    ics = data[layout.ics_offset :].rstrip(b"\0")
    if not bl1_1:
        raise content.error("all zero, expected BL1_1", 0, "BL1_1")
    if not ics:
        elsewhere = any(data[WRONG_ICS_OFFSET : WRONG_ICS_OFFSET + 16])
        hint = f"; it seems to be at {WRONG_ICS_OFFSET:#x}" if elsewhere else ""
        raise content.error(f"all zero, expected the DMA ICS{hint}", layout.ics_offset, "ICS")
    end = sequence_end(data[layout.ics_offset :])
    return Rom(
        content.part(0, _words(len(bl1_1), layout.ics_offset), "BL1_1"),
        content.part(layout.ics_offset, max(end, _words(len(ics), layout.ics_size)), "ICS"),
    )


def rom_problem(path: Path, layout: RomLayout = RSE_ROM) -> str | None:
    """Return why no RSE starts from a file that a model is given for the ROM, None if one may.

    It may be shorter than the ROM: a model fills it up. A model may do without the ICS, but not
    where the file has one in the wrong place.
    """
    try:
        with open_content(path, "ROM") as content:
            if not 0 < content.size <= layout.size:
                wanted = f"expected BL1_1 and the DMA ICS in at most {layout.size:#x} bytes"
                raise content.error(f"{wanted}, got {content.size:#x}", 0, "ROM")
            data = content.read(0, content.size, "ROM")
            if not data[: layout.ics_offset].strip(b"\0\xff"):
                raise content.error(f"only {data[:1].hex().upper()}, expected BL1_1", 0, "BL1_1")
            if is_foreign(data):
                raise content.error("a text, an object or an archive, expected BL1_1", 0, "BL1_1")
            ics = data[layout.ics_offset :].strip(b"\0\xff")
            if not ics and find_sequence(data[WRONG_ICS_OFFSET : layout.ics_offset]):
                wanted = f"the DMA ICS, expected at {layout.ics_offset:#x}"
                raise content.error(wanted, WRONG_ICS_OFFSET, "ICS")
    except ImageError as error:
        return str(error)
    return None


def _words(size: int, room: int) -> int:
    """Return the bytes of the words that so many bytes are in."""
    return min(-(-size // _WORD) * _WORD, room)
