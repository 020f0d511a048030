# SPDX-License-Identifier: Apache-2.0
"""Commands of the lab come to their end, whoever is interrupted meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hil.errors import DeviceError
from hil.targets.lab_command import run_command

RUN = """
import signal, sys
from hil.targets.lab_command import run_command
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
wait = 'n=0; until [ -e "$0.told" ] || [ $n = 300 ]; do n=$((n+1)); sleep 0.05; done'
switch = f'echo off >> "$0"; {wait}; echo on >> "$0"'
run_command("power cycle", ["sh", "-c", switch, sys.argv[1]], limit=20)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_half_of_a_power_cycle_is_not_left(tmp_path: Path, number: signal.Signals):
    """Ctrl-C goes to all that a terminal runs, SIGTERM to the run: the board is on afterwards."""
    log = tmp_path / "log"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(log)], start_new_session=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while not (log.exists() and log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, number)
    time.sleep(0.3)  # in which a run ends that does not wait
    assert process.poll() is None
    log.with_name("log.told").touch()
    _, errors = process.communicate(timeout=20)
    assert log.read_text().split() == ["off", "on"]
    assert process.returncode != 0
    assert (b"KeyboardInterrupt" in errors) is (number == signal.SIGINT)


def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path):
    """Also a child that holds the output open."""
    pids = tmp_path / "pids"
    command = ["sh", "-c", 'sleep 60 & echo $! > "$0"; sleep 60', str(pids)]
    began = time.monotonic()
    with pytest.raises(DeviceError, match=r"mount the drive: sh: .*timed out after 0\.4 seconds"):
        run_command("mount the drive", command, limit=0.4)
    assert time.monotonic() - began < 20
    child = Path("/proc") / pids.read_text().strip() / "stat"
    deadline = time.monotonic() + 20
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_it_said_is_told(tmp_path: Path):
    """Its last line, and its status; bytes that are no text do not matter."""
    with pytest.raises(DeviceError, match="sh ended with status 3: no such port"):
        run_command("power on", ["sh", "-c", "printf '\\377\\nno such port'; exit 3"], limit=20)
    with pytest.raises(DeviceError, match="no-such-switch: "):
        run_command("power on", ["no-such-switch"], limit=20)
