# SPDX-License-Identifier: Apache-2.0
"""One test that ran on the device, as its log tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

#: "LOST": it began, another one began after it, and its verdict is not in the log; "CUT": a reset
#: cut it off; "RESET": it resets the chip, which is all that it shows; "RUNNING": it began last, and
#: the log ends.
Ended = Literal["PASSED", "FAILED", "SKIPPED", "LOST", "CUT", "RESET", "RUNNING"]

#: How the ids of tests begin that end with a reset of the chip, and print a verdict only if they
#: fail (R/tests/bl1_1/test_state_transitions.c; the next boot runs the tests of the new state).
_RESETTING = "RSE_BL1_1_TRANSITIONING_TO_"

#: Tests of one log that are kept with their place; the counts are exact beyond it.
MAX_TESTS = 50_000


class Place(NamedTuple):
    """Where a line stands in the raw bytes, and when its last byte came."""

    start: int
    end: int
    number: int
    t: float | None


class DeviceTest(NamedTuple):
    """One test that was executed.

    Attributes:
        framework: "tf-m-tests" or "psa-arch-tests".
        area: Area or suite of suites ("Secure", "Crypto Suite"), "" if it began outside the log.
        suite: The suite's id, or its name where it has none.
        test: The test's id.
        verdict: What became of it.
        why: The reason, "" if the log has none.
        where: Place of the failure in the source ("its.c:162"), or the checkpoint; "" if unknown.
        boot: Number of the boot in which it began, from 0.
        line: Number of its first line, from 0.
        start: Offset of its first raw byte.
        end: Offset behind its last raw byte.
        t: When it began, in seconds, None if unknown.
        seconds: How long it took, None if unknown.
    """

    framework: str
    area: str
    suite: str
    test: str
    verdict: Ended
    why: str
    where: str
    boot: int
    line: int
    start: int
    end: int
    t: float | None
    seconds: float | None


def resets_the_chip(test: str) -> bool:
    """Return whether a test ends with a reset of the chip when all is well."""
    return test.startswith(_RESETTING)


@dataclass(slots=True)
class Room:
    """How many more tests of a log are kept, and how many were not."""

    left: int = MAX_TESTS
    dropped: int = 0

    def take(self) -> bool:
        """Whether one more test may be kept."""
        if self.left <= 0:
            self.dropped += 1
            return False
        self.left -= 1
        return True


class Began(NamedTuple):
    """A test that has begun."""

    test: str
    at: Place
    boot: int
