# SPDX-License-Identifier: Apache-2.0
"""What a load of one chip is made of: images, the units that are written, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hil.targets.image_chunks import Chunk

#: Told a step, the bytes done and the bytes in all.
Tell = Callable[[str, int, int], None]


@dataclass
class Item:
    """One image on its way to the chip."""

    name: str
    memory: str
    sha256: str
    chunks: list[Chunk]
    written: int = 0
    skipped: int = 0
    #: Digest of the file once every byte of it has been found on the chip.
    found: str = ""

    @property
    def size(self) -> int:
        """Bytes for the chip, not those of the file."""
        return sum(len(chunk.data) for chunk in self.chunks)


@dataclass(frozen=True, order=True)
class Unit:
    """The smallest part of a flash that is written: a sector, or a page that spans several."""

    start: int
    size: int


def within(chunks: Sequence[Chunk], units: set[Unit]) -> list[Chunk]:
    """Return the parts of chunks that lie in one of the units; neighbours as one."""
    spans: list[tuple[int, int]] = []  # of units that touch: an image may have thousands
    for unit in sorted(units):
        start = spans.pop()[0] if spans and spans[-1][1] == unit.start else unit.start
        spans.append((start, unit.start + unit.size))
    parts = []
    for chunk in chunks:
        for first, after in spans:
            start, end = max(chunk.address, first), min(chunk.end, after)
            if start < end:
                data = chunk.data[start - chunk.address : end - chunk.address]
                parts.append(Chunk(start, data))
    return parts


class Counter:
    """Adds up the bytes of one step."""

    def __init__(self, tell: Tell, step: str, total: int) -> None:
        self._tell, self._step, self._total, self._done = tell, step, total, 0

    def __call__(self, size: int) -> None:
        """Take the bytes of one more piece."""
        self._done += size
        self._tell(self._step, self._done, self._total)


class EraseThenProgram:
    """pyOCD's progress: from 0 to 1 while it erases, and once more while it programs."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell, self._total = tell, total
        self._step, self._last = "erase", 0.0

    def __call__(self, share: float) -> None:
        """Take pyOCD's share of the present phase."""
        if share < self._last:
            self._step = "program"
        self._last = share
        self._tell(self._step, round(min(share, 1.0) * self._total), self._total)
