# SPDX-License-Identifier: Apache-2.0
"""Verdicts of psa-arch-tests, by test number; a "SIM ERROR" is a failure.

Tests of the IPC suite panic the secure side on purpose: the chip resets, the suite goes on behind
the test that it had stored, and the verdict of that test comes in a later boot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hil.uart.device_tests import Began, DeviceTest, Ended, Place, Room
from hil.uart.suites import MAX_FAILURES, SuiteTally

#: Reports of psa-arch-tests that are compared with the verdicts seen.
_MAX_REPORTS = 50
#: Digits of a number that are believed.
_DIGITS = 9
#: Lines of such a report.
_TOTALS = ("TESTS", "PASSED", "SIM ERROR", "FAILED", "SKIPPED")
_VERDICTS: dict[str, Ended] = {
    "PASSED": "PASSED",
    "FAILED": "FAILED",
    "SKIPPED": "SKIPPED",
    "SIM ERROR": "FAILED",
}


def check_text(values: tuple[str | None, ...]) -> str:
    """Return a check in words, from the groups of its row."""
    return f"check {values[0]}: {values[1]}"


@dataclass
class _Report:
    """What psa-arch-tests say of a suite at its end, and what the log said until then.

    A suite whose tests reset the chip goes on after the reset, and a suite that somebody reset
    begins anew: the report counts the verdicts since the last report or since the last reset.
    """

    suite: str
    seen: tuple[Counter[str], ...]
    totals: dict[str, int] = field(default_factory=dict)

    def gap(self) -> str | None:
        """Return how the report differs from the verdicts in the log, None if it does not."""
        if missing := [name for name in _TOTALS if name not in self.totals]:
            return f"the report of {self.suite} lacks TOTAL {', '.join(missing)}"
        if any(all(counts[n] == self.totals[n] for n in _TOTALS) for counts in self.seen):
            return None
        name = next(n for n in _TOTALS if self.seen[0][n] != self.totals[n])
        told = f"the report of {self.suite} counts {self.totals[name]} {name}"
        return f"{told}, the log holds {self.seen[0][name]}"


class ArchTally(SuiteTally):
    """Verdicts of psa-arch-tests."""

    framework = "psa-arch-tests"

    def __init__(self, boot: int = 0, room: Room | None = None) -> None:
        super().__init__(boot, room)
        self._reports: list[_Report] = []
        self._in_report = False
        self._since_report: Counter[str] = Counter()
        self._since_reset: Counter[str] = Counter()
        #: The test that a reset cut off; its verdict may come after the reset.
        self._suspended: Began | None = None
        #: The check that was being made.
        self._check = ""

    def boot_began(self, boot: int, at: Place) -> None:
        """Note that the device was reset: what was running goes on behind it, or begins anew."""
        self.boot = boot
        if self._running is not None:
            self._give_up(at)
            self._suspended, self._running = self._running, None
        self._since_reset.clear()
        self._in_report = False

    def feed(self, number: str, values: tuple[str | None, ...], at: Place) -> None:
        """Take a line of kind "test"."""
        first = values[0] or "" if values else ""
        if number == "A5":
            self._total(first, int((values[1] or "0")[:_DIGITS]))
            return
        self._in_report = False
        if number == "A7":
            self.check(check_text(values))
        elif number == "A1":
            self._give_up(at)
            self._open_area = None
        elif number == "A2":
            self._open_area = first
        elif number == "A3":
            self._start(first, at)
        elif number == "A4":
            self._end(first or "FAILED", values[1], at)
        elif number in ("A8", "A9"):
            self._where = f"checkpoint {first}"
        elif number == "A10":
            self._why = f"{self._why} {first.lower()} {values[1]}".strip()
        elif number == "A11":
            self._why = first

    def check(self, text: str) -> None:
        """Take a check of the test that is running."""
        self._in_report = False
        self._check = text

    def running(self, end: Place | None) -> DeviceTest | None:
        """Return the test that has begun and not ended, with the check that it was making."""
        record = super().running(end)
        return record._replace(where=self._check) if record is not None else None

    def _start(self, test: str, at: Place) -> None:
        goes_on = self._suspended
        self._check = ""
        if goes_on is not None and goes_on.test == test and self._running is None:
            self._running, self._suspended = goes_on, None
            return
        self._give_up(at)
        self._begin(test, at)

    def _give_up(self, at: Place) -> None:
        """A test that a reset cut off did not go on."""
        if self._suspended is not None:
            began, self._running = self._running, self._suspended
            self.cut_off(at)
            self._running, self._suspended = began, None

    def _end(self, verdict: str, code: str | None, at: Place) -> None:
        for counts in (self._since_report, self._since_reset):
            counts.update(("TESTS", verdict))
        if self._running is None:
            self._running = self._suspended
        self._suspended = None
        test = self._running.test if self._running is not None else "?"
        why = f"{verdict} code {code}" if code else verdict
        told = "; ".join(text for text in (why, self._why) if text) if verdict != "PASSED" else ""
        failed = _VERDICTS[verdict] == "FAILED"
        places = (self._check, self._where) if failed else ()
        where = ", ".join(place for place in places if place)
        self._verdict(test, _VERDICTS[verdict], at, told, where)
        self._why = self._where = self._check = ""

    def _total(self, name: str, count: int) -> None:
        if not self._in_report:
            self._in_report = True
            seen = (self._since_report.copy(), self._since_reset.copy())
            if len(self._reports) < _MAX_REPORTS:
                self._reports.append(_Report(self._open_area or "a suite", seen))
            self._since_report.clear()
            self._since_reset.clear()
            if self._open_area is not None:
                if len(self._areas) < MAX_FAILURES:
                    self._areas.append(self._open_area)
                self._open_area = None
        report = self._reports[-1]
        report.totals[name] = count
        if name in ("FAILED", "SIM ERROR") and count and not any(c[name] for c in report.seen):
            self._find(f"the report of {report.suite} counts {count} {name}, the log holds none")

    def _gaps(self) -> Iterable[str]:
        return tuple(gap for report in self._reports if (gap := report.gap()))
