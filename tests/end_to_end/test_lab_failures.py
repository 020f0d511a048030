# SPDX-License-Identifier: Apache-2.0
"""What the lab breaks is told apart from what the product fails, tried again, and ends in quarantine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from junitparser.xunit2 import JUnitXml

from hil.bench.board_file import load_board
from hil.bench.quarantine import Quarantine
from hil.cli import main
from hil.report.recorded import Status

from .conftest import LIMIT, ROOT, Lab

FVP = "extends: virtual-fvp-rdv3-cfg2\nretries: {pause: 0}\n"
#: Boots as fast as the computer can.
FAST = "launcher: {parameters: {virtual.time_scale: 0.1}}\n"
#: Boots so slowly that there is time to kill something.
SLOW = (
    "budgets: {BL1_1: 30, provisioning: 30, BL1_2: 30, vhuk: 30, BL2: 30, runtime: 30}\n"
    "launcher: {parameters: {virtual.time_scale: 3}}\n"
)
#: A bench that cannot be opened.
DEAD = FVP + "services: {aux: {command: ['false'], announce: up}}\n"
STAGES = "test_stages"


def kill_model(lab: Lab) -> None:
    lab.wait_for("Starting TF-M BL1_2", "rse0")
    for victim in lab.processes("hil-virtual-fvp"):
        os.kill(victim, signal.SIGKILL)


def test_a_pass_after_a_retry_is_flaky(lab: Lab) -> None:
    """A model that dies once: the bench is built anew, all pass, and the record tells of both."""
    process = lab.start(lab.board(FVP + SLOW), "-k", STAGES)
    kill_model(lab)
    run = lab.finish(process)
    assert run.status == 0, run.output
    recorded = run.recorded
    assert recorded.verdict == "flaky"
    first = recorded.tests[0]
    assert [attempt.status for attempt in first.attempts] == [Status.MISS, Status.PASS]
    assert first.status is Status.FLAKY
    assert "killed by signal 9" in first.attempts[0].text
    before, after = (recorded.excerpts(attempt)[0].path for attempt in first.attempts)
    assert before.parts[-4:] == ("attempts", "1", "uart", "rse0.log")
    assert b"Starting TF-M BL1_2" in before.read_bytes()
    assert b"Starting TF-M BL1_2" in after.read_bytes()
    assert {test.status for test in recorded.tests[1:]} == {Status.PASS}
    assert [(boot.number, boot.session) for boot in recorded.boots] == [(0, 1), (1, 2)]
    [suite] = JUnitXml.fromfile(str(recorded.junit))
    assert len(suite) == len(recorded.tests)
    [flaky] = [case for case in suite if case.is_flaky]
    assert flaky.flaky_errors()[0].type == "infrastructure"
    assert "BL1_2" in flaky.flaky_errors()[0].system_out


def test_the_budget_of_retries_is_kept(lab: Lab) -> None:
    """Without a budget the lab's failure stays one, with an exit status of its own."""
    text = FVP.replace("{pause: 0}", "{budget: 0}") + SLOW
    process = lab.start(lab.board(text), "-k", STAGES)
    kill_model(lab)
    run = lab.finish(process)
    assert run.status == 8
    recorded = run.recorded
    assert (recorded.verdict, recorded.failure_class) == ("error", "infrastructure")
    assert {len(test.attempts) for test in recorded.tests} == {1}
    assert Status.MISS in {test.status for test in recorded.tests}
    assert not {Status.FAIL, Status.ERROR} & {test.status for test in recorded.tests}


def test_the_product_is_never_tried_again(lab: Lab) -> None:
    """A firmware that fails has failed: one attempt, exit status 1."""
    text = FVP + "budgets: {vhuk: 1}\n" + FAST.replace("}}", ', virtual.fault: "2:never-join"}}')
    run = lab.run(lab.board(text), "-k", STAGES)
    assert run.status == 1
    assert run.recorded.failure_class == "product"
    assert {len(test.attempts) for test in run.recorded.tests} == {1}


def test_a_bench_that_cannot_be_used_is_told_once(lab: Lab) -> None:
    """One full error, after the retries; every other test is missed with a reference to it."""
    run = lab.run(lab.board(DEAD), "-k", STAGES)
    assert run.status == 8, run.output
    first, *others = run.recorded.tests
    assert [a.status for a in first.attempts] == [Status.MISS, Status.MISS]
    assert "service aux ended with status 1" in first.last.message
    assert {test.status for test in others} == {Status.MISS}
    for test in others:
        assert len(test.attempts) == 1
        assert test.last.text.startswith(f"the same as for {first.id}: ")
        assert test.last.seconds < 1
    assert len(run.record["reasons"]) == 1
    [suite] = JUnitXml.fromfile(str(run.recorded.junit))
    assert len(next(iter(suite)).rerun_errors()) == 1


def test_a_mistake_of_the_user_is_the_harness_class(lab: Lab) -> None:
    """A board file that asks for the impossible is not tried again, and is not the lab's fault."""
    text = FVP + "services: {aux: {command: [no-such-program], announce: up}}\n"
    run = lab.run(lab.board(text), "-k", STAGES)
    assert run.status == 9, run.output
    assert {test.status for test in run.recorded.tests} == {Status.ERROR}
    assert {len(test.attempts) for test in run.recorded.tests} == {1}


def test_a_device_that_fails_again_and_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is put in quarantine with the reason; a run says so at once; a person lets it out."""
    monkeypatch.setenv("HIL_STATE", str(lab.folder / "state"))
    board = lab.board(DEAD.replace("{pause: 0}", "{budget: 0}") + "quarantine_after: 2\n")
    place = ["--boards", str(lab.boards)]
    assert lab.run(board, "-k", STAGES).status == 8
    assert main(["doctor", board, "--live", *place]) == 1
    told = capsys.readouterr().out
    assert "service aux ended with status 1" in told
    assert "2 failures in a row" in told
    run = lab.run(board, "-k", STAGES)
    assert run.status == 8
    first, *others = run.recorded.tests
    assert "is in quarantine since" in first.last.message
    assert "service aux ended with status 1" in first.last.message
    assert f"hil doctor {lab.boards / board}.yaml --release" in first.last.message
    assert all(test.last.text.startswith("the same as for") for test in others)
    assert not list(run.folder.glob("uart/*"))
    assert main(["doctor", board, "--release", *place]) == 0
    assert "out of quarantine" in capsys.readouterr().out
    Quarantine(load_board(lab.boards / f"{board}.yaml")).check()


def test_a_full_disk_of_the_host_is_no_fault_of_a_device(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests are missed; once there is room again, the board runs without anybody's word."""
    monkeypatch.setenv("HIL_STATE", str(lab.folder / "state"))
    once = FVP.replace("{pause: 0}", "{budget: 0}")
    board = lab.board(f"{once}{FAST}quarantine_after: 1\n")
    place = lab.folder / "test_odd.py"
    for operation, held in (("capture", 0), ("write image", 0), ("reset", 1)):
        place.write_text(
            "from hil.errors import DeviceError\n"
            f"def test_odd(first_boot):\n    raise DeviceError('full', operation={operation!r})\n"
        )
        run = lab.run(board, str(place), "-k", "test_odd")
        assert run.status == 8, run.output
        assert len(Quarantine(load_board(lab.boards / f"{board}.yaml")).held()) == held


def test_what_last_failed_is_a_part(lab: Lab) -> None:
    """Pytest does not say how many tests `--lf` left out, so the record says that it did."""
    board = lab.board(FVP + FAST)
    place = lab.folder / "test_odd.py"
    place.write_text(
        "def test_odd_good(board):\n    pass\ndef test_odd_bad(board):\n    assert False\n"
    )
    whole = lab.run(board, str(place), "-k", "test_odd")
    assert not any("--lf" in warning for warning in whole.record["warnings"])
    part = lab.run(board, str(place), "-k", "test_odd", "--lf")
    assert any("--lf" in warning for warning in part.record["warnings"])
    assert len(part.recorded.tests) == 1


def test_several_boards_side_by_side(lab: Lab) -> None:
    """One process and one record each: what becomes of one changes nothing for the others.

    The status is that of what weighs most: the harness that was killed, not the dead bench.
    """
    lab.board(FVP + FAST, "good")
    lab.board(DEAD, "bad")
    lab.board(FVP + SLOW, "slow")
    process = lab.start("good", "--board", "bad", "--board", "slow", "-k", STAGES)
    lab.wait_for("Starting TF-M BL1_2", "rse0", board="slow")
    [slow] = [r.record["pid"] for r in lab.all_runs() if r.record["board"]["name"] == "slow"]
    os.kill(slow, signal.SIGKILL)
    run = lab.finish(process)
    assert run.status == 9, run.output
    assert "PASS         good" in run.output
    assert "ERROR        bad" in run.output
    assert "KILLED       slow" in run.output
    found = {r.record["board"]["name"]: r.recorded for r in lab.all_runs()}
    assert {name: each.verdict for name, each in found.items()} == {
        "good": "pass",
        "bad": "error",
        "slow": "killed",
    }
    assert {test.status for test in found["good"].tests} == {Status.PASS}
    assert {test.status for test in found["bad"].tests} == {Status.MISS}
    assert {test.last.worker for test in found["good"].tests} == {"good"}
    for recorded in (found["good"], found["bad"]):
        [suite] = JUnitXml.fromfile(str(recorded.junit))
        case = next(iter(suite))
        assert not list(case.properties())  # the schema has none there
        assert "[[PROPERTY|req=RSE-BOOT-STAGES]]" in case.system_out


#: What is said of boards that cannot run side by side.
NONSENSE = {
    ("--board", "virtual-fvp-rdv3-cfg2"): "was named already",
    ("--board", "virtual-rse4", "-n", "3"): "each board has one process",
    ("--board", "virtual-rse44"): "did you mean 'virtual-rse4'?",
    ("--board", "replay:x"): "a replay runs alone",
    ("-n", "2"): "one bench cannot serve several processes",
    ("--tx", "2*popen", "--dist", "load"): "one bench cannot serve several processes",
}


#: Runs pytest once for each list of arguments, in processes that share what is imported already.
FORKED = """
import json, os, sys, pytest, hil.bench.bench, hil.diagnosis.boot
for given in json.loads(sys.argv[1]):
    if (child := os.fork()) == 0:
        os._exit(pytest.main(given))
    print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_several_boards_that_make_no_sense(lab: Lab) -> None:
    """One clear error before anything is started."""
    common = ["testcases", "--board", "virtual-fvp-rdv3-cfg2", "--runs", str(lab.runs)]
    common += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported already
    all_of_them = [[*common, *given] for given in NONSENSE]
    command = [sys.executable, "-c", FORKED, json.dumps(all_of_them)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout.split("\n")[:-1] == ["status 4"] * len(NONSENSE), done.stdout
    said = done.stderr.split("ERROR: ")[1:]
    assert len(said) == len(NONSENSE), done.stderr
    for text, told in zip(said, NONSENSE.values(), strict=True):
        assert told in text
    assert not lab.runs.exists()


@pytest.mark.parametrize("option", [("-x",), ("--maxfail", "2")], ids=" ".join)
def test_boards_that_stop_at_the_first_failure(lab: Lab, option: tuple[str, ...]) -> None:
    """The status is that of the failure, not that pytest was stopped by it: a CI retries on 8."""
    lab.board(DEAD, "one")
    lab.board(DEAD, "two")
    run = lab.run("one", "--board", "two", "-k", STAGES, *option)
    assert run.status == 8, run.output
