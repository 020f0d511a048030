# SPDX-License-Identifier: Apache-2.0
"""Devices that misbehave end in failing tests that name the RSE, the stage and the last line."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from hil.bench.board_file import find_board, load_board
from hil.bench.image_plan import build_plan
from hil.report.recorded import JUNIT

from .conftest import Lab

#: A bench that is quick to start, for what does not depend on how the firmware got there.
FVP = "extends: virtual-fvp-rdv3-cfg2\n"
#: A wait that must run out is kept short; the others must bear a busy machine.
QUICK = "budgets: {vhuk: 3}\n"
PATIENT = "budgets: {BL1_1: 30, provisioning: 30, BL1_2: 30, vhuk: 30, BL2: 30, runtime: 30}\n"


def test_one_rse_never_joins_the_handshake(lab: Lab) -> None:
    """TF-M 2.3.1 waits for ever: every RSE that hangs is named with its stage and its last line."""
    board = lab.board(FVP + QUICK + 'launcher: {parameters: {virtual.fault: "2:never-join"}}\n')
    run = lab.run(board)
    assert run.status == 1
    assert run.record["verdict"] == "fail"
    for rse in range(4):
        told = run.text_of(f"test_reaches_every_stage_in_time[rse{rse}]")
        assert f"RSE {rse}: stage vhuk not reached: not within 3 s after BL1_2" in told
        assert "last line '[INF] Starting TF-M BL1_2'" in told
        assert "silent in the vHUK handshake" in told
        assert "one RSE does not take part" in told
    assert "no bl1_2 fingerprint from RSE 0" in run.text_of("test_all_rses_agree[bl1_2]")
    for name in ("test_all_rses_agree[bl1_2]", "test_every_rse_reports_a_fingerprint[bl1_2-rse1]"):
        assert "[no-handshake-timeout]" in run.text_of(name)
        assert run.properties_of(name)["known_defect"] == "no-handshake-timeout"


def test_one_rse_never_gets_to_the_handshake(lab: Lab) -> None:
    """The RSE that does not boot is named as the one that the others wait for."""
    board = lab.board(
        FVP + 'budgets: {BL1_1: 3, vhuk: 3}\nlauncher: {parameters: {virtual.fault: "3:no-boot"}}\n'
    )
    run = lab.run(board)
    told = run.text_of("test_reaches_every_stage_in_time[rse3]")
    assert "RSE 3: stage BL1_1 not reached" in told
    assert "its UART was silent" in told
    told = run.text_of("test_reaches_every_stage_in_time[rse0]")
    assert "RSE 3 never got there, and RSE 0 waits for every RSE" in told


def test_a_missing_rse_is_reported_by_the_fixed_firmware(lab: Lab) -> None:
    """A firmware with a time limit says itself who is missing; that line is in the message."""
    board = lab.board(
        FVP + QUICK + "release: fixed\nlauncher:\n  parameters:\n"
        '    {virtual.fault: "2:never-join", virtual.release: fixed, virtual.handshake_timeout: 1}\n'
    )
    run = lab.run(board)
    told = run.text_of("test_reaches_every_stage_in_time[rse0]")
    assert "[ERR] RSE handshake: no seed from RSE 2 after 1000 ms" in told
    assert "RSE 2 silent after BL1_2" in told


def test_an_image_with_a_flipped_byte_is_refused(lab: Lab, tmp_path: Path) -> None:
    """BL2 refuses it; the test of that RSE names BL2's last line and the image."""
    file = load_board(find_board("virtual-rse4"))
    plan = build_plan(file, tmp_path / "cache")
    good = next(image.path for image in plan.images if image.name == "tfm_s" and image.rse == 1)
    data = bytearray(good.read_bytes())
    data[0x800] ^= 1
    bad = tmp_path / "tfm_s_flipped.bin"
    bad.write_bytes(data)
    board = lab.board(
        "extends: virtual-rse4\n" + PATIENT + "images:\n"
        "  tfm_s: {rses: [0, 2, 3]}\n"
        f"  tfm_s_flipped: {{memory: flash, address: 0xB0040000, rses: [1], file: {bad}}}\n"
    )
    run = lab.run(board)
    assert run.record["verdict"] == "fail"
    told = run.text_of("test_reaches_every_stage_in_time[rse1]")
    assert "RSE 1: stage runtime not reached" in told
    assert "Unable to find bootable image" in told
    assert not run.cases["test_reaches_every_stage_in_time[rse0]"].result
    assert not run.cases["test_all_rses_agree[bl1_2]"].result
    assert "Image in the primary slot is not valid!" in run.text_of(
        "test_no_unexpected_error[rse1]"
    )


@pytest.mark.parametrize("stage", ["Starting TF-M BL1_2", "Starting bootloader"])
def test_a_board_that_is_killed_in_mid_boot(lab: Lab, stage: str) -> None:
    """The device's death is an infrastructure error of that RSE, at the stage where it died."""
    board = lab.board(
        "extends: virtual-rse4\nbudgets: {BL1_1: 30, provisioning: 30, BL1_2: 30, vhuk: 20}\n"
        "retries: {budget: 0}\n"
        "services:\n"
        '  rse: {arguments_of: {3: ["--time-scale", "4"]}}\n'
    )
    process = lab.start(board)
    lab.wait_for(stage, "rse3")
    [victim] = lab.processes("--chip 3 ")
    os.kill(victim, signal.SIGKILL)
    run = lab.finish(process)
    assert run.status == 8
    assert run.recorded.failure_class == "infrastructure"
    case = run.cases["test_reaches_every_stage_in_time[rse3]"]
    assert case.result[0].type == "infrastructure"
    told = run.text_of("test_reaches_every_stage_in_time[rse3]")
    assert "RSE 3: stage" in told
    assert "last line '[" in told
    # Its pty is not looked for again: the next pty of that name is another program's.
    events = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    said = [e["what"] for e in events if e["kind"] == "uart" and e["console"] == "rse3"]
    assert "attached" in said
    assert "reopening" not in said


def test_an_fvp_that_is_killed_in_mid_boot(lab: Lab) -> None:
    """A model that dies is named with what it said last, for every RSE."""
    board = lab.board(
        "extends: virtual-fvp-rdv3-cfg2\nretries: {budget: 0}\n" + PATIENT + "launcher:\n"
        "  parameters: {virtual.time_scale: 4}\n"
    )
    process = lab.start(board)
    lab.wait_for("Starting TF-M BL1_2", "rse0")
    for victim in lab.processes("hil-virtual-fvp"):
        os.kill(victim, signal.SIGKILL)
    run = lab.finish(process)
    assert run.record["verdict"] == "error", run.record["reasons"]
    told = run.text_of("test_reaches_every_stage_in_time[rse0]")
    assert "killed by signal 9" in told
    assert run.cases["test_reaches_every_stage_in_time[rse0]"].result[0].type == "infrastructure"


def test_another_guk_on_one_die(lab: Lab) -> None:
    """A die with another GUK cannot read its link: the boot fails with the code, never silently."""
    board = lab.board(FVP + QUICK + 'launcher: {parameters: {virtual.fault: "1:other-guk"}}\n')
    run = lab.run(board)
    assert run.status == 1
    told = run.text_of("test_reaches_every_stage_in_time[rse0]")
    assert "Fatal boot error" in told
    assert "DECRYPTION_FAILED" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_interrupted(lab: Lab, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the run in good order: nothing left running, a record that says so."""
    board = lab.board(
        "extends: virtual-rse4\nservices:\n"
        '  rse: {arguments_of: {0: ["--time-scale", "9"]}}\n' + PATIENT
    )
    process = lab.start(board)
    lab.wait_for("Starting TF-M BL1_2", "rse1")
    process.send_signal(number)
    run = lab.finish(process)
    assert run.record["verdict"] == "interrupted"
    assert run.status != 0
    assert (run.folder / JUNIT).is_file()


def test_a_run_that_is_killed(lab: Lab) -> None:
    """SIGKILL leaves a record that says "killed", and no process: the kernel ends the children."""
    board = lab.board(
        'extends: virtual-rse4\nservices:\n  rse: {arguments_of: {0: ["--time-scale", "9"]}}\n'
    )
    process = lab.start(board)
    lab.wait_for("Starting TF-M BL1_2", "rse1")
    process.kill()
    run = lab.finish(process)
    assert run.record["verdict"] == "killed"
    assert "test_reaches_every_stage_in_time[rse0]" in (run.recorded.under_way or "")
    assert run.recorded.images
    assert b"Starting TF-M BL1_2" in (run.folder / "uart/rse1.log").read_bytes()


def test_a_runtime_that_panics_has_not_booted(lab: Lab) -> None:
    """An RSE that crashes after its banner, and resets again and again, fails with the crash."""
    board = lab.board(FVP + 'launcher: {parameters: {virtual.fault: "2:panic-in-runtime"}}\n')
    run = lab.run(board)
    told = run.text_of("test_reaches_every_stage_in_time[rse2]")
    assert "RSE 2: stage runtime does not hold: FATAL ERROR: SecureFault" in told
    assert not run.cases["test_reaches_every_stage_in_time[rse1]"].result


def test_firmware_without_the_reporter(lab: Lab) -> None:
    """An RSE that boots on without its report lines is told to lack the reporter."""
    board = lab.board(FVP + QUICK + 'launcher: {parameters: {virtual.fault: "2:no-report"}}\n')
    run = lab.run(board)
    told = run.text_of("test_reaches_every_stage_in_time[rse2]")
    assert "the firmware of RSE 2 has no reporter" in told.splitlines()[0]


def test_images_of_another_release_than_the_board_file_says(lab: Lab) -> None:
    """They are refused before a device is touched, with file, version and what was expected."""
    run = lab.run(lab.board(FVP + 'release: "2.2.2"\n'))
    told = run.text_of("test_reaches_every_stage_in_time[rse0]")
    assert "version 2.3.1+0, but the board has TF-M 2.2.2" in told
    assert "at 0x310e0000: TF-M 2.2.x looks for a provisioning message at" in told
    assert not (run.folder / "uart" / "rse0.log").exists()


def test_another_release_runs_than_the_board_file_says(lab: Lab) -> None:
    """Firmware that prints another version than the rules it is judged by fails."""
    own = 'release: "2.2.2"\nplatform: null\nimage_version: 2.3.1+0\n'
    run = lab.run(lab.board(FVP + own))
    told = run.text_of("test_runs_the_release_of_the_board_file[rse0]")
    assert "RSE 0 runs TF-M 2.3.1, the board file says release 2.2.2" in told


def test_ctrl_c_twice(lab: Lab) -> None:
    """An impatient user gets the same verdict: interrupted, never a pass."""
    process = lab.start("virtual-fvp-rdv3-cfg2")
    lab.wait_for("Booting TF-M", "rse1")
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    run = lab.finish(process)
    assert run.record["verdict"] in {"interrupted", "killed"}
