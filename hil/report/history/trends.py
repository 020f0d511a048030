# SPDX-License-Identifier: Apache-2.0
"""Pass rates and stage times over time, and where they changed.

A stage's time is what it took since the stage before it, as its budget counts; so a slow stage does
not make the ones behind it look slow. Only the first boot of a run is looked at unless another is
asked for: later boots differ in kind (provisioned already, damaged images).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from statistics import median
from typing import Any

from hil.report.history.change_points import LEVEL, MIN_EFFECT, ChangePoint, change_points
from hil.report.history.passing import test_condition
from hil.report.history.runs import RunRef, moment, run_ref
from hil.report.history.schema import GROUP_OF, STATUS_CODES, Group
from hil.report.history.selection import Names

#: Values that "lately" means.
LATELY = 10
#: A pass rate that moves by less is not told.
MIN_RATE_EFFECT = 0.01


@dataclass(frozen=True)
class Change:
    """A change of level in a series: the first run of the new level, and the one before it."""

    point: ChangePoint
    first: RunRef
    before: RunRef

    @property
    def new_images(self) -> bool:
        """Whether the images changed at the same moment."""
        return self.first.digest != self.before.digest

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "before": self.point.before,
            "after": self.point.after,
            "p": self.point.p,
            "index": self.point.index,
            "new_images": self.new_images,
            "first": self.first.to_dict(),
            "last_before": self.before.to_dict(),
        }


@dataclass(frozen=True)
class Series:
    """One value per run.

    Attributes:
        kind: "pass rate" or "stage time".
        rse: None for a pass rate.
        stage: "" for a pass rate.
        boot: Number of the boot, None for a pass rate.
        times: When the runs began.
        values: Part of the tests that passed, or seconds.
    """

    kind: str
    board: str
    rse: int | None
    stage: str
    boot: int | None
    budget: float | None
    times: Sequence[datetime]
    values: Sequence[float]
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        """What a person calls it."""
        where = self.board if self.rse is None else f"{self.board} RSE {self.rse}"
        what = self.stage or "pass rate"
        return f"{where} {what}" + (f" (boot {self.boot})" if self.boot else "")

    @property
    def lately(self) -> float:
        """Median of the last values."""
        return median(self.values[-LATELY:])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "board": self.board,
            "rse": self.rse,
            "stage": self.stage or None,
            "boot": self.boot,
            "budget": self.budget,
            "runs": len(self.values),
            "first": self.times[0].isoformat().replace("+00:00", "Z"),
            "last": self.times[-1].isoformat().replace("+00:00", "Z"),
            "median": median(self.values),
            "lately": self.lately,
            "changes": [change.to_dict() for change in self.changes],
        }


#: Number of the run, when it began, the value.
_Point = tuple[int, int, float]


def pass_rates(db: sqlite3.Connection, names: Names) -> list[Series]:
    """Return the part of the tests that passed in each run, one series per board."""
    rows = _rates_of_tests(db, names) if names.selection.test else _rates_of_runs(db, names)
    by_board: dict[int, list[_Point]] = {}
    for run, board, started, good, bad in rows:
        if good + bad and board in names.boards:
            by_board.setdefault(board, []).append((run, started, good / (good + bad)))
    return [
        _series(
            db,
            ("pass rate", names.boards[board], None, "", None, None),
            points,
            LEVEL / len(by_board),
            MIN_RATE_EFFECT,
        )
        for board, points in sorted(by_board.items(), key=lambda item: names.boards[item[0]])
    ]


def stage_times(
    db: sqlite3.Connection,
    names: Names,
    *,
    boot: int = 0,
    stage: str | None = None,
    min_effect: float = MIN_EFFECT,
) -> list[Series]:
    """Return what each stage took in each run, one series per board, RSE and stage.

    Args:
        db: The history.
        names: What is selected; tests do not matter here.
        boot: Number of the boot in its run.
        stage: Only this stage.
        min_effect: Smallest change of the median that is told, see `change_points`.
    """
    rows = db.execute(
        "SELECT device, stage, run, started, took FROM stage_time "
        "WHERE boot = ? AND started >= ? AND took IS NOT NULL ORDER BY device, stage, started",
        (boot, names.selection.since_ms),
    )
    found = {
        key: [row[2:] for row in group]
        for key, group in groupby(rows, key=lambda row: (row[0], row[1]))
        if key[0] in names.devices and stage in (None, names.stages[key[1]])
    }
    series = []
    for (device, number), points in found.items():
        board, rse = names.devices[device]
        budget = _budget(db, points[-1][0], device, boot, number)
        head = ("stage time", board, rse, names.stages[number], boot, budget)
        series.append(_series(db, head, points, LEVEL / len(found), min_effect))
    return sorted(series, key=lambda s: (s.board, s.rse or 0))


def _series(
    db: sqlite3.Connection,
    head: tuple[str, str, int | None, str, int | None, float | None],
    points: Sequence[_Point],
    level: float,
    min_effect: float,
) -> Series:
    values = [value for _, _, value in points]
    changes = tuple(
        Change(
            found,
            run_ref(db, points[found.index][0]),
            run_ref(db, points[found.index - 1][0]),
        )
        for found in change_points(values, level=level, min_effect=min_effect)
    )
    return Series(*head, [moment(started) for _, started, _ in points], values, changes)


def _rates_of_runs(db: sqlite3.Connection, names: Names) -> list[tuple[int, int, int, int, int]]:
    return db.execute(
        "SELECT id, board, started, good, bad FROM run WHERE started >= ? ORDER BY started",
        (names.selection.since_ms,),
    ).fetchall()


def _rates_of_tests(db: sqlite3.Connection, names: Names) -> list[tuple[int, int, int, int, int]]:
    """Count again from the results of the selected tests."""
    where, values = test_condition(names)
    groups = {str(code): GROUP_OF[status] for status, code in STATUS_CODES.items()}
    good = ", ".join(code for code, group in groups.items() if group is Group.GOOD)
    bad = ", ".join(code for code, group in groups.items() if group is Group.BAD)
    if not where:
        db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (id INTEGER PRIMARY KEY)")
        db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((n,) for n in names.tests))
        where = "AND test IN (SELECT id FROM wanted)"
    return db.execute(
        "SELECT run.id, run.board, run.started, sums.good, sums.bad FROM ("  # noqa: S608
        f"SELECT run, SUM(status IN ({good})) AS good, SUM(status IN ({bad})) AS bad "
        f"FROM result WHERE started >= ? {where} GROUP BY run) AS sums "
        "JOIN run ON run.id = sums.run ORDER BY run.started",
        (names.selection.since_ms, *values),
    ).fetchall()


def _budget(db: sqlite3.Connection, run: int, device: int, boot: int, stage: int) -> float | None:
    found = db.execute(
        "SELECT budget FROM stage_time WHERE run = ? AND device = ? AND boot = ? AND stage = ?",
        (run, device, boot, stage),
    ).fetchone()
    budget: float | None = found[0]
    return budget
