# SPDX-License-Identifier: Apache-2.0
"""Verdicts of the test suites that run on the device: tf-m-tests regression and psa-arch-tests."""

from __future__ import annotations

from dataclasses import dataclass

from hil.uart.events import Event

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
        self._findings: list[str] = []
        self._gaps: list[str] = []
        self._why = ""
        self._boot = 0

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
            tuple(self._gaps),
        )

    def _find(self, text: str) -> None:
        """Note a contradiction, each once."""
        if text not in self._findings and len(self._findings) < MAX_FAILURES:
            self._findings.append(text)

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

    def feed(self, event: Event) -> None:
        """Take a line of kind "test"."""
        number, values = event.row.number, event.values
        if number == "T2":
            self._begin(values[0] or "")
        elif number == "T7":
            self._why = ": ".join(value for value in values if value)
        elif number == "T8":
            self._why = f"{self._why} {values[0]}".strip()
        elif number == "T1":
            self._verdict(values[0] or "", values[1] or "FAILED", self._why)
        elif number in ("T6", "T9") and values[-1] == "FAILED":
            # A suite counts its own verdicts: one of them may have been lost on the UART.
            if not self._counts["FAILED"]:
                self._find("a test suite says FAILED, and no failed test is in the log")
        elif number == "T4":
            self._open_area = values[0]
        elif number == "T5":
            self._areas.append(values[0] or "")
            self._open_area = None


class ArchTally(SuiteTally):
    """Verdicts of psa-arch-tests, by test number; a "SIM ERROR" is a failure."""

    def __init__(self) -> None:
        super().__init__()
        #: Counts when the suite began whose report is awaited.
        self._before = dict(self._counts)
        self._reported = False

    def feed(self, event: Event) -> None:
        """Take a line of kind "test"."""
        number, values = event.row.number, event.values
        if number == "A2":
            self._open_area = values[0]
        elif number == "A3":
            if self._reported:  # another suite, with a report of its own
                self._before, self._reported = dict(self._counts), False
            self._begin(values[0] or "")
        elif number == "A4":
            verdict = "FAILED" if values[0] == "SIM ERROR" else values[0] or "FAILED"
            why = f"{values[0]} code {values[1]}" if values[1] else values[0] or ""
            self._verdict(self._running or "?", verdict, why)
        elif number == "A5":
            self._reported = True
            self._total(values[0] or "", int(values[1] or 0))
            if self._open_area is not None:
                self._areas.append(self._open_area)
                self._open_area = None

    def _total(self, what: str, number: int) -> None:
        """Compare a line of the suite's own report with what was seen."""
        seen = {k: count - self._before[k] for k, count in self._counts.items()}
        seen["TESTS"] = sum(seen.values())
        if what in ("FAILED", "SIM ERROR") and number and not seen["FAILED"]:
            self._find(f"the report counts {number} {what}, and no failed test is in the log")
        elif what in ("TESTS", "PASSED", "SKIPPED") and number != seen[what] and not self._gaps:
            self._gaps.append(f"the report counts {number} {what}, the log holds {seen[what]}")
