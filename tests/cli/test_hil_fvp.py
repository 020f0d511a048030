# SPDX-License-Identifier: Apache-2.0
"""`hil fvp`: lines that a shell takes, and that really start the model."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hil.cli import main

BOARD = """\
extends: virtual-fvp-rdv3-cfg2
launcher:
  parameters: {{virtual.time_scale: 0.05, virtual.port_format: "{spelling}"}}
  env: {{LAB_NOTE: "two words", API_TOKEN: "not to be seen"}}
  writable_images: {{css0.sysctrl.rse_flashloader.fnameWrite: "it's flash.img"}}
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    (tmp_path / "it's flash.img").write_bytes(b"flash")
    path = tmp_path / "lab.yaml"
    path.write_text(BOARD.format(spelling="a"))
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    status = main(["fvp", *arguments])
    told = capsys.readouterr()
    assert status == 0, told.err
    return told.out


def boots(script: str, folder: Path) -> bytes:
    """Give the lines to a shell, as a person does, until RSE 3 has spoken; returns what it said."""
    uart = folder / "uart-rse3-start1.log"
    shell = subprocess.Popen(
        ["/bin/sh"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert shell.stdin is not None
        shell.stdin.write(script.encode())
        shell.stdin.close()
        deadline = time.monotonic() + 20
        while not (uart.exists() and b"Jumping to BL2" in uart.read_bytes()):
            assert time.monotonic() < deadline, "the model does not boot"
            assert shell.poll() is None, "the shell has ended"
            time.sleep(0.02)
        return uart.read_bytes()
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended, which is told already
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(10)


def test_the_lines_start_the_model_of_a_board(
    tmp_path: Path, board: Path, capsys: pytest.CaptureFixture[str]
):
    """Quoting, folder, copies and images: nothing else is needed."""
    folder = tmp_path / "by hand"
    script = printed(capsys, str(board), "--folder", str(folder))
    assert "# Fast Models [11.29.35 (Apr 24 2025)]; OTP: fresh for this run" in script
    assert script.count("# RSE ") == 4
    assert "not to be seen" not in script
    assert "# <hidden>: put the value in" in script
    assert "'LAB_NOTE=two words'" in script
    assert b"Starting TF-M BL1_1" in boots(script, folder)
    assert (folder / "css0.sysctrl.rse_flashloader.fnameWrite.img").stat().st_size == 8 << 20
    assert (tmp_path / "it's flash.img").read_bytes() == b"flash"


def test_on_one_line_and_as_json_it_is_the_same_command(
    tmp_path: Path, board: Path, capsys: pytest.CaptureFixture[str]
):
    """For scripts."""
    folder = str(tmp_path / "f")
    line = printed(capsys, str(board), "--folder", folder, "--one-line").splitlines()[-1]
    told = json.loads(printed(capsys, str(board), "--folder", folder, "--json"))

    def without_ports(words: list[str]) -> list[str]:
        return [word for word in words if ".start_port=" not in word]

    words = shlex.split(line)
    assert words[0] == "env"
    binary = next(n for n, word in enumerate(words) if word.endswith("/hil-virtual-fvp"))
    assert without_ports(words[binary:]) == without_ports(told["argv"])
    assert told["env"] == {"LAB_NOTE": "two words", "API_TOKEN": "<hidden>"}


def test_nothing_is_left_of_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What is missing is told before there is an image to keep."""
    folder = tmp_path / "f"
    assert main(["fvp", "FVP_RD_V3_R1", "--folder", str(folder)]) == 2
    assert "HIL_TFM_BIN" in capsys.readouterr().err
    assert not folder.exists()


def test_without_images_nothing_is_made(
    tmp_path: Path, board: Path, capsys: pytest.CaptureFixture[str]
):
    """The folder is only named."""
    folder = tmp_path / "f"
    assert "--data" not in printed(capsys, str(board), "--folder", str(folder), "--no-images")
    assert not folder.exists()


def test_a_run_can_be_repeated_by_hand(
    tmp_path: Path, board: Path, capsys: pytest.CaptureFixture[str]
):
    """From its record alone: the run's own folder for the model is long gone."""
    runs = tmp_path / "runs"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "testcases/boot", "--board", str(board), "-q",
         "--runs", str(runs), "-k", "stages or reset", "-p", "no:cacheprovider"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},  # built images are kept there
    )  # fmt: skip
    [run] = runs.iterdir()
    assert (run / "events.jsonl").exists(), done.stdout
    assert not (run / "state").exists()
    folder = tmp_path / "again"
    script = printed(capsys, str(run), "--folder", str(folder))
    assert str(run / "state") not in script
    assert script.startswith(f"# {run.name}\n")
    assert b"Starting TF-M BL1_1" in boots(script, folder)
    for number in ("0", "9"):
        assert main(["fvp", str(run), "--start", number]) == 2
        assert "has the starts 1 to " in capsys.readouterr().err


def test_what_a_record_holds_cannot_become_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A record may come from elsewhere: its texts stay words, and remarks stay remarks."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    evil = "x\x1b[2J\x85\ntouch evil; $(touch evil) `touch evil` 'touch evil'"
    start = {
        "kind": "fvp", "argv": ["true", evil], "cwd": str(tmp_path), "state": str(tmp_path),
        "env": {"A": evil}, "copies": [["", f"{tmp_path}/{evil}"]], "consoles": {"0": evil},
        "version": evil, "nvm": evil, "user_ports": {evil: evil},
    }  # fmt: skip
    (run / "events.jsonl").write_text(json.dumps(start) + "\n" + '{"kind": "fv')
    script = printed(capsys, str(run), "--folder", str(tmp_path / "f"))
    subprocess.run(["/bin/sh"], input=script, text=True, cwd=tmp_path, check=True, timeout=60)
    assert not list(tmp_path.rglob("evil"))
    remarks = [line for line in script.splitlines() if line.startswith("#")]
    assert len(remarks) >= 4
    assert all(remark.isprintable() for remark in remarks)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ("", "no start of a model is recorded"),
        ('{"kind": "fvp", "argv": 3}\n', "events.jsonl, start 1: no start of a model"),
    ],
)
def test_a_run_without_a_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], events: str, words: str
):
    """A run on boards, or a damaged record."""
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "events.jsonl").write_text(events)
    assert main(["fvp", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def test_a_board_without_a_model_is_refused(capsys: pytest.CaptureFixture[str]):
    """Before any image is built."""
    assert main(["fvp", "virtual-rse4"]) == 2
    assert "its launcher is pyocd; expected a board with an FVP" in capsys.readouterr().err
