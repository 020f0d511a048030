# SPDX-License-Identifier: Apache-2.0
"""What the chaos runs take for a trace, and that they find each kind."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.chaos_traces import left

CHILD = [sys.executable, "-c", "print(flush=True); input()"]
MARK = "RSE_HIL_TRACES=1"


@pytest.fixture
def arena(tmp_path: Path) -> Path:
    """Provide the folder of a round."""
    for name in ("runs/one/uart", "tmp", "cache"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs/one/run.json").touch()
    (tmp_path / "cache/.lock").touch()
    return tmp_path


def test_a_record_by_itself_is_no_trace(arena: Path) -> None:
    """A finished run leaves its record."""
    (arena / "runs/one/uart/rse0.log").touch()
    assert left(MARK, arena, set()) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tmp/pyocd-x", "temporary file: pyocd-x"),
        ("runs/one/state", "file of no record: state"),
        ("runs/one/.run.json.a", "file of no record: .run.json.a"),
        ("cache/.bl2.bin.part", "half of a file: cache/.bl2.bin.part"),
    ],
)
def test_files_are_traces(arena: Path, name: str, told: str) -> None:
    """What nobody will use again is told by its place."""
    (arena / name).touch()
    assert left(MARK, arena, set()) == [told]


def test_locks_sockets_ports_and_processes_are_traces(
    arena: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is what somebody still holds."""
    monkeypatch.chdir(arena)  # names of sockets are short
    locked = arena / "cache/.lock"
    environment = os.environ | dict([MARK.split("=")])
    with (
        locked.open() as held,
        socket.socket() as listener,
        socket.socket(socket.AF_UNIX) as unix,
        subprocess.Popen(
            CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        ) as child,
    ):
        child.stdout.read(1)  # it has begun
        fcntl.flock(held, fcntl.LOCK_EX)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        unix.bind("s")
        port = listener.getsockname()[1]
        told = "\n".join(left(MARK, arena, {port}))
    assert "lock: cache/.lock" in told
    assert "socket: s" in told
    assert "input()" in told
    # The port is that of the test, which is not the round's.
    assert f"port: {port}" not in told


def test_a_round_that_still_clears_up_is_no_error(arena: Path) -> None:
    """Folders may vanish while they are looked through."""
    ended = threading.Event()

    def churn() -> None:
        while not ended.is_set():
            for place in ("runs/one/state", "tmp/a", "cache/b"):
                folders = [arena / place / str(number) for number in range(20)]
                for folder in folders:
                    folder.mkdir(parents=True)
                for folder in folders:
                    folder.rmdir()
                (arena / place).rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(40):
            left(MARK, arena, set())
    finally:
        ended.set()
        thread.join()
    assert left(MARK, arena, set()) == []
