# SPDX-License-Identifier: Apache-2.0
"""Tests that ran on a device, as results of the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from hil.report.junit import TestResult
from hil.uart.device_tests import DeviceTest
from hil.uart.log_excerpt import excerpt

_OUTCOMES = {"PASSED": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


def device_results(rse: int, tests: Iterable[DeviceTest], log: Path) -> Iterator[TestResult]:
    """Yield one result per test.

    Args:
        rse: The RSE on which they ran.
        tests: The tests; a test without verdict of its own failed.
        log: The transcript in which they stand.
    """
    with log.open("rb") as stream:
        for test in tests:
            parts = [f"rse{rse}", test.framework, test.area, test.suite]
            place = ".".join(part.replace("::", ".") for part in parts if part)
            outcome = _OUTCOMES.get(test.verdict, "failed")
            told = ": ".join(part for part in (test.why, test.where) if part)
            text = excerpt(stream, test.start, test.end)
            properties = {"boot": str(test.boot + 1), "offset": str(test.start)}
            if test.where:
                properties["where"] = test.where
            yield TestResult(
                nodeid=f"{place}::{test.test}",
                outcome=outcome,
                seconds=test.seconds or 0.0,
                failure_class="product" if outcome == "failed" else None,
                message=told if outcome != "passed" else "",
                text=f"{told}\n\n{text}" if outcome == "failed" else "",
                properties=properties,
                output=text,
            )
