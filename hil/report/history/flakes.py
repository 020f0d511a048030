# SPDX-License-Identifier: Apache-2.0
"""Which tests are not to be relied on, on which device.

A run of a test counts as a flake

- if it passed only after the lab had broken an earlier attempt (status FLAKY), or
- if it disagrees with the majority of the runs of the same test on the same device with the same
  images: nothing that matters had changed, and yet the verdict did.

The rate is flakes among runs in which something was learned, with its 95 % interval (Wilson), since
one flake in three runs says little. Runs in which the lab broke (MISS) are told beside it: they are
the device's, not the test's.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hil.report.history.passing import test_condition
from hil.report.history.schema import STATUS_CODES, WHOLE_BOARD
from hil.report.history.selection import Names
from hil.report.results import Status

_Z = 1.959964  # of a two-sided interval of 95 %


@dataclass(frozen=True)
class Flake:
    """One test on one device, or all tests of one.

    Attributes:
        test: "" for all tests of the device.
        rse: None for what is about the whole board.
        runs: Results in which something was learned.
        retried: Those that passed after the lab had broken an earlier attempt.
        flipped: Those that disagree with most of the same test, device and images.
        missed: Results in which the lab broke; not among `runs`.
    """

    test: str
    board: str
    rse: int | None
    runs: int
    retried: int
    flipped: int
    missed: int

    @property
    def flakes(self) -> int:
        """Runs that count as flakes."""
        return self.retried + self.flipped

    @property
    def rate(self) -> float:
        """Flakes among runs."""
        return self.flakes / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate."""
        return wilson(self.flakes, self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        told: dict[str, Any] = {"test": self.test} if self.test else {}
        low, high = self.interval
        return told | {
            "board": self.board,
            "rse": self.rse,
            "runs": self.runs,
            "retried": self.retried,
            "flipped": self.flipped,
            "missed": self.missed,
            "rate": self.rate,
            "interval_95": [low, high],
        }


@dataclass(frozen=True)
class Flakes:
    """What flakes: tests on devices, and devices with all their tests; worst first."""

    tests: tuple[Flake, ...]
    devices: tuple[Flake, ...]


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate.

    >>> [round(edge, 3) for edge in wilson(1, 3)]
    [0.061, 0.792]
    """
    if not trials:
        return 0.0, 1.0
    rate, square = hits / trials, _Z * _Z
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    half = _Z * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    half /= 1 + square / trials
    return max(0.0, centre - half), min(1.0, centre + half)


def find_flakes(db: sqlite3.Connection, names: Names) -> Flakes:
    """Return what flaked or was missed in the selected runs."""
    where, values = test_condition(names)
    since = names.selection.since_ms
    counts: dict[tuple[int, int], Counter[int]] = {}
    for test, device, status, count in db.execute(
        "SELECT test, device, status, COUNT(*) FROM result "  # noqa: S608
        f"WHERE started >= ? {where} GROUP BY test, device, status",
        (since, *values),
    ):
        if test in names.tests and device in names.devices:
            counts.setdefault((test, device), Counter())[status] = count
    found = [_flake(db, names, key, by_status, since) for key, by_status in counts.items()]
    return Flakes(_worst(found), _worst(_by_device(found)))


_PASS, _FLAKY, _FAIL, _ERROR, _MISS = (
    STATUS_CODES[status]
    for status in (Status.PASS, Status.FLAKY, Status.FAIL, Status.ERROR, Status.MISS)
)


def _flake(
    db: sqlite3.Connection, names: Names, key: tuple[int, int], by: Counter[int], since: int
) -> Flake:
    board, rse = names.devices[key[1]]
    good, bad = by[_PASS] + by[_FLAKY], by[_FAIL] + by[_ERROR]
    return Flake(
        test=names.tests[key[0]],
        board=board,
        rse=rse,
        runs=good + bad,
        retried=by[_FLAKY],
        flipped=_flipped(db, key, since) if by[_PASS] and bad else 0,
        missed=by[_MISS],
    )


def _flipped(db: sqlite3.Connection, key: tuple[int, int], since: int) -> int:
    """Count the runs that disagree with most of the same images.

    A retried pass is a flake already, and counts for neither side.
    """
    sides = [
        Counter(
            dict(
                db.execute(
                    "SELECT images, COUNT(*) FROM result WHERE test = ? AND device = ? "  # noqa: S608
                    f"AND status IN ({codes}) AND started >= ? GROUP BY images",
                    (*key, since),
                )
            )
        )
        for codes in (f"{_FAIL}, {_ERROR}", f"{_PASS}")
    ]
    bad, good = sides
    return sum(min(count, good[images]) for images, count in bad.items())


def _by_device(flakes: Iterable[Flake]) -> list[Flake]:
    sums: dict[tuple[str, int | None], Counter[str]] = {}
    for flake in flakes:
        total = sums.setdefault((flake.board, flake.rse), Counter())
        for name in ("runs", "retried", "flipped", "missed"):
            total[name] += getattr(flake, name)
    return [
        Flake("", board, rse, total["runs"], total["retried"], total["flipped"], total["missed"])
        for (board, rse), total in sums.items()
    ]


def _worst(flakes: Iterable[Flake]) -> tuple[Flake, ...]:
    """Order by what is sure to be bad: a single flake of few runs stands below many of many."""
    told = [flake for flake in flakes if flake.flakes or flake.missed]

    def urgency(flake: Flake) -> tuple[float, int, str, int, str]:
        rse = WHOLE_BOARD if flake.rse is None else flake.rse
        low = flake.interval[0] if flake.flakes else 0.0
        return -low, -flake.missed, flake.board, rse, flake.test

    return tuple(sorted(told, key=urgency))
