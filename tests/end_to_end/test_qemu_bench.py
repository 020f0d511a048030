# SPDX-License-Identifier: Apache-2.0
"""A QEMU board, run as a user does: boot, on-target tests as testcases, failures, kills."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from .conftest import Lab, Run

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="no qemu-system-arm on PATH (Debian: apt-get install qemu-system-arm)",
)

SCENARIO = """\
extends: qemu-firmware
suite: {{silence: 1.5}}
images:
  scenario: {{memory: flash, address: 0x10068000, file: {file}}}
"""


def on_target(run: Run) -> dict[str, str]:
    """Outcome of each of the firmware's tests in the run's JUnit file."""
    return {
        case.name.removesuffix("[rse0]"): (
            type(case.result[0]).__name__ if case.result else "Passed"
        )
        for case in run.all_cases
        if case.classname.startswith("target.")
    }


def qemus(lab: Lab) -> list[int]:
    """QEMUs of this lab's runs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            cwd, name = (entry / "cwd").readlink(), (entry / "comm").read_text()
        except OSError:
            continue
        if cwd.is_relative_to(lab.runs.resolve()) and name.startswith("qemu"):
            found.append(int(entry.name))
    return found


def scenario(lab: Lab, word: str) -> str:
    """A board whose firmware begins with a command."""
    (lab.boards / "scenario.bin").write_bytes(word.encode() + b"\0")
    return lab.board(SCENARIO.format(file="scenario.bin"))


def test_a_good_firmware_passes(lab: Lab) -> None:
    """Stages, image and all five tests of the firmware are testcases; a reset boots it again."""
    run = lab.run("qemu-firmware")
    assert run.record["verdict"] == "pass", run.output
    assert on_target(run) == {
        "TFM_S_HIL_TEST_1001": "Passed",
        "TFM_S_HIL_TEST_1002": "Passed",
        "TFM_S_HIL_TEST_1003": "Passed",
        "TFM_S_HIL_TEST_1004": "Skipped",
        "TFM_NS_HIL_TEST_1001": "Passed",
    }
    [image] = run.record["images"]
    assert image["sha256_on_device"] == image["sha256"]
    assert (run.folder / "uart" / "rse0.log").read_bytes().startswith(b"[INF] Starting bootloader")
    assert "qemu-system-arm -machine mps2-an521" in (run.folder / "events.jsonl").read_text()
    assert not qemus(lab)


@pytest.mark.parametrize(
    ("word", "says", "outcomes"),
    [
        (
            "fail",
            "TFM_S_HIL_TEST_1003 failed: A word of the stack changed suite.c:7",
            {"TFM_S_HIL_TEST_1003": "Failure", "TFM_NS_HIL_TEST_1001": "Passed"},
        ),
        (
            "hang_in_test",
            "nothing was printed for 1.5 s during test TFM_S_HIL_TEST_1002",
            {"TFM_S_HIL_TEST_1001": "Passed", "TFM_S_HIL_TEST_1002": "Failure"},
        ),
        (
            "crash_in_test",
            "'FATAL ERROR: HardFault' ended test TFM_S_HIL_TEST_1002",
            {"TFM_S_HIL_TEST_1001": "Passed", "TFM_S_HIL_TEST_1002": "Failure"},
        ),
        ("lockup", "the firmware locked up: it faulted where no fault can be handled", {}),
    ],
)
def test_tests_that_go_wrong(lab: Lab, word: str, says: str, outcomes: dict[str, str]) -> None:
    """The test that failed, hung or crashed is named; it is the product's failure."""
    board = scenario(lab, word)
    # Its secure tests end before the non-secure side begins, or never do.
    text = (lab.boards / f"{board}.yaml").read_text()
    (lab.boards / f"{board}.yaml").write_text(text + "stages: [BL2, runtime]\n")
    run = lab.run(board, "-k", "on_target")
    assert run.record["verdict"] == "fail", run.output
    assert says in run.text_of("test_on_target_tests_pass[rse0]")
    assert {name: on_target(run)[name] for name in outcomes} == outcomes


def test_an_image_that_does_not_boot(lab: Lab) -> None:
    """A lock-up is told as what it is, with the stage that was not reached."""
    (lab.boards / "blank.bin").write_bytes(bytes(64))
    text = "extends: qemu-firmware\nretries: {budget: 0}\nimages: {firmware: {file: blank.bin}}\n"
    run = lab.run(lab.board(text), "-k", "stage")
    assert run.record["verdict"] == "fail", run.output
    told = run.text_of("test_reaches_every_stage_in_time[rse0]")
    assert "the firmware locked up" in told
    assert "look at the board" not in told


def test_a_killed_run_leaves_no_qemu(lab: Lab) -> None:
    """SIGKILL to the harness in mid-suite: no QEMU goes on, and the record can be read."""
    process = lab.start(scenario(lab, "hang_in_test"), "-k", "on_target")
    lab.wait_for("TFM_S_HIL_TEST_1002", "rse0")
    assert qemus(lab)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while qemus(lab) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not qemus(lab)
    [folder] = lab.runs.iterdir()
    assert json.loads((folder / "run.json").read_text())["board"]["name"] == "odd"
    assert (folder / "uart" / "rse0.log").stat().st_size > 0
