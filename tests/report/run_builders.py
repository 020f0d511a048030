# SPDX-License-Identifier: Apache-2.0
"""Runs of any content, as the harness writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hil.report.recorded import RecordedRun, read_record
from hil.report.result_lines import result_line
from hil.report.results import CLASSES, Attempt, RecordedTest, Status
from hil.report.run_record import RunRecord, Verdict


def attempt(status: Status, number: int = 1, **values: Any) -> Attempt:
    return Attempt(number, status, CLASSES.get(status), **values)


def case(name: str, *attempts: Attempt, **values: Any) -> RecordedTest:
    told: dict[str, Any] = {
        "on_target": False,
        "rse": None,
        "req": (),
        "defects": (),
        "causes": (),
        "boots": (),
    }
    return RecordedTest(id=name, attempts=attempts, **(told | values))


def written(folder: Path, *tests: RecordedTest, **values: Any) -> RecordedRun:
    """Write a run with these tests, and read it again."""
    record = RunRecord.create(folder, "b")
    record.update(release="2.3.1", **values)
    for test in tests:
        for each in test.attempts:
            record.result(result_line(test, each))
    record.finish(Verdict.PASS)
    return read_record(record.folder)
