# SPDX-License-Identifier: Apache-2.0
"""The host's flash as BL1_2 and BL2 search it: packages (FIP) by place, or as partitions (GPT).

After TF-M rse/common/fip_parser/{fip_parser,gpt,host_flash_atu}.c and fwu_metadata.c of 2.2.2 and
2.3.1. What these do not look at is not looked at here: CRCs of the partition table, its second
copy, ends of partitions, overlaps, the end of a table of contents.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from hil.virtual.console import Console
from hil.virtual.error_codes import PlatError, plat_code
from hil.virtual.ports import FlashPort
from hil.virtual.releases import Release

FIP, GPT = "fip", "gpt"
#: What there may be in the flash instead of raw slots.
KINDS = {
    FIP: "packages at the start and 8 MiB behind it (RSE_USE_HOST_FLASH)",
    GPT: "packages in the partitions FIP_A and FIP_B (RSE_GPT_SUPPORT)",
}

#: Where the debugger sees the flash, and what of it a virtual chip has cells for.
WINDOW, CELLS = 0x70000000, 0x1000000

#: Where the ATU sees it.
_BASE, _SIZE = 0x08000000, 0x4000000
_PAGE = 0x2000
_LONGEST_IMAGE = 0x1000000
_MASK_32, _MASK_64 = (1 << 32) - 1, (1 << 64) - 1

_FIPS = (0x0, 0x800000)
_TOC_ROOM = 0x1000
_TOC_NAME = 0xAA640001
_TOC_HEADER = struct.Struct("<IIQ")
_TOC_ENTRY = struct.Struct("<16sQQQ")
_NULL_UUID = bytes(16)

_LBA = 512
_GPT_HEADER = struct.Struct("<8s64xQII4x")
_GPT_ENTRY_SIZE = 128
_GPT_ENTRY = struct.Struct("<32xQ16x72s")
_PARTITIONS = ("FIP_A", "FIP_B")
_METADATA = ("FWU-Metadata", "Bkup-FWU-Metadata")
_PRIVATE = "private_metadata_1"

#: CRC, version, active and previous bank, size, offset of the descriptor, states of the banks.
_METADATA_HEADER = struct.Struct("<IIIIIH2x4s4x")
_BANKS = 2
_BANK_BOOTS = (0xFE, 0xFC)
_FAILED_BOOTS = 1


def read_flash(flash: FlashPort, offset: int, size: int) -> bytes:
    """Read a range; beyond the cells that there are it is erased."""
    return flash.read(offset, size).ljust(size, b"\xff")


@dataclass(frozen=True)
class _Room:
    """A range of the flash behind the ATU: its start in the flash, and bytes up to its end."""

    start: int
    size: int


class HostFlash:
    """Finds images in the host's flash.

    Args:
        kind: One of `KINDS`.
        flash: Its content, by offset.
        release: Whose rules hold.
        console: What 2.3 reports on.
    """

    def __init__(self, kind: str, flash: FlashPort, release: Release, console: Console) -> None:
        self._kind = kind
        self._flash = flash
        self._release = release
        self._console = console

    def find(self, uuid: bytes) -> tuple[int, int]:
        """Offsets of the image of that UUID in the first and the second slot.

        Raises:
            PlatError: No package has it, or nothing names a package.
        """
        fips = _FIPS if self._kind == FIP else self._active_fips()
        slots: list[int | None] = []
        for fip in fips:
            try:
                slots.append(self._in_fip(fip, uuid))
            except PlatError:
                slots.append(None)
        first, second = slots
        # MCUboot wants both; one alone is there twice.
        found = first if first is not None else second
        if found is None:
            if not self._release.old:
                start = uuid[:4].hex().upper()
                self._console.error(f"Failed to find image with UUID starting {start}")
            raise self._error("HOST_FLASH_SETUP_IMAGE_SLOT_NO_FIP_MAPPED")
        return found, found if second is None else second

    def _in_fip(self, fip: int, uuid: bytes) -> int:
        toc = self._map(_BASE + fip, _TOC_ROOM)
        name, _serial, _flags = _TOC_HEADER.unpack(self._read(toc.start, _TOC_HEADER.size))
        if name != _TOC_NAME:
            raise self._error("FIP_TOC_HEADER_INVALID_NAME")
        at = _TOC_HEADER.size
        while at + _TOC_ENTRY.size <= toc.size:
            raw = self._read(toc.start + at, _TOC_ENTRY.size)
            found, offset, size, _flags = _TOC_ENTRY.unpack(raw)
            if found == uuid:
                if size > _MASK_32:
                    raise self._error("FIP_TOC_ENTRY_INVALID_SIZE")
                return self._map((_BASE + fip + offset) & _MASK_64, size).start
            if found == _NULL_UUID:
                raise self._error("GPT_TOC_ENTRY_NOT_FOUND")
            at += _TOC_ENTRY.size
        raise self._error("FIP_TOC_ENTRY_OVERFLOW")

    def _active_fips(self) -> tuple[int, int]:
        """The package of the active bank, for both slots."""
        header = self._map(_BASE + _LBA, _LBA)
        raw = self._read(header.start, _GPT_HEADER.size)
        signature, list_lba, count, entry_size = _GPT_HEADER.unpack(raw)
        if signature != b"EFI PART":
            raise self._error("GPT_HEADER_INVALID_SIGNATURE")
        size = count * entry_size & _MASK_32
        room = self._map((_BASE + list_lba * _LBA) & _MASK_64, size)
        places: dict[str, int | None] = {
            name: self._partition(room, size, entry_size, name)
            for name in (*_PARTITIONS, *_METADATA, _PRIVATE)
        }
        private = places[_PRIVATE]
        if private is None:
            raise self._error("HOST_FLASH_SETUP_IMAGE_SLOT_NO_PRIVATE_METADATA_FOUND")
        metadata = places[_METADATA[0]]
        if metadata is None:
            metadata = places[_METADATA[1]]
        if metadata is None:
            raise self._error("HOST_FLASH_SETUP_IMAGE_SLOT_NO_METADATA_FOUND")
        bank = self._active_bank(metadata, private)
        fip = places[_PARTITIONS[bank]]
        if fip is None:
            raise self._error("HOST_FLASH_SETUP_IMAGE_SLOT_NO_FIP_FOUND")
        return fip, fip

    def _partition(self, room: _Room, size: int, entry_size: int, name: str) -> int | None:
        """Where the partition of that name begins; None if there is none or the list is wrong."""
        if entry_size > _GPT_ENTRY_SIZE or size > room.size or not entry_size:
            return None
        wanted = (name + "\0").encode("utf-16-le")
        for at in range(room.start, room.start + size, entry_size):
            lba, label = _GPT_ENTRY.unpack(self._read(at, _GPT_ENTRY_SIZE))
            if label.startswith(wanted):
                return int(lba) * _LBA & _MASK_64
        return None

    def _active_bank(self, metadata: int, private: int) -> int:
        """The bank to boot from: as the metadata say; 2.2 also looks at failed boots."""
        room = _LBA if self._release.old else 200
        data = self._metadata(metadata, room)
        crc, _version, active, previous, size, _descriptor, states = _METADATA_HEADER.unpack_from(
            data
        )
        # What a size beyond the structure takes in is not the metadata.
        if not 4 <= size <= room or zlib.crc32(data[4:size]) != crc:
            raise self._error("FWU_METADATA_CRC_MISMATCH")
        if active >= _BANKS or previous >= _BANKS:
            raise self._error("FWU_METADATA_INVALID_BANK_INDEX")
        if not self._release.old:
            return int(active)
        failed = int.from_bytes(self._metadata(private, 4), "little")
        if failed < _FAILED_BOOTS and states[active] in _BANK_BOOTS:
            return int(active)
        if active != previous and states[previous] in _BANK_BOOTS:
            return int(previous)
        raise PlatError(-1, "no bank of the metadata boots")

    def _metadata(self, offset: int, size: int) -> bytes:
        if self._release.old and offset % _PAGE:
            raise PlatError(-1, "2.2 maps metadata without aligning them")
        return self._read(offset, size)

    def _map(self, physical: int, size: int) -> _Room:
        """Map a range through the ATU, as `setup_aligned_atu_slot` does.

        2.2 rounds addresses with functions of 32 bits: what is 4 GiB beyond is found at the start.
        """
        mask = _MASK_32 if self._release.old else _MASK_64
        aligned = (physical & mask) // _PAGE * _PAGE
        end = ((physical + size) & mask) + _PAGE - 1
        slot = ((end & mask) // _PAGE * _PAGE - aligned) & _MASK_32
        offset = (physical - aligned) & _MASK_32
        inside = aligned >= _BASE and aligned + slot <= _BASE + _SIZE
        if not inside or not 0 < slot <= _LONGEST_IMAGE or offset > _PAGE:
            raise self._error("HOST_FLASH_SETUP_ATU_SLOT_INVALID_INPUT")
        return _Room(aligned - _BASE + offset, slot - offset)

    def _read(self, offset: int, size: int) -> bytes:
        return read_flash(self._flash, offset, size)

    def _error(self, name: str) -> PlatError:
        return PlatError(plat_code(name, self._release.generation), name)
