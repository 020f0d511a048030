# SPDX-License-Identifier: Apache-2.0
"""Recorded transcripts as consoles."""

from __future__ import annotations

import time
from pathlib import Path

import pexpect
import pytest

from hil.uart.capture import Capture
from hil.uart.follower import BootFollower
from hil.uart.replay import recorded_consoles, replay, replay_live
from hil.uart.together import assert_order, wait_all
from hil.uart.transcript import Transcript
from hil.uart.waiting import wait_stages

MS = 1_000_000
BOOT = [
    (1_000, b"[INF] Starting TF-M BL1_1\r\n"),
    (1_050, b"[INF] Starting TF-M BL1_2\r\n"),
    (1_250, b"[INF] Starting bootloader\r\n"),
]


def record(path: Path, bursts: list[tuple[int, bytes]]) -> Path:
    transcript = Transcript(path)
    for t, data in bursts:
        transcript.append(data, t * MS)
    transcript.close()
    return path


def test_recording_at_once(tmp_path: Path) -> None:
    """A recording is a console: patterns are found, its end is an EOF, its times are those of then."""
    console = replay(record(tmp_path / "rse0.log", BOOT))
    console.expect("BL1_2")
    assert console.transcript.time_at(console.before_span[1]) == pytest.approx(1.05)
    assert console.expect(["never", pexpect.EOF]) == 1


def test_recording_live(tmp_path: Path, capture: Capture) -> None:
    """A replay speaks at the recorded distances, into a transcript of its own."""
    old = record(tmp_path / "rse0.log", BOOT)
    console = replay_live(capture, old, tmp_path / "new.log", speed=1)
    began = time.monotonic()
    assert console.sendline("nobody answers") == 15
    console.expect("bootloader", timeout=10)
    assert time.monotonic() - began > 0.15
    assert console.expect([pexpect.EOF], timeout=10) == 0
    assert (tmp_path / "new.log").read_bytes() == old.read_bytes()
    first, last = (console.transcript.time_at(at) for at in (0, old.stat().st_size - 1))
    assert last - first > 0.1  # a busy machine may take longer
    console.transcript.close()


def test_stages_of_a_replay(tmp_path: Path, capture: Capture) -> None:
    """What waits for the stages of a boot works on a replay as on a device, and faster."""
    console = replay_live(
        capture, record(tmp_path / "rse0.log", BOOT), tmp_path / "new.log", speed=0
    )
    follower = BootFollower(console.transcript, rse=0)
    result = wait_stages({0: follower}, {"BL1_1": 5, "BL1_2": 5, "BL2": 5})[0]
    assert result.ok, result
    console.transcript.close()


def test_recordings_keep_their_order(tmp_path: Path) -> None:
    """The recordings of one run are waited on and compared with each other like live consoles."""
    (tmp_path / "uart").mkdir()
    record(tmp_path / "uart" / "rse0.log", [(1_000, b"x\n"), (2_000, b"ready\n")])
    record(tmp_path / "uart" / "rse1.log", [(1_500, b"ready\n")])
    (tmp_path / "uart" / "rse0.idx.bak").touch()
    found = recorded_consoles(tmp_path)
    assert list(found) == [0, 1]
    consoles = {rse: replay(path) for rse, path in found.items()}
    assert_order((consoles[1], "ready"), (consoles[0], "ready"))
    outcomes = wait_all(consoles, "ready", timeout=0)
    assert [o.state for o in outcomes.values()] == ["done", "done"]


def test_recording_without_times(tmp_path: Path, capture: Capture) -> None:
    """A log from anywhere, without an index, is replayed at once."""
    old = tmp_path / "foreign.log"
    old.write_bytes(b"hello\n" * 50_000)
    console = replay_live(capture, old, tmp_path / "new.log", speed=1)
    assert console.expect([pexpect.EOF], timeout=10) == 0
    assert console.transcript.size == 300_000
    console.transcript.close()
