# SPDX-License-Identifier: Apache-2.0
"""Times for a log that was captured by somebody: an index beside it, or a file of JSON lines.

`NAME.idx` is this project's index (hil.uart.transcript); `NAME.timing.jsonl` has one object a
chunk, `{"t": seconds from the start, "offset": of its first byte, "len": bytes}`.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from hil.uart.time_index import TimeIndex
from hil.uart.transcript import index_path


@dataclass
class LogTimes:
    """When the bytes of one log came, in seconds from the first of them.

    Attributes:
        source: What the times were read from, None if there are none.
        wall_start: When the log began, in seconds since 1970, where that is known.
        findings: What is wrong with the times.
    """

    source: str | None = None
    wall_start: float | None = None
    findings: tuple[str, ...] = ()

    def time_at(self, offset: int) -> float | None:  # noqa: ARG002 - a log without times has none
        """Return when the byte at `offset` came."""
        return None

    def close(self) -> None:
        """Release the file."""


class _IndexTimes(LogTimes):
    def __init__(self, path: Path, index: TimeIndex) -> None:
        super().__init__(path.name, index.wall_at(0))
        self._index = index
        self._first = index.time_at(0)

    def time_at(self, offset: int) -> float | None:
        at = self._index.time_at(offset)
        return None if at is None or self._first is None else at - self._first

    def close(self) -> None:
        self._index.close()


class _ChunkTimes(LogTimes):
    def __init__(self, path: Path) -> None:
        self._offsets, self._seconds = array("q"), array("d")
        bad = 0
        with path.open("rb") as stream:
            for line in stream:
                try:
                    chunk = json.loads(line)
                    offset, seconds = int(chunk["offset"]), float(chunk["t"])
                except (ValueError, TypeError, KeyError):
                    bad += 1
                    continue
                if not self._offsets or offset > self._offsets[-1]:
                    self._offsets.append(offset)
                    self._seconds.append(seconds)
        findings = (f"{path.name}: {bad} lines are no {{t, offset, len}}",) if bad else ()
        super().__init__(path.name, None, findings)

    def time_at(self, offset: int) -> float | None:
        place = bisect_right(self._offsets, offset)
        return self._seconds[place - 1] if place else None


def find_times(log: Path, *, grows: bool = False) -> LogTimes:
    """Return the times of a log from the files beside it; without any it has no times.

    Args:
        log: The log.
        grows: Only times that grow with the log.
    """
    path = index_path(log)
    index = TimeIndex(path)
    if index.usable and path != log and (index.records or not grows):
        return _IndexTimes(path, index)
    index.close()
    if grows:
        return LogTimes()
    chunks = log.with_name(f"{log.name.removesuffix('.log')}.timing.jsonl")
    if chunks.is_file():
        try:
            return _ChunkTimes(chunks)
        except OSError as error:
            return LogTimes(findings=(f"{chunks.name}: {error.strerror}",))
    return LogTimes()
