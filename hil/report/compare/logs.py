# SPDX-License-Identifier: Apache-2.0
"""What the RSEs say otherwise, per RSE.

The newest runs of both sides are compared. A line that stands in any run of the other side is no
news: such differences, in order or in number, are counted but not shown line by line.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hil.report.compare.alignment import Hunk, differences
from hil.report.compare.lines import MAX_BYTES, line_at, read_lines
from hil.report.compare.sides import Side
from hil.report.recorded import RecordedRun
from hil.uart.log_text import shown

#: Of one RSE: kinds of differences, and lines of each on either side, that are kept.
MAX_HUNKS, MAX_LINES = 200, 40
_LINE = 200


@dataclass(frozen=True)
class LogHunk:
    """One difference, wherever it occurs.

    Attributes:
        after_line: The line before it, "" at the beginning.
        removed: Lines that only side A has there; at most MAX_LINES, as the log has them.
        added: Lines that only side B has there.
        cut: Lines that are not kept.
        count: How often the same lines are replaced by the same lines.
        at: Number of its first line in the log of B, from 1, without empty lines.
    """

    after_line: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    cut: int
    count: int
    at: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "after_line": self.after_line,
            "removed": list(self.removed),
            "added": list(self.added),
            "lines_not_kept": self.cut,
            "count": self.count,
            "line": self.at,
        }


@dataclass(frozen=True)
class LogChange:
    """The logs of one RSE.

    Attributes:
        lines: Lines of A and of B, without empty ones.
        hunks: Differences, those with news first; at most MAX_HUNKS.
        other_order: Number of differences without news: lines stand elsewhere or more often.
        remarks: What could not be compared.
    """

    rse: int
    lines: tuple[int, int]
    hunks: tuple[LogHunk, ...] = ()
    other_order: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.hunks and not self.remarks

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "rse": self.rse,
            "lines": list(self.lines),
            "differences": [hunk.to_dict() for hunk in self.hunks],
            "other_order": self.other_order,
            "remarks": list(self.remarks),
        }


def compare_logs(a: Side, b: Side) -> tuple[LogChange, ...]:
    """Return the differences of each RSE's log."""
    rses = sorted({*a.newest.consoles, *b.newest.consoles})
    return tuple(_compare(rse, a, b) for rse in rses)


def _compare(rse: int, a: Side, b: Side) -> LogChange:
    for side, name in ((a, "A"), (b, "B")):
        if rse not in side.newest.consoles:
            return LogChange(rse, (0, 0), remarks=(f"side {name} has no log of RSE {rse}",))
    words: dict[str, int] = {}
    old, new = (_Log(side.newest, rse, words) for side in (a, b))
    known_a = old.words | _words_of(a.runs[:-1], rse, words)
    known_b = new.words | _words_of(b.runs[:-1], rse, words)
    grouped: dict[tuple[tuple[int, ...], tuple[int, ...]], list[Hunk]] = {}
    silent = 0
    for hunk in differences(old.numbers, new.numbers):
        removed = tuple(old.numbers[hunk.a_begin : hunk.a_end])
        added = tuple(new.numbers[hunk.b_begin : hunk.b_end])
        if known_b.issuperset(removed) and known_a.issuperset(added):
            silent += 1
        else:
            grouped.setdefault((removed, added), []).append(hunk)
    kept = list(grouped.values())[:MAX_HUNKS]
    remarks = [
        f"{log.run.id}: only {MAX_BYTES >> 20} MiB are compared" for log in (old, new) if log.cut
    ]
    if left := len(grouped) - len(kept):
        remarks.append(f"{left} more differences are not kept")
    return LogChange(
        rse=rse,
        lines=(len(old.numbers), len(new.numbers)),
        hunks=tuple(_told(old, new, hunks) for hunks in kept),
        other_order=silent,
        remarks=tuple(remarks),
    )


class _Log:
    """One log, its lines as numbers that both sides share."""

    def __init__(self, run: RecordedRun, rse: int, words: dict[str, int]) -> None:
        self.run = run
        self.path = run.consoles[rse]
        self.numbers = array("l")
        self._offsets = array("q")
        for key, offset in read_lines(self.path):
            self.numbers.append(words.setdefault(key, len(words)))
            self._offsets.append(offset)
        self.words = set(self.numbers)
        self.cut = self.path.stat().st_size > MAX_BYTES

    def texts(self, begin: int, end: int) -> tuple[str, ...]:
        """Return lines as the log has them, at most MAX_LINES."""
        offsets = self._offsets[begin : min(end, begin + MAX_LINES)]
        return tuple(shown(line_at(self.path, offset), _LINE) for offset in offsets)


def _words_of(runs: Iterable[RecordedRun], rse: int, words: dict[str, int]) -> set[int]:
    """Return the lines of other runs of a side, as far as the newest of both sides have them."""
    found = set()
    for run in runs:
        if rse in run.consoles:
            found |= {words[key] for key, _ in read_lines(run.consoles[rse]) if key in words}
    return found


def _told(old: _Log, new: _Log, hunks: Sequence[Hunk]) -> LogHunk:
    first = hunks[0]
    sizes = first.a_end - first.a_begin, first.b_end - first.b_begin
    return LogHunk(
        after_line="".join(new.texts(first.b_begin - 1, first.b_begin)) if first.b_begin else "",
        removed=old.texts(first.a_begin, first.a_end),
        added=new.texts(first.b_begin, first.b_end),
        cut=sum(max(0, size - MAX_LINES) for size in sizes),
        count=len(hunks),
        at=first.b_begin + 1,
    )
