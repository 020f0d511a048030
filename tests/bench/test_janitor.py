# SPDX-License-Identifier: Apache-2.0
"""What clears up after a harness that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hil.bench.janitor import Janitor, new_mark

HARNESS = """
import subprocess, sys, time
from pathlib import Path
from hil.bench.janitor import Janitor, new_mark
run, mark = Path(sys.argv[1]), new_mark()
janitor = Janitor(mark, run / "state", run / "logs")
(run / "state" / "rse0").mkdir(parents=True)
(run / "state" / "rse0" / "chip0.otp").write_bytes(b"a key")
(run / "state" / "rse0" / "model.log").write_text("what it said")
(run / ".run.json.1").touch()
daemon = subprocess.Popen(["sleep", "1000"], env=dict([mark.split("=", 1)]), start_new_session=True)
print(daemon.pid, flush=True)
time.sleep(1000)
"""


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_clears_up_after_a_harness_that_was_killed(tmp_path: Path) -> None:
    """What devices wrote is gone, what they logged is kept, and no service runs on."""
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert harness.stdout is not None
    daemon = int(harness.stdout.readline())
    assert lives(daemon)
    harness.kill()
    harness.communicate()
    until(lambda: not lives(daemon), "the daemon runs on")
    until(lambda: not (tmp_path / "state").exists(), "the state is still there")
    assert (tmp_path / "logs" / "rse0-model.log").read_text() == "what it said"
    until(lambda: not list(tmp_path.glob(".run*")), "half a record is still there")


def test_it_goes_without_a_trace_when_it_is_dismissed(tmp_path: Path) -> None:
    """Who closes a bench in good order clears up himself."""
    (tmp_path / "state").mkdir()
    janitor = Janitor(new_mark(), tmp_path / "state", tmp_path / "logs")
    pid = janitor._process.pid
    assert lives(pid)
    janitor.dismiss()
    janitor.dismiss()
    assert not lives(pid)
    assert list(tmp_path.iterdir()) == [tmp_path / "state"]


def test_one_that_was_killed_leaves_nothing_open(tmp_path: Path) -> None:
    """A night's memory shortage is no failure of the tests that ran."""
    (tmp_path / "state").mkdir()
    janitor = Janitor(new_mark(), tmp_path / "state", tmp_path / "logs")
    os.kill(janitor._process.pid, signal.SIGKILL)
    janitor._process.wait()
    janitor.dismiss()
    assert janitor._process.stdin is not None
    assert janitor._process.stdin.closed


def test_it_ends_no_service_of_another_bench(tmp_path: Path) -> None:
    """Each bench has a mark of its own."""
    one, other = new_mark(), new_mark()
    assert one != other
    environment = os.environ | dict([other.split("=", 1)])
    with subprocess.Popen(["sleep", "1000"], env=environment) as service:
        try:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "hil.bench.janitor",
                    one,
                    str(tmp_path / "s"),
                    str(tmp_path),
                ],
                check=False,
            )
            assert done.returncode == 0
            assert service.poll() is None
        finally:
            service.kill()
