# SPDX-License-Identifier: Apache-2.0
"""A virtual board as a process: how it starts, ends and refuses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from virtual_boards import COMMAND, LIMIT, BoardProcess, Wire, arguments


def wait_until_gone(pid: int) -> None:
    """Wait until a process that is not ours to wait for has ended."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} is still there")


def test_announces_itself_in_one_line_and_then_is_silent(tmp_path: Path) -> None:
    """One line on stdout, nothing on stderr, exit status 0 at SIGTERM."""
    with BoardProcess(tmp_path) as board:
        board.process.send_signal(signal.SIGTERM)
        out, err = board.process.communicate(timeout=LIMIT)
    assert (out, err, board.process.returncode) == ("", "", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_at_a_signal_and_withdraws_its_port(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGINT end the board; its port file goes with it."""
    with BoardProcess(tmp_path) as board:
        assert board.port_file.is_file()
        assert board.stop(number) == 0
        assert not board.port_file.exists()


def test_ends_when_its_input_ends(tmp_path: Path) -> None:
    """A board whose starter closes the pipe to its stdin ends."""
    with BoardProcess(tmp_path) as board:
        board.process.communicate(timeout=LIMIT)  # closes the pipe
        assert board.process.returncode == 0


def test_survives_an_input_that_is_no_pipe(tmp_path: Path) -> None:
    """With stdin from /dev/null, as in the background of a script, the board runs on."""
    process = subprocess.Popen(
        [*COMMAND, *arguments(tmp_path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline().split()[4].rpartition(":")[2])
    with Wire(port) as wire:
        wire.get("hello", 1)
    process.terminate()
    process.communicate(timeout=LIMIT)
    assert process.returncode == 0


def test_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """A board does not outlive the process that started it, also when that is killed."""
    command = [*COMMAND, *arguments(tmp_path)]
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import subprocess, sys\n"
                f"board = subprocess.Popen({command!r}, stdin=subprocess.DEVNULL)\n"
                "print(board.pid, flush=True)\n"
                "board.wait()"
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    lines = [parent.stdout.readline(), parent.stdout.readline()]
    board = int(next(line for line in lines if line.strip().isdecimal()))
    parent.kill()
    parent.communicate(timeout=LIMIT)
    wait_until_gone(board)


def test_a_killed_board_does_not_disturb_its_peers(tmp_path: Path) -> None:
    """SIGKILL on one board leaves the others alive, and it can be started again."""
    with BoardProcess(tmp_path, chip=0) as one, BoardProcess(tmp_path, chip=1) as other:
        assert one.stop(signal.SIGKILL) == -signal.SIGKILL
        with Wire(other.port) as wire:
            wire.get("hello", 1)
        with BoardProcess(tmp_path, chip=0) as again, Wire(again.port) as wire:
            wire.get("hello", 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--chip=4"], "--chip 4: expected 0 to 3"),
        (["--release=9.9"], "no virtual RSE firmware '9.9'"),
        (["--fault=flash-hagn"], "no such fault; there are"),
        (["--fault=probe-gone:soon"], "'soon' is not a number of occasions"),
        (["--initsvtor=0x90000000"], "--initsvtor 0x90000000: there is no memory"),
        (["--rse-amount=0"], "chip 0 of 0 RSEs: there can be 1 to 8"),
        (["--bogus"], "unrecognized arguments: --bogus"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path: Path, options: list[str], expected: str
) -> None:
    """A wrong option is explained in one line on stderr."""
    done = subprocess.run(
        [*COMMAND, *arguments(tmp_path), *options], capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr


def test_a_probe_port_in_use_is_refused(tmp_path: Path) -> None:
    """A fixed probe port that somebody else has ends in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        option = f"--probe-port={taken.getsockname()[1]}"
        done = subprocess.run(
            [*COMMAND, *arguments(tmp_path), option], capture_output=True, text=True, timeout=LIMIT
        )
    assert done.returncode == 2
    assert "in use" in done.stderr


def test_two_boards_cannot_be_the_same_chip(tmp_path: Path) -> None:
    """A second board with the number and folder of a live one is refused."""
    with BoardProcess(tmp_path):
        done = subprocess.run(
            [*COMMAND, *arguments(tmp_path)], capture_output=True, text=True, timeout=LIMIT
        )
    assert done.returncode == 2
    assert "another board is alive as chip 0" in done.stderr


def test_folders_with_very_long_names_work(tmp_path: Path) -> None:
    """The fabric does not depend on the length of its folder's name."""
    deep = tmp_path / ("a" * 120) / ("b" * 120)
    deep.mkdir(parents=True)
    with BoardProcess(deep) as board:
        assert len(os.fspath(board.port_file)) > 240
        assert board.port_file.is_file()
