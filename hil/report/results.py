# SPDX-License-Identifier: Apache-2.0
"""What became of a test, and of each attempt at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What became of a test, in KCIDB's words and two of our own."""

    PASS = "PASS"  # noqa: S105 -- a status
    FLAKY = "FLAKY"  # passed, after the lab had broken an earlier attempt; derived, never written
    FAIL = "FAIL"  # the product failed
    ERROR = "ERROR"  # the test or the harness broke
    MISS = "MISS"  # the lab broke, so that nothing is known about the product
    SKIP = "SKIP"
    XFAIL = "XFAIL"  # failed as expected


#: From the best to the worst: what a test with several outcomes counts as.
LADDER = (
    Status.SKIP,
    Status.XFAIL,
    Status.PASS,
    Status.FLAKY,
    Status.MISS,
    Status.ERROR,
    Status.FAIL,
)
#: Statuses that are no finding.
GOOD = frozenset({Status.PASS, Status.SKIP, Status.XFAIL})

#: Failure class of a status, where the line does not say it.
CLASSES = {Status.FAIL: "product", Status.ERROR: "harness", Status.MISS: "infrastructure"}
STATUS_OF_CLASS = {name: status for status, name in CLASSES.items()}


@dataclass(frozen=True)
class Attempt:
    """One execution of a test.

    Attributes:
        number: From 1.
        failure_class: "product", "infrastructure" or "harness"; None for what did not fail.
        seconds: What it took, with set-up and tear-down.
        started: UTC, ISO 8601; "" if not known.
        message: First line for the reader; `text` is the whole explanation.
        output: What the device printed meanwhile, where that is kept in the line.
        worker: Id of the process that ran it, None without pytest-xdist.
        boots: Numbers of the boots that it looked at.
        session: Number, from 1, of the bench on which it ran: each retry has a new one.
        uart: Where in `uart/rse<N>.log` of that bench its boots stand: first byte and end, by RSE.
    """

    number: int
    status: Status
    failure_class: str | None = None
    seconds: float = 0.0
    started: str = ""
    message: str = ""
    text: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    worker: str | None = None
    boots: tuple[int, ...] = ()
    session: int = 1
    uart: Mapping[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedTest:
    """One test with all its attempts.

    Attributes:
        id: pytest's node id, or target::<area>::<suite>::<name>[rse<N>] for one that ran on a device.
        rse: The RSE that it is about, None for all.
        req: Ids of the requirements that it proves.
        defects: Known defects that explain its failure, or that it warns of.
        causes: Causes that its diagnosis leads with.
        boots: Numbers of the boots that its attempts looked at.
        attempts: At least one, oldest first.
    """

    id: str
    on_target: bool
    rse: int | None
    req: tuple[str, ...]
    defects: tuple[str, ...]
    causes: tuple[str, ...]
    boots: tuple[int, ...]
    attempts: tuple[Attempt, ...]

    @property
    def last(self) -> Attempt:
        """The attempt that counts: the last one, unless the product failed in an earlier one."""
        failed = (a for a in reversed(self.attempts) if a.status is Status.FAIL)
        return next(failed, self.attempts[-1])

    @property
    def status(self) -> Status:
        """What became of the test; a pass after a retry is flaky, one after a failure is none."""
        last = self.last.status
        return Status.FLAKY if last is Status.PASS and len(self.attempts) > 1 else last

    @property
    def failure_class(self) -> str | None:
        """Who has to act: "product", "infrastructure", "harness"; None for what did not fail."""
        return self.last.failure_class

    @property
    def seconds(self) -> float:
        """What all attempts took."""
        return sum(attempt.seconds for attempt in self.attempts)


def broken_test(name: str, told: str, when: str = "") -> RecordedTest:
    """Return a test that has no result of its own, as one that broke."""
    ended = Attempt(1, Status.ERROR, "harness", started=when, message=told, text=told)
    return RecordedTest(name, False, None, (), (), (), (), (ended,))
