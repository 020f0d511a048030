# SPDX-License-Identifier: Apache-2.0
"""Tests that ran on a device, as tests of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from hil.report.results import CLASSES, Attempt, RecordedTest, Status
from hil.report.run_record import utc_now
from hil.uart.device_tests import DeviceTest
from hil.uart.log_excerpt import excerpt

#: Requirement that every on-target test proves.
REQUIREMENT = "RSE-REG-SUITES"
_STATUS = {
    "PASSED": Status.PASS,
    "FAILED": Status.FAIL,
    "SKIPPED": Status.SKIP,
    "RESET": Status.SKIP,
}


def device_results(
    rse: int,
    tests: Iterable[DeviceTest],
    log: Path,
    *,
    boot: int,
    session: int = 1,
    lost: bool = False,
) -> Iterator[RecordedTest]:
    """Yield one test, with one attempt, per test that ran on a device.

    Args:
        rse: The RSE on which they ran.
        tests: The tests; a test without verdict of its own failed.
        log: The transcript in which they stand.
        boot: Number of the boot of the system in which they ran.
        session: Number of the bench.
        lost: A device was lost while they ran: every failure is the lab's.
    """
    names: Counter[str] = Counter()
    with log.open("rb") as stream:
        for test in tests:
            status = _STATUS.get(test.verdict, Status.FAIL)
            if lost and status is Status.FAIL:
                status = Status.MISS
            told = ": ".join(part for part in (test.why, test.where) if part)
            text = excerpt(stream, test.start, test.end)
            properties = {
                "framework": test.framework,
                "boot": str(test.boot + 1),
                "offset": str(test.start),
            }
            if test.where:
                properties["where"] = test.where
            attempt = Attempt(
                number=1,
                status=status,
                failure_class=CLASSES.get(status),
                seconds=test.seconds or 0.0,
                started=utc_now(),
                message=told if status is not Status.PASS else "",
                text=f"{told}\n\n{text}" if status in CLASSES else "",
                properties=properties,
                output=text,
                boots=(boot,),
                session=session,
                uart={rse: (test.start, test.end)},
            )
            name = _id(test)
            names[name] += 1
            again = f"#{names[name]}" if names[name] > 1 else ""
            yield RecordedTest(
                id=f"{name}{again}[rse{rse}]",
                on_target=True,
                rse=rse,
                req=(REQUIREMENT,),
                defects=(),
                causes=(),
                boots=(boot,),
                attempts=(attempt,),
            )


def _id(test: DeviceTest) -> str:
    """Return target::<area>::<suite>::<name>; a test of no area is of its framework's."""
    parts = [test.area or test.framework, test.suite or "", test.test]
    clean = [part.replace("::", ".") for part in parts]
    return "::".join(["target", *clean])
