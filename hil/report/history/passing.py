# SPDX-License-Identifier: Apache-2.0
"""How often each test passed on each device, and since when and which image it fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from hil.report.history.runs import RunRef, moment, run_ref
from hil.report.history.schema import GROUP_OF, STATUS_CODES, STATUS_OF, Group
from hil.report.history.selection import Names
from hil.report.results import Status

_CODES = {
    group: tuple(code for status, code in STATUS_CODES.items() if GROUP_OF[status] is group)
    for group in Group
}


@dataclass(frozen=True)
class Failing:
    """A test that fails now.

    Attributes:
        since: The first run in which it failed after it had last passed.
        last_good: The run in which it last passed, None if it never did.
        runs: Runs since then in which it failed.
    """

    since: RunRef
    last_good: RunRef | None
    runs: int

    @property
    def new_images(self) -> bool | None:
        """Whether the images are others than in the last good run; None without such a run."""
        return None if self.last_good is None else self.since.digest != self.last_good.digest


@dataclass(frozen=True)
class TestHistory:
    """One test on one device.

    Attributes:
        rse: None for a test of the whole board.
        counts: Runs by status.
        last_status: What became of it in the latest run.
        failing: None if it does not fail now.
    """

    __test__ = False  # pytest would take the name for a test class

    test: str
    board: str
    rse: int | None
    counts: Mapping[Status, int]
    last: datetime
    last_status: Status
    failing: Failing | None = field(default=None)

    def count(self, group: Group) -> int:
        """Return the number of runs of a group."""
        return sum(count for status, count in self.counts.items() if GROUP_OF[status] is group)

    @property
    def pass_rate(self) -> float | None:
        """Passed runs as part of those in which something was learned; None if in none."""
        good, bad = self.count(Group.GOOD), self.count(Group.BAD)
        return good / (good + bad) if good + bad else None

    @property
    def clean(self) -> bool:
        """Whether it passed every time."""
        return self.counts.get(Status.PASS, 0) == sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        told: dict[str, Any] = {
            "test": self.test,
            "board": self.board,
            "rse": self.rse,
            "runs": {str(status): count for status, count in self.counts.items()},
            "pass_rate": self.pass_rate,
            "last": self.last.isoformat().replace("+00:00", "Z"),
            "last_status": str(self.last_status),
        }
        if self.failing is not None:
            good = self.failing.last_good
            told["failing"] = {
                "since": self.failing.since.to_dict(),
                "last_good": good.to_dict() if good else None,
                "new_images": self.failing.new_images,
                "runs": self.failing.runs,
            }
        return told


def test_histories(db: sqlite3.Connection, names: Names) -> list[TestHistory]:
    """Return the selected tests, failing ones first, then by pass rate."""
    found = [_history(db, names, key, rows) for key, rows in _counted(db, names)]
    return sorted(found, key=_urgency)


def _urgency(history: TestHistory) -> tuple[bool, float, str, str]:
    rate = history.pass_rate
    return history.failing is None, 2.0 if rate is None else rate, history.board, history.test


#: Code of a status, number of runs, first and last of them in ms since 1970.
_Counted = tuple[int, int, int, int]


def _counted(
    db: sqlite3.Connection, names: Names
) -> Iterator[tuple[tuple[int, int], list[_Counted]]]:
    """Yield numbers of test and device, and what became of them."""
    where, values = test_condition(names)
    rows = db.execute(
        "SELECT test, device, status, COUNT(*), MIN(started), MAX(started) FROM result "  # noqa: S608
        f"WHERE started >= ? {where} GROUP BY test, device, status",
        (names.selection.since_ms, *values),
    )
    for key, group in groupby(rows, key=lambda row: (row[0], row[1])):
        if key[0] in names.tests and key[1] in names.devices:
            yield key, [row[2:] for row in group]


def test_condition(names: Names) -> tuple[str, tuple[int, ...]]:
    """Return a condition that spares reading most rows if few tests are selected."""
    if names.selection.test is None or len(names.tests) > MAX_LISTED:
        return "", ()
    return f"AND test IN ({', '.join('?' * len(names.tests))})", tuple(names.tests)


#: Tests that are listed in a statement; with more, all rows are read and looked at.
MAX_LISTED = 500


def _history(
    db: sqlite3.Connection, names: Names, key: tuple[int, int], rows: list[_Counted]
) -> TestHistory:
    board, rse = names.devices[key[1]]
    code, last = max(((row[0], row[3]) for row in rows), key=lambda pair: pair[1])
    good = max((row[3] for row in rows if row[0] in _CODES[Group.GOOD]), default=0)
    bad = max((row[3] for row in rows if row[0] in _CODES[Group.BAD]), default=0)
    return TestHistory(
        test=names.tests[key[0]],
        board=board,
        rse=rse,
        counts={STATUS_OF[row[0]]: row[1] for row in rows},
        last=moment(last),
        last_status=STATUS_OF[code],
        failing=_failing(db, key, good, names.selection.since_ms) if bad > good else None,
    )


def _failing(db: sqlite3.Connection, key: tuple[int, int], last_good: int, since: int) -> Failing:
    """Find the run in which a test began to fail.

    Args:
        db: The history.
        key: Numbers of test and device.
        last_good: When it last passed in the selected time, 0 if never.
        since: When the selected time begins; it may have failed before.
    """
    good = None
    if not last_good and since:
        last_good = _edge(db, key, "MAX", Group.GOOD, 0)[0]
    if last_good:
        good = run_ref(db, _run_at(db, key, Group.GOOD, last_good))
    first, runs = _edge(db, key, "MIN", Group.BAD, last_good + 1)
    return Failing(run_ref(db, _run_at(db, key, Group.BAD, first)), good, runs)


def _edge(
    db: sqlite3.Connection, key: tuple[int, int], edge: str, group: Group, since: int
) -> tuple[int, int]:
    """Return the time of the first (MIN) or last (MAX) run of a group, and their number."""
    codes = ", ".join(map(str, _CODES[group]))
    found = db.execute(
        f"SELECT {edge}(started), COUNT(*) FROM result "  # noqa: S608 - both are our own words
        f"WHERE test = ? AND device = ? AND status IN ({codes}) AND started >= ?",
        (*key, since),
    ).fetchone()
    return found[0] or 0, found[1]


def _run_at(db: sqlite3.Connection, key: tuple[int, int], group: Group, started: int) -> int:
    codes = ", ".join(map(str, _CODES[group]))
    found = db.execute(
        "SELECT run FROM result WHERE test = ? AND device = ? "  # noqa: S608 - numbers of ours
        f"AND status IN ({codes}) AND started = ?",
        (*key, started),
    )
    return int(found.fetchone()[0])
