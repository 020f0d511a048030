# SPDX-License-Identifier: Apache-2.0
"""Verdicts of the test suites that run on the device, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from hil.uart.device_tests import Began, DeviceTest, Ended, Place, Room, resets_the_chip

#: Failed tests that are kept with their reason; the counts are exact beyond it.
MAX_FAILURES = 200


@dataclass(frozen=True)
class TestFailure:
    """One failed test: its id, and why as far as the log says so."""

    #: Not a test class, whatever its name; pytest looks at names.
    __test__ = False

    test: str
    why: str


@dataclass(frozen=True)
class SuiteResults:
    """What the tests of one framework said, over all boots of a log.

    Attributes:
        passed: Number of tests that passed; likewise `failed` and `skipped`.
        failures: The failed ones, at most MAX_FAILURES of them.
        running: The test that began last and has no verdict, None if there is none.
        interrupted: Tests that a reset cut off.
        areas: Areas whose suites ended ("Secure", "Non-secure", "MCUBOOT").
        open_area: Area that began and did not end.
        findings: Failures that a summary tells of and that are not among the counts.
        gaps: Totals of a suite's own report that differ from what the log holds, and tests that
            have no verdict although another one began after them.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[TestFailure, ...] = ()
    running: str | None = None
    interrupted: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    open_area: str | None = None
    findings: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether a test failed, or a summary says that one did."""
        return self.failed > 0 or bool(self.findings)

    @property
    def under_way(self) -> str | None:
        """What began and did not end: a test, or the tests of an area."""
        if self.running is not None:
            return f"test {self.running}"
        return f"the {self.open_area} tests" if self.open_area is not None else None

    @property
    def total(self) -> int:
        """Number of verdicts."""
        return self.passed + self.failed + self.skipped


class SuiteTally:
    """Counts verdicts as they come.

    Args:
        boot: Number of the boot whose tests it counts first.
        room: How many tests may be kept with their place.
    """

    framework = ""

    def __init__(self, boot: int = 0, room: Room | None = None) -> None:
        self.boot = boot
        self._room = room or Room()
        self._counts = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
        self._failures: list[TestFailure] = []
        self._interrupted: list[str] = []
        self._areas: list[str] = []
        self._open_area: str | None = None
        self._running: Began | None = None
        self._findings: dict[str, None] = {}
        self._lost: list[str] = []
        self._suite = ""
        self._why = ""
        self._where = ""
        #: The tests that ended, in the order in which they did.
        self.records: list[DeviceTest] = []

    def results(self) -> SuiteResults:
        """Return the counts so far."""
        return SuiteResults(
            self._counts["PASSED"],
            self._counts["FAILED"],
            self._counts["SKIPPED"],
            tuple(self._failures),
            self._running.test if self._running is not None else None,
            tuple(self._interrupted),
            tuple(self._areas),
            self._open_area,
            tuple(self._findings),
            (*self._gaps(), *self._lost),
        )

    def running(self, end: Place | None) -> DeviceTest | None:
        """Return the test that has begun and not ended, as if it ended at `end`."""
        if self._running is None:
            return None
        return self._record(self._running, "RUNNING", "the log ends in it", "", end)

    def cut_record(self, at: Place) -> DeviceTest | None:
        """Return the test that a reset at `at` cut off, None if none was running."""
        if self._running is None:
            return None
        if resets_the_chip(self._running.test):
            return self._record(self._running, "RESET", "it reset the chip, as it should", "", at)
        return self._record(self._running, "CUT", "a reset cut it off", "", at)

    def cut_off(self, at: Place) -> None:
        """Note that the device was reset: what was running will not finish."""
        if self._running is not None:
            if len(self._interrupted) < MAX_FAILURES:
                self._interrupted.append(self._running.test)
            cut = self.cut_record(Place(at.start, at.start, at.number, at.t))
            if cut is not None and self._room.take():
                self.records.append(cut)
        self._running = None

    def _gaps(self) -> Iterable[str]:
        return ()

    def _find(self, text: str) -> None:
        """Note a failure that a summary tells of, each once."""
        if len(self._findings) < MAX_FAILURES:
            self._findings[text] = None

    def _begin(self, test: str, at: Place) -> None:
        if self._running is not None:
            self._lose(self._running, at)
        self._running = Began(test, at, self.boot)
        self._why = self._where = ""

    def _lose(self, began: Began, at: Place) -> None:
        """Note a test whose verdict is not in the log."""
        why = "its verdict is not in the log"
        if len(self._lost) < MAX_FAILURES:
            self._lost.append(f"test {began.test} began and has no verdict")
        if self._room.take():
            end = Place(at.start, at.start, at.number, at.t)
            self.records.append(self._record(began, "LOST", why, "", end))

    def _verdict(self, test: str, verdict: Ended, at: Place, why: str, where: str) -> None:
        self._counts[verdict] += 1
        if verdict == "FAILED" and len(self._failures) < MAX_FAILURES:
            both = ": ".join(text for text in (why, where) if text)
            self._failures.append(TestFailure(test, both or "no reason in the log"))
        began, self._running = self._running, None
        if began is not None and began.test != test:
            # The verdict of the one and the beginning of the other were lost on the UART together.
            self._lose(began, at)
            began = None
        if self._room.take():
            known = began or Began(test, at, self.boot)
            self.records.append(self._record(known, verdict, why, where, at))

    def _record(
        self, began: Began, verdict: Ended, why: str, where: str, end: Place | None
    ) -> DeviceTest:
        start, last = began.at, end or began.at
        return DeviceTest(
            self.framework,
            self._open_area or "",
            self._suite,
            began.test,
            verdict,
            why,
            where,
            began.boot,
            start.number,
            start.start,
            last.end,
            start.t,
            None if last.t is None or start.t is None else last.t - start.t,
        )


class Totals:
    """Adds up what tests said in several boots, one after the other."""

    def __init__(self) -> None:
        self._passed = self._failed = self._skipped = 0
        self._failures: list[TestFailure] = []
        self._interrupted: list[str] = []
        self._areas: list[str] = []
        self._findings: dict[str, None] = {}
        self._gaps: dict[str, None] = {}

    def copy(self) -> Totals:
        """Return the same sums, to which can be added without a change of these."""
        return deepcopy(self)

    def add(self, results: SuiteResults) -> None:
        """Take the results of a boot that another one followed."""
        self._passed += results.passed
        self._failed += results.failed
        self._skipped += results.skipped
        _fill(self._failures, results.failures)
        cut = (*results.interrupted, *([results.running] if results.running else ()))
        _fill(self._interrupted, cut)
        _fill(self._areas, results.areas)
        for kept, new in ((self._findings, results.findings), (self._gaps, results.gaps)):
            kept.update(dict.fromkeys(islice(new, max(0, MAX_FAILURES - len(kept)))))

    def with_last(self, last: SuiteResults) -> SuiteResults:
        """Return the sum of all boots, the last of which goes on."""
        return SuiteResults(
            self._passed + last.passed,
            self._failed + last.failed,
            self._skipped + last.skipped,
            (*self._failures, *last.failures)[:MAX_FAILURES],
            last.running,
            (*self._interrupted, *last.interrupted)[:MAX_FAILURES],
            (*self._areas, *last.areas)[:MAX_FAILURES],
            last.open_area,
            tuple(dict.fromkeys((*self._findings, *last.findings)))[:MAX_FAILURES],
            tuple(dict.fromkeys((*self._gaps, *last.gaps)))[:MAX_FAILURES],
        )


_T = TypeVar("_T")


def _fill(kept: list[_T], new: Iterable[_T]) -> None:
    kept.extend(islice(new, max(0, MAX_FAILURES - len(kept))))
