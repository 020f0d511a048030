# SPDX-License-Identifier: Apache-2.0
"""Which tests changed their verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hil.report.compare.sides import Side
from hil.report.recorded import RecordedTest, Status


class Outcome(StrEnum):
    """What the runs of one side say about a test."""

    PASS = "passes"  # noqa: S105 - an outcome
    FAIL = "fails"
    FLAKY = "flaky"  # passed after a retry, or passed and failed in runs of one side
    MISS = "lab broke"
    SKIP = "skipped"
    XFAIL = "fails as expected"
    ABSENT = "not run"


class Change(StrEnum):
    """What became of a test; the order is that of the text."""

    NEWLY_FAILING = "newly failing"
    STILL_FAILING = "still failing"
    FLAKY = "flaky"
    STILL_FLAKY = "still flaky"
    FIXED = "fixed"
    NEW = "new"
    GONE = "gone"
    OTHER = "other verdict"
    SAME = "same"


#: Changes that make the verdicts differ.
DIFFERING = frozenset(Change) - {Change.SAME, Change.STILL_FAILING, Change.STILL_FLAKY}

#: Before and after, to what that means, the first row that fits; None stands for any outcome.
_CHANGES: tuple[tuple[Outcome | None, Outcome | None, Change], ...] = (
    (Outcome.ABSENT, None, Change.NEW),
    (None, Outcome.ABSENT, Change.GONE),
    (Outcome.FAIL, Outcome.FAIL, Change.STILL_FAILING),
    (None, Outcome.FAIL, Change.NEWLY_FAILING),
    (Outcome.FLAKY, Outcome.FLAKY, Change.STILL_FLAKY),
    (None, Outcome.FLAKY, Change.FLAKY),
    (Outcome.FAIL, Outcome.PASS, Change.FIXED),
    (Outcome.FLAKY, Outcome.PASS, Change.FIXED),
    (Outcome.XFAIL, Outcome.PASS, Change.FIXED),
)

_OUTCOMES = {
    Status.PASS: Outcome.PASS,
    Status.FLAKY: Outcome.FLAKY,
    Status.FAIL: Outcome.FAIL,
    Status.ERROR: Outcome.FAIL,
    Status.MISS: Outcome.MISS,
    Status.SKIP: Outcome.SKIP,
    Status.XFAIL: Outcome.XFAIL,
}
#: Outcomes that say nothing if another run of the same side says something.
_WEAK = (Outcome.MISS, Outcome.SKIP)


@dataclass(frozen=True)
class TestChange:
    """One test on both sides.

    Attributes:
        before: Statuses of side A by number of runs.
        after: The same of side B.
        message: First line of the latest failure: of B, or of A if it does not fail there.
        message_before: Of A, if it fails there for another reason; "" otherwise.
    """

    __test__ = False  # pytest would take the name for a test class

    test: str
    change: Change
    outcomes: tuple[Outcome, Outcome]
    before: Counter[str]
    after: Counter[str]
    message: str = ""
    message_before: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "test": self.test,
            "change": str(self.change),
            "before": dict(self.before),
            "after": dict(self.after),
            "message": self.message,
            "message_before": self.message_before,
        }


def compare_tests(a: Side, b: Side) -> tuple[TestChange, ...]:
    """Return every test of both sides, in the order of side A, then what only B has."""
    before, after = _by_test(a), _by_test(b)
    return tuple(
        _change(test, before.get(test, []), after.get(test, [])) for test in {**before, **after}
    )


def outcome(statuses: Iterable[Status]) -> Outcome:
    """Return what several runs of a test say together.

    >>> str(outcome([Status.PASS, Status.FAIL])), str(outcome([Status.MISS, Status.PASS]))
    ('flaky', 'passes')
    """
    found = {_OUTCOMES[status] for status in statuses}
    strong = found.difference(_WEAK) or found
    if not strong:
        return Outcome.ABSENT
    if len(strong) == 1:
        return next(iter(strong))
    if strong == set(_WEAK):
        return Outcome.MISS
    return Outcome.FLAKY


def _meaning(before: Outcome, after: Outcome) -> Change:
    for old, new, change in _CHANGES:
        if old in (None, before) and new in (None, after):
            return change
    return Change.SAME if before is after else Change.OTHER


def _by_test(side: Side) -> dict[str, list[RecordedTest]]:
    found: dict[str, list[RecordedTest]] = {}
    for run in side.runs:
        for test in run.executed:
            found.setdefault(test.id, []).append(test)
    return found


def _change(name: str, a: list[RecordedTest], b: list[RecordedTest]) -> TestChange:
    outcomes = outcome(test.status for test in a), outcome(test.status for test in b)
    old, new = _message(a), _message(b)
    return TestChange(
        test=name,
        change=_meaning(*outcomes),
        outcomes=outcomes,
        before=Counter(str(test.status) for test in a),
        after=Counter(str(test.status) for test in b),
        message=new or old,
        message_before=old if old and new and old != new else "",
    )


def _message(tests: list[RecordedTest]) -> str:
    """Return why a test failed in the latest run in which it did."""
    for test in reversed(tests):
        for attempt in reversed(test.attempts):
            if _OUTCOMES[attempt.status] in {Outcome.FAIL, Outcome.MISS}:
                return attempt.message
    return ""
