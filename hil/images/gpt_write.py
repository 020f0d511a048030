# SPDX-License-Identifier: Apache-2.0
"""GPT: writing a partition table, changing a partition in place, and mending a damaged copy."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.gpt import Gpt
from hil.images.gpt_format import (
    ENTRY,
    HEADER,
    NAME_UNITS,
    REVISION,
    SECTOR_SIZES,
    SIGNATURE,
    GptHeader,
)
from hil.images.output import Output

#: Bytes; flashes of hosts have up to 256 MiB, and the digest of what is written reads all of it.
MAX_DISK = 1 << 30
ENTRY_COUNT = 128
_MBR_SIZE, _MBR_RECORDS, _MBR_END = 512, 446, b"\x55\xaa"
#: Type of a partition of which nothing else is said: Linux file system, as sgdisk's 8300.
DEFAULT_TYPE = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")


@dataclass(frozen=True)
class NewPartition:
    """A partition for a table that is to be written."""

    name: str
    guid: UUID
    first_lba: int
    last_lba: int
    type_guid: UUID = DEFAULT_TYPE
    attributes: int = 0


@dataclass(frozen=True)
class NewTable:
    """A table that is to be written."""

    sector_size: int
    #: Sectors of the whole image.
    sectors: int
    disk_guid: UUID
    partitions: tuple[NewPartition, ...]

    @property
    def _entry_sectors(self) -> int:
        return -(-ENTRY_COUNT * ENTRY.size // self.sector_size)

    @property
    def first_usable(self) -> int:
        """First sector that a partition may have."""
        return 2 + self._entry_sectors

    @property
    def last_usable(self) -> int:
        """Last sector that a partition may have."""
        return self.sectors - 2 - self._entry_sectors

    def check(self) -> None:
        """Refuse what no reader would accept.

        Raises:
            ImageError: sector size, size of the image, a name, or a place of a partition.
        """
        if self.sector_size not in SECTOR_SIZES:
            raise ImageError(f"expected 512 or 4096, got {self.sector_size}", field="sector size")
        if self.first_usable > self.last_usable:
            raise ImageError(f"{self.sectors} sectors hold no partition", field="size")
        if len(self.partitions) > ENTRY_COUNT:
            raise ImageError(f"{len(self.partitions)} partitions, expected at most {ENTRY_COUNT}")
        for part in self.partitions:
            field = f"partition {part.name!r}"
            if not 0 < len(part.name.encode("utf-16-le", "replace")) // 2 <= NAME_UNITS:
                raise ImageError(f"expected a name of 1 to {NAME_UNITS} characters", field=field)
            if not self.first_usable <= part.first_lba <= part.last_lba <= self.last_usable:
                raise ImageError(
                    f"sectors {part.first_lba} to {part.last_lba}, usable are "
                    f"{self.first_usable} to {self.last_usable}",
                    field=field,
                )
        for first, second in pairwise(sorted(self.partitions, key=lambda part: part.first_lba)):
            if second.first_lba <= first.last_lba:
                message = f"begins in sector {second.first_lba}, inside {first.name!r}"
                raise ImageError(message, field=f"partition {second.name!r}")

    def write(self, output: Output) -> None:
        """Write protective MBR and both copies; the file gets its full size.

        Raises:
            ImageError: as `check`.
        """
        self.check()
        output.resize(self.sectors * self.sector_size)
        output.write(0, protective_mbr(self.sectors))
        entries = b"".join(_entry(part) for part in self.partitions)
        entries = entries.ljust(ENTRY_COUNT * ENTRY.size, b"\0")
        last = self.sectors - 1
        header = GptHeader(
            1, last, self.first_usable, self.last_usable, self.disk_guid, 2, ENTRY_COUNT,
            ENTRY.size, zlib.crc32(entries), HEADER.size,
        )  # fmt: skip
        _write_copies(output, self.sector_size, header, entries)


def protective_mbr(sectors: int) -> bytes:
    """Return the first sector, which tells tools without GPT that the disk is in use."""
    last = sectors - 1
    cylinder, rest = divmod(last, 255 * 63)
    head, sector = divmod(rest, 63)
    chs = bytes([head, sector + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF])
    end = chs if cylinder < 1024 else b"\xff\xff\xff"
    size = min(last, 0xFFFFFFFF)
    record = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, end, 1, size)
    return bytes(_MBR_RECORDS) + record + bytes(48) + _MBR_END


def patch(output: Output, gpt: Gpt, name: str, data: Content, *, keep_rest: bool = False) -> None:
    """Write the content of a partition of an image that is being written, and nothing else.

    Args:
        output: Holds the whole image of the table already.
        gpt: The table; both copies must be sound.
        name: The partition.
        data: From its first byte on.
        keep_rest: Leave what follows as it is; otherwise it becomes zero, so that the result does
            not depend on what was there before.

    Raises:
        ImageError: a copy is damaged, no such partition, or more data than it has room for.
    """
    gpt.require_sound()
    part = gpt.partition(name)
    if data.size > part.size:
        raise data.error(
            f"{data.size} bytes, partition {name!r} has room for {part.size}", part.size, "size"
        )
    output.copy(part.offset, data)
    if not keep_rest:
        output.fill(part.offset + data.size, part.offset + part.size, 0)


def has_mbr(content: Content) -> bool:
    """Return whether the first sector is a MBR, protective or of somebody's own."""
    return content.read(0, _MBR_SIZE, "MBR").endswith(_MBR_END)


def mend(output: Output, gpt: Gpt) -> None:
    """Write both copies anew from the one that is sound; partitions stay as they are.

    The second copy goes to the last sector, also where the image has grown. Where there is no MBR
    a protective one is written; code in front of it stays, an erased sector (FF) does not.

    Raises:
        ImageError: the image has no room for the second copy behind its partitions.
    """
    header, entries = gpt.table.header, gpt.table.entries
    size = gpt.sector_size
    last = gpt.content.size // size - 1
    reserved = -(-header.entries_size // size)
    if header.first_usable < 2 + reserved:
        raise gpt.content.error(
            f"first usable sector is {header.first_usable}, the entries need sectors up to "
            f"{1 + reserved}",
            size + 40,
            "FirstUsableLBA",
        )
    used = max((part.last_lba for part in gpt.table.partitions), default=0)
    if last - reserved - 1 < max(used, header.first_usable):
        raise gpt.content.error(
            f"the partitions end in sector {used}, the second copy needs sectors "
            f"{last - reserved} to {last}",
            size + 48,
            "LastUsableLBA",
        )
    copy = GptHeader(
        1, last, header.first_usable, last - reserved - 1, header.disk_guid, 2,
        header.entry_count, header.entry_size, zlib.crc32(entries), HEADER.size,
    )  # fmt: skip
    _write_copies(output, size, copy, entries)
    if not has_mbr(gpt.content):
        mbr = protective_mbr(last + 1)
        erased = not gpt.content.read(0, size, "MBR").strip(b"\xff")
        if erased:
            output.write(0, bytes(size))
        output.write(_MBR_RECORDS, mbr[_MBR_RECORDS:])


def _write_copies(output: Output, size: int, header: GptHeader, entries: bytes) -> None:
    reserved = -(-len(entries) // size)
    last = header.alternate_lba
    places: Sequence[tuple[int, int, int]] = (
        (1, last, header.entries_lba),
        (last, 1, last - reserved),
    )
    for my, other, entries_lba in places:
        output.write(entries_lba * size, entries)
        output.write(my * size, _pack(header, my, other, entries_lba).ljust(size, b"\0"))


def _pack(header: GptHeader, my: int, alternate: int, entries_lba: int) -> bytes:
    def fields(crc: int) -> bytes:
        return HEADER.pack(
            SIGNATURE, REVISION, HEADER.size, crc, 0, my, alternate, header.first_usable,
            header.last_usable, header.disk_guid.bytes_le, entries_lba, header.entry_count,
            header.entry_size, header.entries_crc,
        )  # fmt: skip

    return fields(zlib.crc32(fields(0)))


def _entry(part: NewPartition) -> bytes:
    return ENTRY.pack(
        part.type_guid.bytes_le, part.guid.bytes_le, part.first_lba, part.last_lba,
        part.attributes, part.name.encode("utf-16-le", "replace"),
    )  # fmt: skip
