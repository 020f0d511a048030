# SPDX-License-Identifier: Apache-2.0
"""The time index of a transcript: offset to time, in bounded memory, while the file still grows.

The format stands in `hil.uart.transcript`.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from pathlib import Path

MAGIC = b"HILIDX1\n"
#: Magic, wall clock ns, monotonic ns at the same moment, reserved.
HEADER = struct.Struct("<8sQQQ")
#: Monotonic ns of a read, offset of its first byte.
RECORD = struct.Struct("<QQ")

_BLOCK_RECORDS = 256
_BLOCK_BYTES = _BLOCK_RECORDS * RECORD.size
#: Records that are checked at once.
_CHECKED_RECORDS = 1 << 15


class TimeIndex:
    """Looks up times in an index file; one block of it is held in memory.

    Args:
        path: The index; a missing or foreign file gives no times.
    """

    def __init__(self, path: Path) -> None:
        self._fd = -1
        self._wall = self._monotonic = 0
        self._times: list[int] = []
        self._offsets: list[int] = []
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            head = os.pread(self._fd, HEADER.size, 0)
        except OSError:
            self.close()
            return
        if len(head) < HEADER.size or not head.startswith(MAGIC):
            self.close()
            return
        _, self._wall, self._monotonic, _ = HEADER.unpack(head)

    @property
    def usable(self) -> bool:
        """Whether there is an index."""
        return self._fd >= 0

    @property
    def records(self) -> int:
        """Number of complete records; a truncated last one does not count."""
        return max(0, (os.fstat(self._fd).st_size - HEADER.size) // RECORD.size)

    def fault(self, size: int) -> str | None:
        """Return why these cannot be the times of a log of `size` bytes, None if they can."""
        if not self.usable:
            return "missing, or no index"
        if not size:
            return None
        if not self.records:
            return "empty"
        last_time, last_offset = 0, -1
        for block in range(-(-self.records // _CHECKED_RECORDS)):
            times, offsets = self._records(block * _CHECKED_RECORDS, _CHECKED_RECORDS)
            if times[0] < last_time or times != sorted(times):
                return "damaged: its times run backwards"
            if offsets[0] <= last_offset or offsets != sorted(set(offsets)):
                return "damaged: its offsets run backwards"
            last_time, last_offset = times[-1], offsets[-1]
        return None if last_offset < size else "of a longer log"

    def time_at(self, offset: int) -> float | None:
        """Return the monotonic seconds of the last read that began at or before `offset`."""
        nanoseconds = self._find(offset)
        return None if nanoseconds is None else nanoseconds / 1e9

    def wall_at(self, offset: int) -> float | None:
        """Return the same moment in seconds since 1970."""
        nanoseconds = self._find(offset)
        return None if nanoseconds is None else self.wall_of(nanoseconds)

    def wall_of(self, nanoseconds: int) -> float:
        """Return a moment of the monotonic clock in seconds since 1970."""
        return (self._wall + nanoseconds - self._monotonic) / 1e9

    def due_before(self, offset: int, size: int, t: float) -> int:
        """Return how many of `size` bytes from `offset` on belong to reads up to `t` seconds."""
        limit = int(t * 1e9)
        at = offset
        while at < offset + size:
            when = self._find(at)
            if when is not None and when > limit:
                break
            at = self._end_of_burst(at, offset + size)
        return min(at, offset + size) - offset

    def _end_of_burst(self, offset: int, limit: int) -> int:
        """Return where the burst that holds `offset` ends, at most `limit`."""
        place = bisect_right(self._offsets, offset)
        if place < len(self._offsets):
            return self._offsets[place]
        # The last one of its block: the next block tells, if there is one.
        low, high = offset, limit
        when = self._find(offset)
        while low < high:
            middle = (low + high + 1) // 2
            if self._find(middle) == when:
                low = middle
            else:
                high = middle - 1
        return low + 1

    def close(self) -> None:
        """Release the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _find(self, offset: int) -> int | None:
        if not self.usable:
            return None
        held = bool(self._offsets) and self._offsets[0] <= offset < self._offsets[-1]
        if not held:
            self._load_block_of(offset)
        place = bisect_right(self._offsets, offset)
        return self._times[place - 1] if place else None

    def _load_block_of(self, offset: int) -> None:
        """Load the last block whose first record begins at or before `offset`."""
        low, high = 0, -(-self.records // _BLOCK_RECORDS)
        while low < high:
            middle = (low + high) // 2
            if self._first_offset(middle) <= offset:
                low = middle + 1
            else:
                high = middle
        self._times, self._offsets = self._records(max(0, low - 1) * _BLOCK_RECORDS, _BLOCK_RECORDS)

    def _records(self, first: int, most: int) -> tuple[list[int], list[int]]:
        """Return times and offsets of some records; fewer at the end."""
        raw = os.pread(self._fd, most * RECORD.size, HEADER.size + first * RECORD.size)
        pairs = list(RECORD.iter_unpack(raw[: len(raw) - len(raw) % RECORD.size]))
        return [t for t, _ in pairs], [at for _, at in pairs]

    def _first_offset(self, block: int) -> int:
        raw = os.pread(self._fd, RECORD.size, HEADER.size + block * _BLOCK_BYTES)
        offset: int = RECORD.unpack(raw)[1]
        return offset
