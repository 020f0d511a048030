# SPDX-License-Identifier: Apache-2.0
"""Processes that the harness starts."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.errors import DeviceError
from hil.targets.process import Child, find_program

LIMIT = 10


@pytest.fixture
def lines() -> queue.Queue[str]:
    return queue.Queue()


@pytest.fixture
def started() -> Iterator[list[Child]]:
    children: list[Child] = []
    yield children
    for child in children:
        child.stop()


def gone(pid: int) -> bool:
    """Wait until a process has ended, whoever's it is."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_output_comes_line_by_line(lines: queue.Queue[str], started: list[Child]) -> None:
    """Standard output and error arrive as lines without their ends, and input reaches it."""
    child = Child(shell("read x; echo got $x; echo oops >&2"), name="talker", line=lines.put)
    started.append(child)
    child.write("this\n")
    assert sorted(lines.get(timeout=LIMIT) for _ in range(2)) == ["got this", "oops"]
    assert child.wait(LIMIT) == 0


def test_errors_can_be_kept_apart(lines: queue.Queue[str], started: list[Child]) -> None:
    """With a callback of its own, standard error does not mix with the output."""
    errors: queue.Queue[str] = queue.Queue()
    started.append(
        Child(shell("echo out; echo err >&2"), name="two", line=lines.put, errors=errors.put)
    )
    assert lines.get(timeout=LIMIT) == "out"
    assert errors.get(timeout=LIMIT) == "err"
    assert lines.empty()


def test_stop_ends_the_whole_group_and_may_be_repeated(
    lines: queue.Queue[str], started: list[Child]
) -> None:
    """What the process started itself ends with it, also when it ignores SIGTERM."""
    child = Child(shell("trap '' TERM; sleep 100 & echo $!; wait"), name="stubborn", line=lines.put)
    started.append(child)
    grandchild = int(lines.get(timeout=LIMIT))
    child.stop(limit=0.2)
    child.stop()
    assert child.returncode() is not None
    assert gone(grandchild)


def test_a_program_that_does_not_exist_is_a_device_error() -> None:
    """The message names it."""
    with pytest.raises(DeviceError, match="start ghost: /no/such/program"):
        Child(["/no/such/program"], name="ghost", leash=False)


def test_writing_to_one_that_has_ended_is_a_device_error(started: list[Child]) -> None:
    """A pipe without a reader is not an exception of its own kind."""
    child = Child(shell("exit 3"), name="short")
    started.append(child)
    assert child.wait(LIMIT) == 3
    with pytest.raises(DeviceError, match="short has ended"):
        child.write("x" * 100_000)


@pytest.mark.parametrize("leash", [True, False])
def test_nothing_outlives_a_killed_harness(leash: bool) -> None:
    """After SIGKILL on the harness, a leashed child ends; another sees the end of its input."""
    script = "sleep 100" if leash else "cat"
    harness = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "from hil.targets.process import Child\n"
                f"child = Child(['/bin/sh', '-c', {script!r}], name='it', leash={leash})\n"
                "print(child.pid, flush=True)\n"
                "child.wait(100)"
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert harness.stdout is not None
    pid = int(harness.stdout.readline())
    time.sleep(0.2)  # the leash takes a moment to become the program
    harness.kill()
    harness.communicate(timeout=LIMIT)
    assert gone(pid)


def test_programs_are_found_beside_python_and_on_path(tmp_path: Path) -> None:
    """The environment's own programs come first; a path is taken as it is."""
    assert find_program(Path(sys.executable).name) == Path(sys.executable)
    assert find_program("sh") is not None
    assert find_program("no-such-program-anywhere") is None
    assert find_program(os.fspath(tmp_path)) is None
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\n")
    assert find_program(os.fspath(script)) is None
    script.chmod(0o755)
    assert find_program(os.fspath(script)) == script


def test_last_words_are_handed_over(started: list[Child]) -> None:
    """Its end is seen before its output is read; `drain` waits for the rest, within its limit."""
    said: list[str] = []

    def slowly(line: str) -> None:
        time.sleep(0.3)
        said.append(line)

    child = Child(shell("echo cannot bind; exit 3"), name="server", line=slowly)
    started.append(child)
    assert child.wait(LIMIT) == 3
    child.drain(LIMIT)
    assert said == ["cannot bind"]


def test_an_output_that_somebody_holds_open(lines: queue.Queue[str], started: list[Child]) -> None:
    """What it started and left behind keeps nobody waiting longer than the limit, in all calls."""
    child = Child(shell("sleep 30 & echo up"), name="server", line=lines.put)
    started.append(child)
    assert child.wait(LIMIT) == 0
    began = time.monotonic()
    for _ in range(100):
        child.drain(0.2)
    assert 0.2 <= time.monotonic() - began < LIMIT
    assert lines.get(timeout=LIMIT) == "up"
