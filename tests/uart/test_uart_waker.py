# SPDX-License-Identifier: Apache-2.0
"""Waking and waiting."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hil.uart.waker import Ticket, Waker

#: Waits in every way that the harness waits, while Ctrl-C comes again and again.
_WAITER = """
import os, sys, tempfile, threading, time, pathlib
from hil.uart.capture import Capture
from hil.uart.console import Console
from hil.uart.follower import BootFollower
from hil.uart.transcript import Transcript
from hil.uart.sources import FdSource
from hil.uart.waiting import wait_stages

def main():
    folder = pathlib.Path(sys.argv[1])
    transcript = Transcript(folder / "rse0.log")
    read, write = os.pipe()
    capture = Capture()
    capture.attach(transcript, FdSource(read, "pipe"))
    console = Console(transcript, capture)
    def talk():
        while True:
            os.write(write, b"x\\n")
            time.sleep(0.0005)
    threading.Thread(target=talk, daemon=True).start()
    interrupted = 0
    while interrupted < 150:
        try:
            print("waiting", flush=True)
            if interrupted % 3 == 0:
                console.expect("never", timeout=60)
            elif interrupted % 3 == 1:
                wait_stages({0: BootFollower(transcript, rse=0)}, {"runtime": 60})
            else:
                console.seek(transcript.size)
                console.expect_exact("never", timeout=60)
        except KeyboardInterrupt:
            interrupted += 1
    capture.close()
    print("ok", flush=True)

main()
"""


def test_set_before_and_during_the_wait() -> None:
    """A wait returns at once if it was woken before, and as soon as it is woken."""
    waker = Waker()
    assert not waker.is_set()
    waker.set()
    waker.set()
    assert waker.is_set()
    assert waker.wait(0)
    assert not waker.wait(0)
    threading.Timer(0.05, waker.set).start()
    assert waker.wait(10)
    waker.set()
    waker.clear()
    assert not waker.wait(0)


def test_many_threads_set_one_waker() -> None:
    """Threads that set at the same time do not disturb each other."""
    waker = Waker()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3000):
                waker.set()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        waker.wait(0.001)
    assert not failed


def test_ticket() -> None:
    """A ticket passes on that something was done, or why not."""
    fine, bad = Ticket(), Ticket()
    assert not fine.wait(0)
    fine.done()
    assert fine.wait(0)
    bad.done(ValueError("why"))
    with pytest.raises(ValueError, match="why"):
        bad.wait(0)


def test_control_c_in_every_wait(tmp_path: Path) -> None:
    """Ctrl-C in any wait, at any moment, is a KeyboardInterrupt and nothing else."""
    command = [sys.executable, "-c", _WAITER, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiter:
        assert waiter.stdout is not None
        assert waiter.stderr is not None
        # One signal for each wait that was announced, at a moment that changes.
        for number, line in enumerate(waiter.stdout):
            if line == "ok\n":
                break
            time.sleep(0.0007 * (number % 7))
            waiter.send_signal(signal.SIGINT)
        errors = waiter.stderr.read()
        assert waiter.wait(20) == 0, errors
    assert "unlocked lock" not in errors
