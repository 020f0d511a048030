# SPDX-License-Identifier: Apache-2.0
"""The `hil` command as a user meets it: output, exit status, one clear error."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def hil(*arguments: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil.cli", *arguments],
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_boards_are_listed_from_anywhere(tmp_path: Path) -> None:
    """Without a `boards` folder the shipped ones are there; a lab's own comes first."""
    assert "virtual-rse4 " in hil("boards", cwd=tmp_path).stdout
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards/ours.yaml").write_text("extends: virtual-rse4\ndescription: our lab\n")
    listed = hil("boards", "list", cwd=tmp_path)
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[0].startswith("ours ")
    assert "our lab" in listed.stdout


def test_a_broken_board_does_not_hide_the_others(tmp_path: Path) -> None:
    """`hil boards` lists what is usable and says what is not."""
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards/broken.yaml").write_text("release: [\n")
    listed = hil("boards", cwd=tmp_path)
    assert listed.returncode == 1
    assert "broken" in listed.stdout
    assert "not usable" in listed.stdout
    assert "virtual-rse4 " in listed.stdout


def test_show_leaves_keys_out() -> None:
    """No key of a board file is shown."""
    shown = hil("boards", "show", "virtual-rse4").stdout
    text = (ROOT / "boards/virtual-rse4.yaml").read_text()
    keys = [word.strip("{}") for word in text.split() if len(word.strip("{}")) == 64]
    assert len(keys) == 10
    assert not [key for key in keys if key in shown]
    assert "guk: (not shown)" in shown


def test_schema_is_json() -> None:
    """`hil boards schema` prints a JSON schema."""
    assert json.loads(hil("boards", "schema").stdout)["type"] == "object"


def test_check_names_every_mistake(tmp_path: Path) -> None:
    """`hil boards check` ends with status 2 and one line per mistake."""
    path = tmp_path / "x.yaml"
    path.write_text("extends: virtual-rse4\nbudgts: {}\nlauncher: {connect_mode: hold}\n")
    checked = hil("boards", "check", str(path))
    assert checked.returncode == 2
    assert f"{path}:2: budgts: unknown key; did you mean 'budgets'?" in checked.stderr
    assert f"{path}:3: launcher.connect_mode: " in checked.stderr
    assert "Traceback" not in checked.stderr


def test_doctor_says_what_is_missing_and_what_mends_it() -> None:
    """A board whose images and model are not there: status 1, each with a remedy."""
    told = hil("doctor", "FVP_RD_V3_R1", HIL_TFM_BIN="/nowhere")
    assert told.returncode == 1
    assert "export HIL_HOST_IMAGES=" in told.stdout
    assert "no readable file /nowhere/bl2_signed.bin" in told.stdout
    assert "FVP_RD_V3_R1" in told.stdout
    assert "things are missing" in told.stdout


@pytest.mark.parametrize("board", ["virtual-rse4", "virtual-fvp-rdv3-cfg2"])
def test_doctor_finds_nothing_missing_for_the_virtual_benches(board: str) -> None:
    """What `make demo` runs is complete after the set-up."""
    told = hil("doctor", board)
    assert told.returncode == 0, told.stdout
    assert told.stdout.rstrip().endswith(f"`pytest testcases --board {board}` can run")


def test_log_reads_several_files_and_goes_on_after_a_bad_one(tmp_path: Path) -> None:
    """A file that cannot be read is one line on standard error; the others are read."""
    good = tmp_path / "uart.log"
    good.write_bytes(b"[INF] Starting bootloader\r\n[ERR] Unable to find bootable image\r\n")
    told = hil("log", str(tmp_path / "none.log"), str(good))
    assert told.returncode == 2
    assert "none.log" in told.stderr
    assert "Unable to find bootable image" in told.stdout


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    """`hil boards schema | head -1` ends without a traceback."""
    command = f"{shlex.quote(sys.executable)} -m hil.cli boards schema | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["boards", "show", "virtual-rse"], "did you mean 'virtual-rse4'?"),
        (["doctor", "virtual-fvp"], "did you mean"),
        (["runs", "/no/such/folder"], "no folder /no/such/folder"),
        (["frobnicate"], "invalid choice"),
    ],
    ids=["show", "doctor", "runs", "command"],
)
def test_wrong_names(arguments: list[str], expected: str) -> None:
    """A wrong name ends with status 2 and the nearest match."""
    done = hil(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("launcher: {user_script: /no/such.py}", "no file /no/such.py"),
        ("images: {scp: {address: 0xB0040000}}", "overlap"),
        ("images: {tfm_s: {mcuboot: {slot_size: 0x4000}}}", "tfm_s"),
        ("power: {on: [no-such-switch]}", "no program 'no-such-switch'"),
        ("services: {rse: {announce: 'probe (?P<prob>x) uart (?P<uart>y)'}}", "{rse0.probe}"),
    ],
    ids=["script", "overlap", "slot", "switch", "announcement"],
)
def test_doctor_looks_as_far_as_it_can_without_the_devices(
    tmp_path: Path, text: str, expected: str
) -> None:
    """What a run would stumble over before it reaches a device is found beforehand."""
    path = tmp_path / "odd.yaml"
    path.write_text(f"extends: virtual-rse4\n{text}\n")
    told = hil("doctor", str(path))
    assert told.returncode == 1, told.stdout
    assert expected in told.stdout
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["boards"],
        ["boards", "schema"],
        ["doctor", "virtual-rse4"],
        ["model", "explore", "--release", "2.3.1"],
    ],
)
def test_output_that_does_not_fit_is_no_finding(arguments: list[str]) -> None:
    """A full disk is one clear error, of status 2."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hil.cli", *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "hil: standard output: No space left on device\n"
