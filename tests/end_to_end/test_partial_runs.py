# SPDX-License-Identifier: Apache-2.0
"""A run that is less than it seems: expected failures, a last test, left-out tests, unreadable files."""

from __future__ import annotations

from junitparser import JUnitXml

from hil.report.recorded import Status

from .conftest import Lab

BOARD = (
    "extends: virtual-fvp-rdv3-cfg2\nretries: {pause: 0}\n"
    "launcher: {parameters: {virtual.time_scale: 0.1}}\n"
)
TESTS = """
import pytest
from hil.errors import DeviceError

TRIED = []

@pytest.mark.xfail(reason="a known defect", strict=True)
def test_odd_expected(first_boot):
    raise DeviceError("the probe is gone", operation="odd")

def test_odd_good(first_boot):
    pass

def test_odd_last(first_boot):
    TRIED.append(1)
    if len(TRIED) == 1:
        raise DeviceError("the probe was gone", operation="odd")
"""


def test_what_the_lab_breaks_is_never_an_expected_failure(lab: Lab) -> None:
    """It is tried again and then missed; the last test, too, has its retry on a bench of its own."""
    place = lab.folder / "test_odd.py"
    place.write_text(TESTS)
    run = lab.run(lab.board(BOARD), str(place), "-k", "test_odd")
    assert run.status == 8, run.output
    expected, good, last = run.recorded.tests
    assert [attempt.status for attempt in expected.attempts] == [Status.MISS, Status.MISS]
    assert good.status is Status.PASS
    assert [attempt.status for attempt in last.attempts] == [Status.MISS, Status.PASS]
    assert [attempt.session for attempt in last.attempts] == [2, 3]
    assert (run.folder / "attempts" / "2" / "uart" / "rse0.log").is_file()
    assert run.record["deselected"] > 10
    assert f"{run.record['deselected']} deselected" in run.output


def test_a_file_that_cannot_be_read_is_no_pass(lab: Lab) -> None:
    """Where pytest is told to go on without it, the run and its JUnit file are an error."""
    (lab.folder / "test_odd.py").write_text("def test_odd_good(board):\n    pass\n")
    (lab.folder / "test_unreadable.py").write_text("import nothing_of_this_name\n")
    told = [str(lab.folder), "-k", "test_odd", "--continue-on-collection-errors"]
    run = lab.run(lab.board(BOARD), *told)
    assert run.status == 9, run.output
    assert (run.recorded.verdict, run.recorded.failure_class) == ("error", "harness")
    [suite] = JUnitXml.fromfile(str(run.recorded.junit))
    assert (suite.tests, suite.errors) == (2, 1)
