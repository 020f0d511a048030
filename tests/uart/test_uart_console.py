# SPDX-License-Identifier: Apache-2.0
"""Consoles: pexpect over a transcript."""

from __future__ import annotations

import io
import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import DeviceError
from hil.uart.capture import Capture
from hil.uart.console import Console
from hil.uart.opening import open_source
from hil.uart.transcript import Recording, Transcript
from hil.uart.waker import Waker

if TYPE_CHECKING:
    from conftest import Uart

NewTranscript = Callable[[str], Transcript]


@pytest.fixture
def console(capture: Capture, uart: Uart, transcript: Transcript) -> Console:
    """A console on a live UART."""
    capture.attach(transcript, open_source("serial", uart.path))
    return Console(transcript, capture, timeout=10)


def test_expect_as_everyone_knows_it(console: Console, uart: Uart) -> None:
    """Patterns, their index, before, after and match are those of pexpect."""
    uart.say(b"[INF] Starting bootloader\r\n[INF] Image version: v2.3.1\r\n")
    assert console.expect(["panic", r"version: v(\d+)\.(\d+)"]) == 1
    assert console.before == b"[INF] Starting bootloader\r\n[INF] Image "
    assert console.after == b"version: v2.3"
    assert console.match.group(1) == b"2"
    assert console.expect_exact([".1", "\r\n"]) == 0
    assert console.expect([pexpect.TIMEOUT, "never"], timeout=0) == 0


def test_output_before_the_wait_is_found(console: Console, uart: Uart) -> None:
    """What came before anybody waited, and was not consumed, is still found."""
    uart.say(b"first\r\nsecond\r\nthird\r\n")
    console.expect("third")
    uart.say(b"fourth\r\n")
    time.sleep(0.05)
    console.expect("fourth")
    with pytest.raises(pexpect.TIMEOUT):
        console.expect("second", timeout=0.05)


def test_other_pattern_after_a_timeout(console: Console, uart: Uart) -> None:
    """After a wait that failed, another pattern is found in what came meanwhile."""
    uart.say(b"FATAL\r\n" + b"x" * 20_000)
    with pytest.raises(pexpect.TIMEOUT):
        console.expect("never", timeout=0.3)
    console.expect("FATAL")


def test_two_lines_of_one_read(console: Console, uart: Uart) -> None:
    """A match does not throw away what came behind it in the same read."""
    uart.say(b"one two three")
    console.expect("one")
    console.expect("two")
    assert console.position == len("one two")
    console.expect("three")


def test_timeout_says_what_was_read(console: Console, uart: Uart) -> None:
    """A timeout names the console and shows the last output."""
    uart.say(b"[INF] last line\r\n")
    with pytest.raises(pexpect.TIMEOUT) as caught:
        console.expect("never", timeout=0.2)
    assert "rse0" in str(caught.value)
    assert "[INF] last line" in str(caught.value)


def test_end_of_file_after_everything(console: Console, uart: Uart) -> None:
    """EOF comes when the device has gone, and only after all it said."""
    uart.say(b"last words")
    console.expect("last")
    uart.unplug()
    assert console.expect([pexpect.EOF, "never"]) == 0
    assert console.before == b" words"
    assert not console.isalive()


def test_restart_goes_on(
    console: Console, capture: Capture, uart: Uart, new_uart: Callable[[], Uart]
) -> None:
    """After an EOF the console goes on with the device's next start."""
    uart.say(b"one")
    console.expect("one")
    uart.unplug()
    console.expect(pexpect.EOF)
    again = new_uart()
    capture.attach(console.transcript, open_source("serial", again.path))
    again.say(b"two")
    console.expect("two")


def test_recording_is_a_console(tmp_path: Path) -> None:
    """A log from anywhere is a console that has ended; it takes no input."""
    path = tmp_path / "old.log"
    path.write_bytes(b"a b c")
    recording = Recording(path)
    console = Console(recording)
    console.expect("b")
    assert console.expect([" c", pexpect.EOF]) == 0
    with pytest.raises(pexpect.EOF):
        console.expect("d")
    with pytest.raises(DeviceError, match="takes no input"):
        console.sendline("x")
    recording.close()


def test_full_disk_reaches_who_waits(console: Console, uart: Uart) -> None:
    """Whoever waits for output that cannot be stored gets an error at once, after what is there."""
    uart.say(b"stored")
    console.expect("stored")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, console.transcript._log_fd)
    os.close(full)
    threading.Timer(0.05, uart.say, (b"lost",)).start()
    with pytest.raises(DeviceError, match=r"rse0: cannot write .*No space left on device"):
        console.expect("lost")


def test_send_and_log_files(console: Console, uart: Uart) -> None:
    """Sent lines arrive at the device, and pexpect's log files get the traffic."""
    console.logfile, console.logfile_read = io.BytesIO(), io.BytesIO()
    assert console.sendline("run") == 4
    assert uart.hear(4) == b"run\n"
    console.linesep = b"\r"
    console.sendline(b"again")
    assert uart.hear(6) == b"again\r"
    uart.say(b"ok")
    console.expect("ok")
    assert console.logfile.getvalue() == b"run\nagain\rok"
    assert console.logfile_read.getvalue() == b"ok"


def test_paced_sending(capture: Capture, uart: Uart, transcript: Transcript) -> None:
    """With a pace each character goes out on its own, at least that much later."""
    capture.attach(transcript, open_source("serial", uart.path))
    console = Console(transcript, capture, pace=0.02)
    began = time.monotonic()
    console.send("abcd")
    assert time.monotonic() - began >= 0.08
    assert uart.hear(4) == b"abcd"


def test_before_an_end_that_nobody_waited_for(tmp_path: Path) -> None:
    """Behind an EOF that is raised, `before` and `after` are what pexpect gives."""
    path = tmp_path / "uart.log"
    path.write_bytes(b"[INF] BL2\r\npanic reason\r\n")
    console = Console(Recording(path))
    theirs = pexpect.spawn("cat", [str(path)], echo=False)
    for each in (console, theirs):
        with pytest.raises(pexpect.EOF):
            each.expect("NS image", timeout=10)
    assert console.before.replace(b"\r\r", b"\r") == path.read_bytes()
    assert theirs.before.replace(b"\r\r", b"\r") == path.read_bytes()
    assert console.after is theirs.after is pexpect.EOF


@pytest.mark.parametrize("size", [1000, 100_000, 200_000])
def test_read_gives_what_comes_next(new_transcript: NewTranscript, size: int) -> None:
    """`read(n)` gives the next n bytes, however many, and the rest at the end of the output."""
    data = b"".join(b"%07d\n" % number for number in range(20_000))
    transcript = new_transcript("rse0")
    transcript.live = True
    console = Console(transcript, timeout=10)

    def speak() -> None:
        for at in range(0, len(data), 4096):
            transcript.append(data[at : at + 4096])
        transcript.live = False

    device = threading.Thread(target=speak)
    device.start()
    assert console.read(size) == data[:size]
    device.join()
    assert console.position == min(size, len(data))
    assert console.read(len(data)) == data[size:]
    assert console.read(1) == b""


def test_read_that_times_out_keeps_what_came(new_transcript: NewTranscript) -> None:
    """What was not enough for one `read` is there for the next."""
    transcript = new_transcript("rse0")
    transcript.live = True
    console = Console(transcript, timeout=0.05)
    transcript.append(b"half")
    with pytest.raises(pexpect.TIMEOUT):
        console.read(8)
    assert (console.before, console.after) == (b"half", pexpect.TIMEOUT)
    transcript.append(b"full")
    assert console.read(8) == b"halffull"
    assert console.after == b"halffull"


def test_seek(console: Console, uart: Uart) -> None:
    """Old output can be skipped, and read again."""
    uart.say(b"old boot\r\n")
    console.expect("boot")
    console.seek(console.transcript.size)
    uart.say(b"new boot\r\n")
    console.expect(r"(\w+) boot")
    assert console.match.group(1) == b"new"
    console.seek(0)
    console.expect(r"(\w+) boot")
    assert console.match.group(1) == b"old"


class _Scripted:
    """A live transcript of which one more chunk is there each time that it is looked at."""

    name = "scripted"
    failure = None

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks
        self._there = b""
        self._wakers: list[Waker] = []

    @property
    def live(self) -> bool:
        return bool(self._chunks)

    @property
    def size(self) -> int:
        if self._chunks:
            self._there += self._chunks.pop(0)
        for waker in self._wakers:
            waker.set()
        return len(self._there)

    def read(self, offset: int, size: int) -> bytes:
        return self._there[offset : offset + size]

    def watch(self, waker: Waker) -> None:
        self._wakers.append(waker)

    def unwatch(self, waker: Waker) -> None:
        self._wakers.remove(waker)

    def check(self) -> None:
        pass


LOG = b"[INF] Starting TF-M BL1_1\r\n\0x\r\n[INF] vhuk fp=00ff\r\n" + b"y" * 50 + b"[ERR] end!\r\n"


@settings(deadline=None)
@given(st.lists(st.integers(1, len(LOG) - 1), max_size=12, unique=True))
def test_no_match_is_lost_at_any_split(cuts: list[int]) -> None:
    """However output is split over reads, every pattern is found, in order."""
    edges = [0, *sorted(cuts), len(LOG)]
    chunks = [LOG[a:b] for a, b in itertools.pairwise(edges)]
    console = Console(_Scripted(chunks), timeout=5)  # type: ignore[arg-type]
    seen = b""
    for pattern in (rb"BL1_1\r\n", rb"fp=[0-9a-f]{4}", rb"\[ERR\] end!\r\n"):
        console.expect(pattern)
        seen += console.before + console.after
    assert seen == LOG


@settings(deadline=None)
@given(st.lists(st.integers(1, len(LOG) - 1), max_size=12, unique=True))
def test_no_exact_match_is_lost_at_any_split(cuts: list[int]) -> None:
    """The same holds for expect_exact."""
    edges = [0, *sorted(cuts), len(LOG)]
    chunks = [LOG[a:b] for a, b in itertools.pairwise(edges)]
    console = Console(_Scripted(chunks), timeout=5)  # type: ignore[arg-type]
    for text in ("BL1_1\r\n", "fp=00ff", "end!\r\n"):
        console.expect_exact(text)
    assert console.position == len(LOG)
