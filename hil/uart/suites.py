# SPDX-License-Identifier: Apache-2.0
"""Verdicts of the test suites that run on the device: tf-m-tests regression and psa-arch-tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hil.uart.events import Event

#: Failed tests that are kept with their reason; the counts are exact beyond it.
MAX_FAILURES = 200
#: Reports of psa-arch-tests that are compared with the verdicts seen.
_MAX_REPORTS = 50
#: Digits of a number that are believed.
_DIGITS = 9
#: Lines of such a report.
_TOTALS = ("TESTS", "PASSED", "SIM ERROR", "FAILED", "SKIPPED")


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
        gaps: Totals of a suite's own report that differ from what the log holds.
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
    """Counts verdicts as they come."""

    def __init__(self) -> None:
        self._counts = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
        self._failures: list[TestFailure] = []
        self._interrupted: list[str] = []
        self._areas: list[str] = []
        self._open_area: str | None = None
        self._running: str | None = None
        self._findings: dict[str, None] = {}
        self._why = ""

    def results(self) -> SuiteResults:
        """Return the counts so far."""
        return SuiteResults(
            self._counts["PASSED"],
            self._counts["FAILED"],
            self._counts["SKIPPED"],
            tuple(self._failures),
            self._running,
            tuple(self._interrupted),
            tuple(self._areas),
            self._open_area,
            tuple(self._findings),
            self._gaps(),
        )

    def _find(self, text: str) -> None:
        """Note a failure that a summary tells of, each once."""
        if len(self._findings) < MAX_FAILURES:
            self._findings[text] = None

    def _gaps(self) -> tuple[str, ...]:
        return ()

    def boot_began(self) -> None:
        """Note that the device was reset: what was running will not finish."""
        if self._running is not None and len(self._interrupted) < MAX_FAILURES:
            self._interrupted.append(self._running)
        self._running = self._open_area = None

    def _begin(self, test: str) -> None:
        self._running, self._why = test, ""

    def _verdict(self, test: str, verdict: str, why: str) -> None:
        self._counts[verdict] += 1
        if verdict == "FAILED" and len(self._failures) < MAX_FAILURES:
            self._failures.append(TestFailure(test, why or "no reason in the log"))
        self._running = None


class RegressionTally(SuiteTally):
    """Verdicts of tf-m-tests, by test id; the prose differs between releases."""

    def __init__(self) -> None:
        super().__init__()
        self._suite = ""
        #: Suites in which a test failed; their own "FAILED" is no news.
        self._failed_suites: set[str] = set()

    def feed(self, event: Event) -> None:
        """Take a line of kind "test"."""
        number, values = event.row.number, event.values
        if number == "T2":
            self._begin(values[0] or "")
        elif number == "T7":
            self._why = ": ".join(value for value in values if value)
        elif number == "T8":
            self._why = f"{self._why} {values[0]}".strip()
            self._find(f"{self._suite or 'a suite'}: {values[0]}")
        elif number == "T3":
            self._suite = values[1] or values[0] or ""
        elif number == "T1":
            self._verdict(values[0] or "", values[1] or "FAILED", self._why)
            if values[1] == "FAILED":
                self._failed_suites.add(self._suite)
        elif number == "T6":
            self._suite_verdict(self._suite, values[0])
        elif number == "T9":
            self._suite_verdict(values[1] or values[0] or "", values[2])
        elif number == "T4":
            self._open_area = values[0]
        elif number == "T5":
            self._areas.append(values[0] or "")
            self._open_area = None

    def _suite_verdict(self, suite: str, verdict: str | None) -> None:
        """A suite counts its own verdicts: one of them may have been lost on the UART."""
        if verdict == "FAILED" and suite not in self._failed_suites:
            self._failed_suites.add(suite)
            name = f"test suite {suite}" if suite else "a test suite"
            self._find(f"{name} says FAILED, and no failed test of it is in the log")


@dataclass
class _ArchReport:
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
    """Verdicts of psa-arch-tests, by test number; a "SIM ERROR" is a failure."""

    def __init__(self) -> None:
        super().__init__()
        self._reports: list[_ArchReport] = []
        self._in_report = False
        self._since_report: Counter[str] = Counter()
        self._since_reset: Counter[str] = Counter()

    def boot_began(self) -> None:
        """Note that the device was reset: what was running will not finish."""
        super().boot_began()
        self._since_reset.clear()
        self._in_report = False

    def feed(self, event: Event) -> None:
        """Take a line of kind "test"."""
        number, values = event.row.number, event.values
        if number == "A5":
            self._total(values[0] or "", int((values[1] or "0")[:_DIGITS]))
            return
        self._in_report = False
        if number == "A2":
            self._open_area = values[0]
        elif number == "A3":
            self._begin(values[0] or "")
        elif number == "A4":
            for counts in (self._since_report, self._since_reset):
                counts.update(("TESTS", values[0] or "FAILED"))
            verdict = "FAILED" if values[0] == "SIM ERROR" else values[0] or "FAILED"
            why = f"{values[0]} code {values[1]}" if values[1] else values[0] or ""
            self._verdict(self._running or "?", verdict, why)

    def _total(self, name: str, count: int) -> None:
        if not self._in_report:
            self._in_report = True
            seen = (self._since_report.copy(), self._since_reset.copy())
            if len(self._reports) < _MAX_REPORTS:
                self._reports.append(_ArchReport(self._open_area or "a suite", seen))
            self._since_report.clear()
            self._since_reset.clear()
            if self._open_area is not None:
                self._areas.append(self._open_area)
                self._open_area = None
        report = self._reports[-1]
        report.totals[name] = count
        if name in ("FAILED", "SIM ERROR") and count and not any(c[name] for c in report.seen):
            self._find(f"the report of {report.suite} counts {count} {name}, the log holds none")

    def _gaps(self) -> tuple[str, ...]:
        return tuple(gap for report in self._reports if (gap := report.gap()))
