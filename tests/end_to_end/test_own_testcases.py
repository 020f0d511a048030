# SPDX-License-Identifier: Apache-2.0
"""Testcases that a lab writes for itself: who is told to act on what goes wrong in them."""

from __future__ import annotations

import pytest

from .conftest import ROOT, Lab

pytest.importorskip("pyocd")

OWN = """
import pexpect, pytest

@pytest.fixture(scope="module")
def too_wide(rse):
    return rse

def test_own_late(bench, first_boot):
    bench.consoles[0].expect(b"never", timeout=0.3)

def test_own_scope(too_wide):
    pass

def test_own_fixture(nosuch):
    pass

def test_own_key(first_boot):
    {}[9]

def test_own_rse(first_boot):
    first_boot.of(7)

def test_own_hold(bench, first_boot):
    bench.launcher.hold(9)

def test_own_kind(bench, first_boot):
    bench.launcher.reset(0, "warmest")

def test_own_power(bench, first_boot):
    bench.cycle_power()

def test_own_good(bench, first_boot):
    bench.consoles[0].expect("Starting bootloader")
"""

DEVICES = """
def test_own_send(bench, first_boot):
    bench.consoles[0].sendline("x")

def test_own_hold(bench, first_boot):
    bench.launcher.hold(1)

def test_own_power(bench, first_boot):
    bench.cycle_power()

def test_own_resets(bench, first_boot):
    for _ in range(9):
        bench.reset()

def test_own_good(bench, first_boot):
    bench.consoles[0].expect("Starting bootloader")
"""


@pytest.fixture
def board(lab: Lab) -> str:
    """A board that boots as fast as the computer can, with one chance before its quarantine."""
    return lab.board("extends: virtual-rse4\nquarantine_after: 1\n")


def test_mistakes_of_a_testcase_are_not_the_devices(lab: Lab, board: str) -> None:
    """Who wrote it has to act; a line that does not come is the firmware's, and all is told in words."""
    place = lab.folder / "test_own.py"
    place.write_text(OWN)
    run = lab.run(board, str(place), "-k", "test_own")
    assert run.status == 1, run.output
    told = {
        test.id.rpartition("::")[2].partition("[")[0]: (str(test.status), test.last.message)
        for test in run.recorded.tests
    }
    statuses = {name: status for name, (status, _) in told.items()}
    assert statuses == {
        "test_own_late": "FAIL",
        "test_own_scope": "ERROR",
        "test_own_fixture": "ERROR",
        "test_own_key": "ERROR",
        "test_own_rse": "ERROR",
        "test_own_hold": "ERROR",
        "test_own_kind": "ERROR",
        "test_own_power": "ERROR",
        "test_own_good": "PASS",
    }
    assert told["test_own_key"][1] == "KeyError: 9"
    assert told["test_own_fixture"][1] == "no fixture 'nosuch'"
    assert "no RSE 7 on this board; it has [0, 1, 2, 3]" in told["test_own_rse"][1]
    assert "no RSE 9 on this board" in told["test_own_hold"][1]
    assert "no kind 'warmest'" in told["test_own_kind"][1]
    assert "power.cycle: the board file says no command" in told["test_own_power"][1]
    assert {len(test.attempts) for test in run.recorded.tests} == {1}
    assert "quarantine" not in run.output


WARNS = """
import gc, os, socket, warnings

def test_own_warns():
    warnings.warn("old", DeprecationWarning)
    left = socket.socket()
    looks = os.scandir("/")
    next(looks)
    del left, looks
    gc.collect()
"""


def test_a_warning_decides_nothing(lab: Lab, board: str) -> None:
    """Of whatever library, at whatever moment: it is no failure of the firmware."""
    place = lab.folder / "test_own.py"
    place.write_text(WARNS)
    run = lab.run(board, str(place), "-k", "test_own")
    assert run.status == 0, run.output
    assert "DeprecationWarning: old" in run.output


def test_what_needs_a_device_is_skipped_in_a_replay(lab: Lab, board: str) -> None:
    """A recording takes no input, and nobody may switch the power of a board that is elsewhere."""
    place = lab.folder / "test_own.py"
    place.write_text(DEVICES)
    first = lab.run(board, "-k", "test_reaches_every_stage")
    assert first.status == 0, first.output
    switched = lab.folder / "switched"
    lab.board(f"extends: virtual-rse4\npower: {{cycle: [touch, '{switched}']}}\n")
    again = lab.run(f"replay:{first.folder}", str(place), "-k", "test_own")
    assert again.status == 0, again.output
    told = {test.id.rpartition("::")[2]: str(test.status) for test in again.recorded.tests}
    assert told.pop("test_own_good") == "PASS"
    assert set(told.values()) == {"SKIP"}
    assert not switched.exists()


def test_the_example_of_the_documentation(lab: Lab, board: str) -> None:
    """What docs/testcases.md shows runs as it stands, live and in a replay."""
    text = (ROOT / "docs/testcases.md").read_text()
    place = lab.folder / "test_lab.py"
    place.write_text(text.partition("```python\n")[2].partition("```")[0])
    run = lab.run(board, str(place), "--deselect", "testcases")
    assert run.status == 0, run.output
    assert len(run.recorded.tests) == 9
    again = lab.run(f"replay:{run.folder}", str(place), "--deselect", "testcases")
    assert again.status == 0, again.output
