# SPDX-License-Identifier: Apache-2.0
"""How a run ends: no way of ending looks better than the run was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hil_fixtures.closing import Ended, close
from junitparser import JUnitXml
from run_builders import attempt, case

from hil.report.recorded import read_record
from hil.report.results import RecordedTest, Status
from hil.report.run_record import RunRecord, Verdict

OK, FAILED, STOPPED = (
    int(status)
    for status in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
    )
)


def one(status: Status, **values: object) -> RecordedTest:
    return case(f"t.py::{status}", attempt(status), **values)


ENDS = {
    "pass": ([one(Status.PASS)], 1, OK, False, Verdict.PASS, 0),
    "all skipped": ([one(Status.SKIP)], 1, OK, False, Verdict.NO_TESTS, 5),
    "not all run": ([one(Status.PASS)], 2, OK, False, Verdict.INTERRUPTED, 2),
    "Ctrl-C": ([one(Status.PASS)], 2, STOPPED, True, Verdict.INTERRUPTED, 2),
    "SIGTERM": ([one(Status.PASS)], 2, 143, True, Verdict.INTERRUPTED, 143),
    "failure outside of tests": ([one(Status.PASS)], 1, FAILED, False, Verdict.ERROR, 9),
    "failed on the device only": (
        [one(Status.PASS), one(Status.FAIL, on_target=True)],
        1,
        OK,
        False,
        Verdict.FAIL,
        1,
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_told_to_every_reader(tmp_path: Path, end: str) -> None:
    """Verdict, exit status and the JUnit file say the same: a testcase fails unless all is well."""
    tests, selected, status, interrupted, verdict, wanted = ENDS[end]
    record = RunRecord.create(tmp_path, "b")
    seen = close(record, Ended(tests, selected, status, interrupted), dialect="junit-10")
    assert seen == wanted
    run = read_record(record.folder)
    assert run.verdict == verdict
    [suite] = JUnitXml.fromfile(str(run.junit))
    assert (suite.errors + suite.failures > 0) == (verdict is not Verdict.PASS)


def test_a_record_with_gaps_is_no_pass(tmp_path: Path) -> None:
    """A disk that was full for a while lost evidence: the lab's failure, although all passed."""
    record = RunRecord.create(tmp_path, "b")
    (record.folder / "events.jsonl").mkdir()
    record.event("what nobody can read later")
    (record.folder / "events.jsonl").rmdir()
    assert close(record, Ended([one(Status.PASS)], 1, OK, False), dialect="junit-10") == 8
    run = record.values
    assert (run["verdict"], run["failure_class"]) == ("error", "infrastructure")


def test_a_failure_is_not_undone_by_a_later_attempt() -> None:
    """A test that failed on the device and passed on the next bench has failed, not flaked."""
    test = case("t", attempt(Status.FAIL), attempt(Status.PASS, 2), on_target=True)
    assert (test.status, test.failure_class) == (Status.FAIL, "product")
    missed = case("t", attempt(Status.MISS), attempt(Status.PASS, 2))
    assert (missed.status, missed.failure_class) == (Status.FLAKY, None)


def test_what_decides_the_verdict_is_told_first() -> None:
    """A list of reasons is cut where it is shown: the product's failure comes before the harness's."""
    tests = [
        case("t.py::a", attempt(Status.ERROR, message="setup broke")),
        case("t.py::b", attempt(Status.MISS, message="no probe")),
        case("t.py::c", attempt(Status.ERROR, message="teardown broke")),
        case("t.py::d", attempt(Status.FAIL, message="fingerprints differ")),
    ]
    ended = Ended(tests, 4, FAILED, False)
    assert ended.reasons == ["fingerprints differ", "setup broke", "teardown broke", "no probe"]
