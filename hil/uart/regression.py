# SPDX-License-Identifier: Apache-2.0
"""Verdicts of tf-m-tests, by test id; the prose differs between releases.

A suite tells its totals only when they are not plain: "Number of failed tests: 1 of 22". Each area
ends with a summary of its suites. Both are compared with the verdicts that the log holds. Where
bytes were lost, something else is missing as well: the beginning of a test, the end of a suite.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hil.uart.device_tests import Ended, Place, Room
from hil.uart.suites import MAX_FAILURES, SuiteTally

#: Suites of one boot that are remembered; real ones have some ten.
_MAX_SUITES = 1000
#: Digits of a number that are believed.
_DIGITS = 9
#: Characters of a damaged line that are told.
_SHOWN = 60
#: Characters of a line that noise may change.
_NOISE = 2
_VERDICTS: dict[str, Ended] = {
    "PASSED": "PASSED",
    "FAILED": "FAILED",
    "SKIPPED": "SKIPPED",
}


@dataclass(slots=True)
class _Suite:
    """The verdicts of the suite that is running."""

    total: int = 0
    failed: int = 0
    skipped: int = 0


class RegressionTally(SuiteTally):
    """Verdicts of tf-m-tests in one boot."""

    framework = "tf-m-tests"

    def __init__(self, boot: int = 0, room: Room | None = None) -> None:
        super().__init__(boot, room)
        #: Suites in which a test failed; their own "FAILED" is no news.
        self._failed_suites: set[str] = set()
        #: None while it is not known where the suite began.
        self._seen: _Suite | None = None
        #: Suites of the area that is open, if its beginning is in the log.
        self._suites: set[str] | None = None
        self._wrong: list[str] = []
        #: A line with which a test began, and in which bytes were lost.
        self._torn = ""
        #: Verdicts of tests whose beginning is not in the log, and all verdicts.
        self._unbegun = self._ended = 0

    def began(self, test: str, at: Place) -> None:
        """Take the line with which a test begins."""
        self._tear()
        self._begin(test, at)

    def ended(self, test: str, verdict: str, at: Place) -> None:
        """Take the line with a test's verdict."""
        self._ended += 1
        if self._running is None:
            self._unbegun += 1
            if _alike(self._torn, f"> Executing '{test}'"):
                self._torn = ""
            # Where neither the area nor any test began, the log itself begins later than they.
            elif self._suites is not None or self._ended > self._unbegun:
                self._gap(f"test {test} has a verdict and no beginning in the log")
        self._tear()
        if self._seen is not None:
            self._seen.total += 1
            self._seen.failed += verdict == "FAILED"
            self._seen.skipped += verdict == "SKIPPED"
        if verdict == "FAILED" and len(self._failed_suites) < _MAX_SUITES:
            self._failed_suites.add(self._suite)
        self._verdict(test, _VERDICTS[verdict], at, self._why, self._where)
        self._why = self._where = ""

    def feed(self, number: str, values: tuple[str | None, ...], at: Place) -> None:
        """Take a line of kind "test"."""
        first = values[0] or "" if values else ""
        if number == "T2":
            self.began(first, at)
        elif number == "T1":
            self.ended(first, values[1] or "FAILED", at)
        elif number == "T14":
            # Without a test that began, these words are an application's own.
            if self._running is not None:
                self.ended(self._running.test, first, at)
        elif number == "T7":
            self._why, self._where = first.strip(), values[1] or ""
        elif number == "T8":
            self._why = f"{self._why} {first}".strip()
            self._find(f"{self._suite or 'a suite'}: {first}")
        elif number == "T3":
            self._begin_suite(values[1] or first, first)
        elif number == "T10":
            self._compare(
                first, int((values[1] or "0")[:_DIGITS]), int((values[2] or "0")[:_DIGITS])
            )
        elif number == "T6":
            if self._seen is None and self._suites is not None:
                self._gap("a test suite has a verdict and no beginning in the log")
            self._suite_verdict(self._suite, first)
            self._seen = None
        elif number == "T9":
            self._summary(values[1] or first, first, values[2] or "FAILED")
        elif number == "T4":
            if self._open_area is not None:
                self._gap(f"the {self._open_area} tests have no end in the log")
            self._open_area, self._suites = first, set()
        elif number == "T5":
            self._end_suite()
            if self._open_area != first:
                self._gap(f"the beginning of the {first} tests is not in the log")
            if len(self._areas) < MAX_FAILURES:
                self._areas.append(first)
            self._open_area = self._suites = None
        elif number == "T11":
            self._end_suite()
        elif number == "T12":
            self._tear()
            self._torn = first
        elif number == "T13":
            self._gap(f"a line of a test is damaged: {first[:_SHOWN]!r}")

    def _tear(self) -> None:
        """Note a damaged line that belongs to no test whose verdict came."""
        if self._torn:
            self._gap(f"a line of a test is damaged: {self._torn[:_SHOWN]!r}")
            self._torn = ""

    def _end_suite(self) -> None:
        self._tear()
        if self._seen is not None:
            self._gap(f"test suite {self._suite} has no verdict in the log")
        self._seen = None

    def _begin_suite(self, suite: str, name: str) -> None:
        self._end_suite()
        if self._running is not None:
            # No test of a suite goes on into the next one.
            began, self._running = self._running, None
            self._lose(began, began.at)
        self._suite, self._seen = suite, _Suite()
        if self._suites is not None and len(self._suites) < _MAX_SUITES:
            self._suites |= {suite, name}

    def _suite_verdict(self, suite: str, verdict: str) -> None:
        """A suite counts its own verdicts: one of them may have been lost on the UART."""
        if self._running is not None:
            began, self._running = self._running, None
            self._lose(began, began.at)
        many = len(self._failed_suites) >= _MAX_SUITES
        if verdict == "FAILED" and suite not in self._failed_suites and not many:
            self._failed_suites.add(suite)
            name = f"test suite {suite}" if suite else "a test suite"
            self._find(f"{name} says FAILED, and no failed test of it is in the log")

    def _summary(self, suite: str, name: str, verdict: str) -> None:
        self._suite_verdict(suite, verdict)
        many = self._suites is not None and len(self._suites) >= _MAX_SUITES
        if self._suites is not None and not self._suites & {suite, name} and not many:
            self._gap(f"the summary names test suite {suite}, which is not in the log")

    def _compare(self, what: str, told: int, total: int) -> None:
        """Compare a suite's own totals with the verdicts that the log holds of it."""
        if self._seen is None:
            return
        seen = self._seen.failed if what == "failed" else self._seen.skipped
        if told > seen and what == "failed":
            self._find(f"test suite {self._suite} counts {told} {what}, the log holds {seen}")
        elif told != seen:
            self._gap(f"test suite {self._suite} counts {told} {what}, the log holds {seen}")
        if total != self._seen.total:
            self._gap(
                f"test suite {self._suite} counts {total} tests, the log holds {self._seen.total}"
            )

    def _gap(self, text: str) -> None:
        if len(self._wrong) < MAX_FAILURES:
            self._wrong.append(text)

    def _gaps(self) -> Iterable[str]:
        if 2 * self._unbegun <= self._ended:
            return tuple(self._wrong)
        # Something stands before each line: neither a lost test nor a reset would show.
        told = f"{self._unbegun} of {self._ended} verdicts of tests have no beginning in the log"
        return (told, *self._wrong)


def _alike(one: str, other: str) -> bool:
    """Return whether two texts differ in a character or two: noise, which takes no line with it."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) <= _NOISE
