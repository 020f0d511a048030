# SPDX-License-Identifier: Apache-2.0
"""FIP, the firmware image package of TF-A: table of contents, then the images.

Layout: header {name 0xAA640001, serial number u32, flags u64}, one entry of 40 bytes for each image
{uuid, offset u64, size u64, flags u64}, and an entry of all zeros whose offset is the size of the
package. Offsets count from the header. Source: TF-A include/tools_share/firmware_image_package.h;
how packages are laid out follows fiptool, so that both tools write the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip_uuids import KINDS, name_of
from hil.images.output import Output

NAME = 0xAA640001
SERIAL_NUMBER = 0x12345678
#: What TF-M's documents give to fiptool: an image in place needs a page of the ATU (8 KiB).
RSE_ALIGNMENT = 8192
#: No package has as many images; a table that is longer has lost its end.
MAX_ENTRIES = 1024

HEADER = struct.Struct("<IIQ")
ENTRY = struct.Struct("<16sQQQ")
_NONE = bytes(16)
_ORDER = {kind.uuid: number for number, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class FipEntry:
    """One image of a package."""

    uuid: UUID
    #: From the start of the package.
    offset: int
    size: int
    flags: int
    #: Of the entry itself, from the start of the package.
    entry_offset: int

    @property
    def name(self) -> str:
        """Name of fiptool's option, or the UUID."""
        return name_of(self.uuid)


@dataclass(frozen=True)
class Fip:
    """A package that was read."""

    content: Content
    serial_number: int
    flags: int
    entries: tuple[FipEntry, ...]
    #: Bytes with padding; what follows does not belong to it.
    size: int

    @property
    def path(self) -> Path | None:
        """The file it is in."""
        return self.content.path

    @property
    def alignment(self) -> int:
        """Largest power of two that all offsets and the size are multiples of."""
        bits = self.size
        for entry in self.entries:
            bits |= entry.offset
        return bits & -bits

    def entry(self, uuid: UUID) -> FipEntry:
        """Return the entry of an image.

        Raises:
            ImageError: the package does not have it; says what it has.
        """
        for entry in self.entries:
            if entry.uuid == uuid:
                return entry
        there = ", ".join(entry.name for entry in self.entries) or "nothing"
        raise self.content.error(f"no image {name_of(uuid)}; there is {there}", 0, "ToC")

    def image(self, entry: FipEntry) -> Content:
        """Return the bytes of an image."""
        return self.content.part(entry.offset, entry.size, f"ToC entry {entry.name}")


def parse_fip(content: Content) -> Fip:
    """Return the table of a package.

    Args:
        content: The package from its header on; more may follow it.

    Raises:
        ImageError: no package, or one that is cut, has no end of its table, an image twice, or
            images that reach into each other.
    """
    name, serial_number, flags = HEADER.unpack(content.read(0, HEADER.size, "ToC header"))
    if name != NAME:
        raise content.error(f"expected {NAME:#x}, got {name:#x}: no FIP", 0, "ToC header name")
    entries: list[FipEntry] = []
    for number in range(MAX_ENTRIES):
        at = HEADER.size + number * ENTRY.size
        field = f"ToC entry {number}"
        raw, offset, size, entry_flags = ENTRY.unpack(content.read(at, ENTRY.size, field))
        if raw == _NONE:
            _check(content, entries, at + ENTRY.size)
            last = max((e.offset + e.size for e in entries), default=at + ENTRY.size)
            # Some tools leave the last offset at 0; it is only the size of the package.
            end = offset if last <= offset <= content.size else last
            return Fip(content, serial_number, flags, tuple(entries), end)
        entries.append(FipEntry(UUID(bytes=raw), offset, size, entry_flags, at))
    raise content.error(f"no end within {MAX_ENTRIES} entries", HEADER.size, "ToC")


def _check(content: Content, entries: Sequence[FipEntry], toc_end: int) -> None:
    """Refuse images outside the package, in the table, in each other, or twice."""
    for entry in entries:
        field = f"ToC entry {entry.name}"
        if entry.offset < toc_end or entry.offset + entry.size > content.size:
            raise content.error(
                f"image at {entry.offset:#x} to {entry.offset + entry.size:#x}, expected between "
                f"the end of the table {toc_end:#x} and the end of the file {content.size:#x}",
                entry.entry_offset,
                field,
            )
    if len({entry.uuid for entry in entries}) < len(entries):
        uuids = [entry.uuid for entry in entries]
        twice = next(e for number, e in enumerate(entries) if e.uuid in uuids[:number])
        raise content.error("this image is there twice", twice.entry_offset, twice.name)
    for first, second in pairwise(sorted(entries, key=lambda entry: entry.offset)):
        if second.offset < first.offset + first.size:
            raise content.error(
                f"image begins at {second.offset:#x}, inside {first.name} "
                f"({first.offset:#x} to {first.offset + first.size:#x})",
                second.entry_offset,
                f"ToC entry {second.name}",
            )


@dataclass(frozen=True)
class FipImage:
    """An image for a package that is to be written."""

    uuid: UUID
    content: Content
    flags: int = 0


@dataclass(frozen=True)
class FipLayout:
    """A package that is ready to be written."""

    toc: bytes
    #: Offset of each image, from the start of the package.
    parts: tuple[tuple[int, FipImage], ...]
    size: int

    def write(self, output: Output, base: int = 0) -> None:
        """Write the package at an offset of a file; gaps must be zero there already."""
        output.write(base, self.toc)
        for offset, image in self.parts:
            output.copy(base + offset, image.content)


def lay_out(images: Iterable[FipImage], align: int = 1, flags: int = 0) -> FipLayout:
    """Give each image its place, in fiptool's order: known ones by its table, then the others.

    Args:
        images: Each kind once.
        align: Power of two that all offsets and the size are multiples of.
        flags: Of the whole package; the platform's own are bits 32 to 47.

    Raises:
        ImageError: an alignment that is none, an image twice, or one without content.
    """
    if align < 1 or align & (align - 1) or align > 1 << 30:
        raise ImageError(f"expected a power of two up to {1 << 30:#x}, got {align}", field="align")
    ordered = sorted(images, key=lambda image: _ORDER.get(image.uuid, len(_ORDER)))
    for number, image in enumerate(ordered):
        if image.uuid in [other.uuid for other in ordered[:number]]:
            raise image.content.error("this image is given twice", 0, name_of(image.uuid))
        if not image.content.size:
            raise image.content.error("the file is empty", 0, name_of(image.uuid))
    end = HEADER.size + ENTRY.size * (len(ordered) + 1)
    toc = [HEADER.pack(NAME, SERIAL_NUMBER, flags)]
    parts: list[tuple[int, FipImage]] = []
    for image in ordered:
        offset = _up(end, align)
        toc.append(ENTRY.pack(image.uuid.bytes, offset, image.content.size, image.flags))
        parts.append((offset, image))
        end = offset + image.content.size
    size = _up(end, align)
    toc.append(ENTRY.pack(_NONE, size, 0, 0))
    return FipLayout(b"".join(toc), tuple(parts), size)


def updated(fip: Fip, images: Iterable[FipImage], align: int | None = None) -> FipLayout:
    """Lay out a package anew with images added or replaced.

    Args:
        fip: What is kept: flags, and images that are not replaced, with their flags.
        images: New images.
        align: As in `lay_out`; what the package has, up to RSE_ALIGNMENT, by default. fiptool
            would fall back to 1, and an RSE cannot execute in place from there.
    """
    new = {image.uuid: image for image in images}
    kept = [FipImage(e.uuid, fip.image(e), e.flags) for e in fip.entries if e.uuid not in new]
    # fiptool puts unknown images that it is given before those that it finds in the package.
    return lay_out([*new.values(), *kept], align or _kept_alignment(fip), fip.flags)


def without(fip: Fip, uuids: Iterable[UUID], align: int | None = None) -> FipLayout:
    """Lay out a package anew without some images.

    Raises:
        ImageError: one of them is not in the package.
    """
    gone = {fip.entry(uuid).uuid for uuid in uuids}
    kept = [FipImage(e.uuid, fip.image(e), e.flags) for e in fip.entries if e.uuid not in gone]
    return lay_out(kept, align or _kept_alignment(fip), fip.flags)


def with_platform_flags(fip: Fip, platform_flags: int) -> Fip:
    """Return the package with other platform flags (16 bits)."""
    return replace(fip, flags=fip.flags & ~(0xFFFF << 32) | platform_flags << 32)


def _kept_alignment(fip: Fip) -> int:
    return min(fip.alignment, RSE_ALIGNMENT)


def _up(value: int, align: int) -> int:
    return (value + align - 1) & ~(align - 1)
