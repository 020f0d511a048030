# SPDX-License-Identifier: Apache-2.0
"""A whole flash image from its pieces, and the check that it holds what it should."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.output import new_file

#: No flash of an RSE platform is larger.
MAX_FLASH = 256 * 1024 * 1024


@dataclass(frozen=True)
class Piece:
    """One image and its place in the flash."""

    name: str
    content: Content
    #: From the base of the flash.
    offset: int
    #: Room it has, None where only the end of the flash limits it.
    room: int | None = None

    @property
    def end(self) -> int:
        """First byte after it."""
        return self.offset + self.content.size


@dataclass(frozen=True)
class FlashFile:
    """A flash image that was written and read back."""

    path: Path
    size: int
    sha256: str


def check_pieces(pieces: Sequence[Piece], size: int) -> None:
    """Refuse pieces that overlap, do not fit their room, or reach out of the flash.

    Args:
        pieces: In any order.
        size: Bytes of the flash.

    Raises:
        ImageError: names files and offsets.
    """
    if not 0 < size <= MAX_FLASH:
        raise ImageError(f"expected a flash of 1 to {MAX_FLASH:#x} bytes, got {size:#x}")
    for piece in pieces:
        limit = size if piece.room is None else min(size, piece.offset + piece.room)
        if piece.end > limit or piece.offset < 0:
            raise piece.content.error(
                f"{piece.name} at {piece.offset:#x} to {piece.end:#x} reaches beyond {limit:#x}",
                0,
                "size",
            )
    for first, second in pairwise(sorted(pieces, key=lambda piece: piece.offset)):
        if second.offset < first.end:
            raise second.content.error(
                f"{second.name} at {second.offset:#x} overlaps {first.name} "
                f"({first.content.path}, {first.offset:#x} to {first.end:#x})",
                0,
                "offset",
            )


def write_flash(path: Path, pieces: Iterable[Piece], size: int, fill: int = 0) -> FlashFile:
    """Write a flash image, read it back and compare it with its pieces.

    Args:
        path: The file to write.
        pieces: What goes where; their files may be the file itself.
        size: Bytes of the flash.
        fill: Byte between the pieces; an erased NOR flash has 0xFF.

    Raises:
        ImageError: as `check_pieces`, or what was written is not what was read.
    """
    ordered = sorted(pieces, key=lambda piece: piece.offset)
    check_pieces(ordered, size)
    with new_file(path) as output:
        output.resize(size)
        at = 0
        for piece in ordered:
            if fill:
                output.fill(at, piece.offset, fill)
            output.copy(piece.offset, piece.content)
            at = piece.end
        if fill:
            output.fill(at, size, fill)
        written = output.content()
        for piece in ordered:
            verify_piece(written, piece)
        digest = written.sha256()
    return FlashFile(path, size, digest)


def verify_piece(flash: Content, piece: Piece) -> None:
    """Check that a flash image holds a piece at its place.

    Raises:
        ImageError: it holds something else there.
    """
    found = flash.part(piece.offset, piece.content.size, piece.name)
    if not found.same_as(piece.content):
        raise flash.error(f"does not hold {piece.content.path}", piece.offset, piece.name)
