# SPDX-License-Identifier: Apache-2.0
"""GPT: reading the partition table of a flash image, the first copy and the one at the end.

Layout in sectors of 512 or 4096 bytes: protective MBR, header, entries, partitions, entries, header.
Source: UEFI specification 2.10, 5.3. No GPT library is used: of those that need no block device none
checks both copies, takes sectors of 4096 bytes and changes one partition of an image in place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from hil.errors import ImageError
from hil.images.content import MAX_FIELD, Content
from hil.images.gpt_format import (
    ENTRY,
    HEADER,
    REVISION,
    SECTOR_SIZES,
    SIGNATURE,
    GptHeader,
    Partition,
)


@dataclass(frozen=True)
class Table:
    """One header and its partitions; both are consistent in themselves."""

    header: GptHeader
    partitions: tuple[Partition, ...]
    #: The entries as they are in the file.
    entries: bytes


@dataclass(frozen=True)
class Gpt:
    """The partition table of an image; at least one of its copies is sound."""

    content: Content
    sector_size: int
    primary: Table | None
    backup: Table | None
    #: What is wrong with a copy, or between the two.
    problems: tuple[ImageError, ...]

    @property
    def table(self) -> Table:
        """The copy that counts: the first one where it is sound."""
        table = self.primary or self.backup
        assert table is not None
        return table

    def require_sound(self) -> None:
        """Raise the first problem, if there is one."""
        if self.problems:
            raise self.problems[0]

    def partition(self, name: str) -> Partition:
        """Return a partition by its name.

        Raises:
            ImageError: none or several have that name.
        """
        found = [part for part in self.table.partitions if part.name == name]
        if len(found) == 1:
            return found[0]
        there = ", ".join(repr(part.name) for part in self.table.partitions) or "none"
        many = f"{len(found)} partitions are called" if found else "no partition is called"
        raise self.content.error(
            f"{many} {name!r}; there are {there}", self.sector_size, "partition name"
        )

    def read(self, part: Partition) -> Content:
        """Return the bytes of a partition."""
        return self.content.part(part.offset, part.size, f"partition {part.name!r}")


def parse_gpt(content: Content, sector_size: int | None = None) -> Gpt:
    """Return the partition table of an image.

    Args:
        content: The whole image; the second copy is in its last sector.
        sector_size: 512 or 4096; found by the signature where it is not given.

    Raises:
        ImageError: no GPT, or no copy of it is sound.
    """
    size = sector_size or _sector_size(content)
    if size not in SECTOR_SIZES:
        raise content.error(f"expected 512 or 4096, got {size}", 0, "sector size")
    problems: list[ImageError] = []
    primary = _read(content, size, 1, problems)
    last = content.size // size - 1
    # The first copy says where the second is; one in the last sector is found without it.
    place = primary.header.alternate_lba if primary else last
    backup = _read(content, size, place, problems)
    if primary is None and backup is None:
        raise problems[0]
    if primary and backup:
        problems += _differences(content, size, primary, backup)
    if place != last:
        message = f"second header in sector {place}, the last sector of the image is {last}"
        problems.append(content.error(message, size + 32, "AlternateLBA"))
    return Gpt(content, size, primary, backup, tuple(problems))


def is_gpt(content: Content) -> bool:
    """Return whether there is a header of a GPT, sound or not, where one belongs."""
    try:
        return bool(_sector_size(content))
    except ImageError:
        return False


def _sector_size(content: Content) -> int:
    for size in SECTOR_SIZES:
        for offset in (size, content.size // size * size - size):
            inside = 0 < offset <= content.size - len(SIGNATURE)
            if inside and content.read(offset, len(SIGNATURE)) == SIGNATURE:
                return size
    raise content.error("no 'EFI PART' in sector 1 or the last one: no GPT", 512, "Signature")


def _read(content: Content, size: int, lba: int, problems: list[ImageError]) -> Table | None:
    """Return one copy, or None after noting what is wrong with it."""
    try:
        header = _header(content, size, lba)
        return _table(content, size, header)
    except ImageError as error:
        problems.append(error)
        return None


def _header(content: Content, size: int, lba: int) -> GptHeader:
    at = lba * size
    raw = content.read(at, HEADER.size, "header")
    (signature, revision, length, crc, _, my, alternate, first, last, disk, entries, count, width,
     entries_crc) = HEADER.unpack(raw)  # fmt: skip
    if signature != SIGNATURE:
        raise content.error(f"expected {SIGNATURE!r}, got {signature!r}", at, "Signature")
    if revision != REVISION:
        raise content.error(f"expected {REVISION:#x}, got {revision:#x}", at + 8, "Revision")
    if not HEADER.size <= length <= size:
        raise content.error(f"expected 92 to {size}, got {length}", at + 12, "HeaderSize")
    whole = bytearray(content.read(at, length, "header"))
    whole[16:20] = bytes(4)
    if (found := zlib.crc32(whole)) != crc:
        raise content.error(f"says {crc:#010x}, is {found:#010x}", at + 16, "HeaderCRC32")
    if my != lba:
        raise content.error(f"says sector {my}, is in sector {lba}", at + 24, "MyLBA")
    if width < ENTRY.size or width % 8 or count * width > MAX_FIELD:
        raise content.error(
            f"{count} entries of {width} bytes", at + 80, "NumberOfPartitionEntries"
        )
    content.check(entries * size, count * width, "PartitionEntryLBA")
    if first > last or last >= content.size // size:
        raise content.error(
            f"usable sectors {first} to {last}, the image has {content.size // size}",
            at + 40,
            "FirstUsableLBA",
        )
    return GptHeader(
        my, alternate, first, last, UUID(bytes_le=disk), entries, count, width, entries_crc, length
    )


def _table(content: Content, size: int, header: GptHeader) -> Table:
    at = header.entries_lba * size
    entries = content.read(at, header.entries_size, "partition entries")
    if (found := zlib.crc32(entries)) != header.entries_crc:
        raise content.error(
            f"header says {header.entries_crc:#010x}, is {found:#010x}",
            header.my_lba * size + 88,
            "PartitionEntryArrayCRC32",
        )
    partitions = tuple(_partitions(content, size, header, entries))
    for first, second in pairwise(sorted(partitions, key=lambda part: part.first_lba)):
        if second.first_lba <= first.last_lba:
            raise content.error(
                f"begins in sector {second.first_lba}, inside {first.name!r}",
                second.entry_offset,
                f"partition {second.name!r}",
            )
    return Table(header, partitions, entries)


def _partitions(
    content: Content, size: int, header: GptHeader, entries: bytes
) -> Iterator[Partition]:
    for number in range(header.entry_count):
        kind, guid, first, last, attributes, raw = ENTRY.unpack_from(
            entries, number * header.entry_size
        )
        if kind == bytes(16):
            continue
        name = raw.decode("utf-16-le", "replace").partition("\0")[0]
        at = header.entries_lba * size + number * header.entry_size
        if not header.first_usable <= first <= last <= header.last_usable:
            raise content.error(
                f"sectors {first} to {last}, usable are {header.first_usable} to "
                f"{header.last_usable}",
                at,
                f"partition {name!r}",
            )
        yield Partition(
            number + 1, name, UUID(bytes_le=kind), UUID(bytes_le=guid), first, last, attributes,
            at, first * size, (last - first + 1) * size,
        )  # fmt: skip


def _differences(
    content: Content, size: int, primary: Table, backup: Table
) -> Iterator[ImageError]:
    one, two = primary.header, backup.header
    same = ("first_usable", "last_usable", "disk_guid", "entry_count", "entry_size", "entries_crc")
    for name in same:
        mine, other = getattr(one, name), getattr(two, name)
        if mine != other:
            message = f"first header says {mine}, second {other}"
            yield content.error(message, two.my_lba * size, name)
    if two.alternate_lba != one.my_lba:
        message = f"expected sector {one.my_lba}, got {two.alternate_lba}"
        yield content.error(message, two.my_lba * size + 32, "AlternateLBA")
