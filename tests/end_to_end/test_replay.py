# SPDX-License-Identifier: Apache-2.0
"""`--board replay:RUN`: every testcase against a recorded run, with the verdict of that day."""

from __future__ import annotations

import json
import shutil

from .conftest import Lab

#: A bench that is quick to start, for what does not depend on how the firmware got there.
FVP = "extends: virtual-fvp-rdv3-cfg2\n"


#: What needs no image of this run.
WITHOUT_IMAGES = "(boot or vhuk or provisioning) and not loaded and not seed"


def test_a_good_run_passes_again_without_its_devices(lab: Lab) -> None:
    """Same tests, same fingerprints, both boots; nothing is started, and the record says so."""
    live = lab.run(lab.board(FVP), "-k", WITHOUT_IMAGES)
    assert live.status == 0, live.output
    again = lab.run(f"replay:{live.folder}", "-k", WITHOUT_IMAGES)
    assert again.status == 0, again.output
    assert again.folder != live.folder
    assert again.record["fingerprints"] == live.record["fingerprints"]
    assert again.record["replay_of"] == str(live.folder)
    first = again.recorded.tests[0]
    assert again.recorded.excerpts(first.last)[2].path == live.folder / "uart/rse2.log"
    assert any("no device was touched" in text for text in again.record["warnings"])
    outcomes = [{name: case.result for name, case in run.cases.items()} for run in (live, again)]
    assert outcomes[0].keys() == outcomes[1].keys()
    assert not [name for name, result in outcomes[1].items() if result]
    stages = [
        json.loads(line)["stages"]
        for run in (live, again)
        for line in (run.folder / "events.jsonl").read_text().splitlines()
        if json.loads(line)["kind"] == "booted"
    ]
    half = len(stages) // 2
    for then, now in zip(stages[:half], stages[half:], strict=True):
        assert then.keys() == now.keys()
        assert all(abs(then[stage] - now[stage]) < 0.001 for stage in then)


def test_boots_with_damaged_images_are_not_replayed(lab: Lab) -> None:
    """What a testcase damaged on purpose is no other testcase's second boot."""
    board = lab.board("extends: virtual-rse4\n")
    chosen = "test_mutants or reset or reaches_every_stage"
    live = lab.run(board, "-k", chosen)
    assert live.status == 0, live.output
    again = lab.run(f"replay:{live.folder}", "-k", chosen)
    assert again.status == 0, again.output
    passed = [name for name, case in again.cases.items() if not case.result]
    assert any("survives_reset" in name for name in passed), passed


def test_a_failed_run_fails_again_with_the_same_words(lab: Lab) -> None:
    """A stage that never came is missed again, with its budget, at once and not after it."""
    board = FVP + 'budgets: {vhuk: 3}\nlauncher: {parameters: {virtual.fault: "2:never-join"}}\n'
    live = lab.run(lab.board(board), "-k", "test_reaches_every_stage_in_time")
    again = lab.run(f"replay:{live.folder}", "-k", "test_reaches_every_stage_in_time")
    assert (live.status, again.status) == (1, 1)
    for rse in range(4):
        name = f"test_reaches_every_stage_in_time[rse{rse}]"
        then, now = (run.text_of(name).splitlines()[0] for run in (live, again))
        assert "not within 3 s after BL1_2" in then
        assert now.replace(": the recording ends", "") == then


def test_what_needs_a_device_is_skipped(lab: Lab) -> None:
    """Images are not loaded again, and a boot that was not recorded cannot be had."""
    live = lab.run(lab.board(FVP), "-k", "test_reaches_every_stage_in_time")
    again = lab.run(f"replay:{live.folder}", "-k", "images or second or persist or reset")
    assert again.status in (0, 5), again.output
    reasons = [result.message for case in again.cases.values() for result in case.result]
    assert any("1 boot(s) of the system" in reason for reason in reasons), reasons
    # Not what would be true of the board itself.
    assert any(reason == "a replay has no devices" for reason in reasons), reasons
    assert not [r for r in reasons if "lists no image" in r or "cannot" in r or "set image_v" in r]
    assert not [test for test in again.recorded.tests if "Skipped:" in test.last.message]


def test_what_is_no_recorded_run(lab: Lab) -> None:
    """One line: the folder, what is missing there, and what was expected."""
    live = lab.run(lab.board(FVP), "-k", "test_reaches_every_stage_in_time and rse0")
    shutil.rmtree(live.folder / "uart")
    for folder, told in (
        (lab.folder / "nowhere", "run.json: No such file or directory"),
        (live.folder, "no transcript: expected uart/rse<N>.log"),
    ):
        run = lab.run(f"replay:{folder}")
        assert run.status == 4
        assert told in run.output
        assert "Traceback" not in run.output


def test_a_fail_fast_pattern_ends_the_wait_for_all(lab: Lab) -> None:
    """`fail_on` in the board file: the first match ends every wait, with the line and who said it."""
    board = lab.board(FVP + "fail_on: ['Starting TF-M BL1_2']\n")
    run = lab.run(board, "-k", "test_reaches_every_stage_in_time")
    assert run.status == 1
    told = [run.text_of(f"test_reaches_every_stage_in_time[rse{rse}]") for rse in range(4)]
    said = [text for text in told if "fail-fast pattern 'Starting TF-M BL1_2'" in text]
    ended = [text for text in told if "the wait was ended by rse" in text]
    assert said
    assert len(said) + len(ended) == 4
    allowed = FVP + "fail_on: ['Starting TF-M BL1_2']\nallowed_errors: ['TF-M BL1_2']\n"
    assert lab.run(lab.board(allowed), "-k", "test_reaches_every_stage_in_time").status == 0
