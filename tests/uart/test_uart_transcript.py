# SPDX-License-Identifier: Apache-2.0
"""Bytes and times on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.errors import DeviceError, UsageError
from hil.uart.time_index import RECORD
from hil.uart.transcript import Recording, Transcript, index_path
from hil.uart.waker import Waker


def test_bytes_and_times(transcript: Transcript) -> None:
    """What was appended is read back exactly, each byte with the time of its read."""
    transcript.append(b"one\x00", t=1_000_000_000)
    transcript.append(b"\xfftwo", t=2_500_000_000)
    assert transcript.size == 8
    assert transcript.read(0, 100) == b"one\x00\xfftwo"
    assert transcript.read(5, 2) == b"tw"
    assert transcript.read(8, 10) == b""
    assert [transcript.time_at(at) for at in (0, 3, 4, 7, 99)] == [1.0, 1.0, 2.5, 2.5, 2.5]


def test_times_of_many_reads(transcript: Transcript) -> None:
    """Times are right at any place of a long index, in any order, while it grows."""
    for number in range(2000):
        transcript.append(b"ab", t=number * 1_000_000)
        if number % 97 == 0:
            assert transcript.time_at(2 * number) == pytest.approx(number / 1000)
    for number in (0, 1, 255, 256, 257, 511, 512, 1999, 3, 1024):
        assert transcript.time_at(2 * number + 1) == pytest.approx(number / 1000)


def test_wall_clock(transcript: Transcript) -> None:
    """A byte's time can be had as time of day."""
    before = time.time()
    transcript.append(b"x")
    wall = transcript.wall_at(0)
    assert wall is not None
    assert before - 1 < wall < time.time() + 1


def test_recording_reads_what_still_grows(transcript: Transcript) -> None:
    """A second reader follows the files while they are written."""
    reader = Recording(transcript.path)
    try:
        transcript.append(b"abc", t=5_000_000_000)
        assert (reader.size, reader.read(0, 9), reader.time_at(2)) == (3, b"abc", 5.0)
        transcript.append(b"def", t=6_000_000_000)
        assert (reader.read(3, 9), reader.time_at(3)) == (b"def", 6.0)
    finally:
        reader.close()


def test_a_burst_is_shown_as_one(transcript: Transcript) -> None:
    """Pieces of a burst are on disk at once, and read together, with the time of the last one."""
    transcript.append(b"before ", t=5_000_000_000)
    transcript.store(b"one ", t=5_500_000_000)
    transcript.store(b"two", t=6_000_000_000)
    assert transcript.path.read_bytes() == b"before one two"
    assert (transcript.size, transcript.read(0, 99)) == (7, b"before ")
    transcript.show()
    transcript.show()
    transcript.append(b" after", t=8_000_000_000)
    assert transcript.read(7, 99) == b"one two after"
    assert [transcript.time_at(at) for at in (6, 7, 11, 14)] == [5.0, 6.0, 6.0, 8.0]


def test_never_overwritten(transcript: Transcript) -> None:
    """A transcript that exists is evidence; a second one needs another name."""
    transcript.append(b"evidence")
    with pytest.raises(UsageError, match="never overwritten"):
        Transcript(transcript.path)
    assert transcript.path.read_bytes() == b"evidence"


def test_missing_folder(tmp_path: Path) -> None:
    """A transcript that cannot be created says which and why."""
    with pytest.raises(DeviceError, match=r"none/rse0\.log: No such file"):
        Transcript(tmp_path / "none" / "rse0.log")


def test_readable_after_a_kill(tmp_path: Path) -> None:
    """After SIGKILL all bytes that were stored are there with their times."""
    writer = (
        "import sys, time; from pathlib import Path; from hil.uart.transcript import Transcript\n"
        "t = Transcript(Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    t.append(b'0123456789', t=n * 1_000_000_000); n += 1\n"
        "    if n == 500: print('go', flush=True)\n"
    )
    path = tmp_path / "rse0.log"
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    reader = Recording(path)
    try:
        assert reader.size >= 5000
        assert reader.read(4990, 10) == b"0123456789"
        assert reader.time_at(4995) == 499.0
    finally:
        reader.close()


@pytest.mark.parametrize("cut", [1, 8, 15])
def test_truncated_index_record_is_ignored(transcript: Transcript, cut: int) -> None:
    """A record that was cut by a kill costs one time, not the reading."""
    transcript.append(b"aa", t=1_000_000_000)
    transcript.append(b"bb", t=2_000_000_000)
    transcript.close()
    index = index_path(transcript.path)
    os.truncate(index, index.stat().st_size - cut)
    reader = Recording(transcript.path)
    try:
        assert reader.read(0, 9) == b"aabb"
        assert [reader.time_at(0), reader.time_at(3)] == [1.0, 1.0]
    finally:
        reader.close()


def test_foreign_index_gives_no_times(tmp_path: Path) -> None:
    """A file that merely has the index's name is not believed."""
    (tmp_path / "x.log").write_bytes(b"abc")
    (tmp_path / "x.idx").write_bytes(b"not an index of any kind" * 9)
    reader = Recording(tmp_path / "x.log")
    assert reader.time_at(0) is None
    assert not reader.timed
    reader.close()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda whole: whole, None),
        (lambda whole: whole + b"half", None),
        (lambda _whole: b"", "missing, or no index"),
        (lambda _whole: bytes(64), "missing, or no index"),
        (lambda whole: whole[:32], "empty"),
        (lambda whole: whole + bytes(16), "damaged: its times run backwards"),
        (lambda whole: whole + whole[32:48], "damaged: its times run backwards"),
        (lambda whole: whole + RECORD.pack(1 << 62, 0), "damaged: its offsets run backwards"),
        (lambda whole: whole + RECORD.pack(1 << 62, 1 << 40), "of a longer log"),
    ],
)
def test_times_that_cannot_be_those_of_a_log(
    transcript: Transcript, change: Callable[[bytes], bytes], fault: str | None
) -> None:
    """An index that is empty, foreign or out of order is told from a sound one."""
    for number in range(40_000):
        transcript.append(b"x", number)
    index = index_path(transcript.path)
    index.write_bytes(change(index.read_bytes()))
    recording = Recording(transcript.path)
    assert recording.fault_of_times == fault
    recording.close()


def test_full_disk_is_remembered(transcript: Transcript) -> None:
    """What does not fit raises once, is counted, and whoever looks is told."""
    transcript.append(b"before")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, transcript._log_fd)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        transcript.append(b"lost")
    transcript.append(b"lost too")
    assert (transcript.size, transcript.lost) == (6, 12)
    with pytest.raises(DeviceError, match="No space left on device"):
        transcript.check()


def test_what_fits_is_shown_before_a_full_disk_is_told(transcript: Transcript) -> None:
    """Who learns that a burst was not stored finds what was, also in the record, with its time."""
    seen: list[tuple[bool, int]] = []

    class Watcher(Waker):
        def set(self) -> None:
            seen.append((transcript.failure is not None, transcript.size))

    transcript.append(b"before ", t=5_000_000_000)
    transcript.watch(Watcher())
    transcript.store(b"NEEDLE", t=6_000_000_000)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, transcript._log_fd)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        transcript.store(b"lost", t=7_000_000_000)
    transcript.show()
    assert [size for failed, size in seen if failed] == [13]
    recording = Recording(transcript.path)
    assert recording.time_at(7) == transcript.time_at(7) == pytest.approx(7.0)
    recording.close()


def test_the_time_is_that_of_the_read(
    transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the disk takes to write it, output has come when it was read."""
    write, written = os.write, []

    def slow(fd: int, data: bytes) -> int:
        written.append(time.monotonic_ns())
        return write(fd, data)

    monkeypatch.setattr(os, "write", slow)
    transcript.store(b"line\n")
    transcript.show()
    at, _ = RECORD.unpack(index_path(transcript.path).read_bytes()[-RECORD.size :])
    assert at <= written[0]


def test_watcher_wakes(new_transcript: Callable[[str], Transcript]) -> None:
    """A change of any watched transcript wakes the one who waits for several."""
    first, second = new_transcript("a"), new_transcript("b")
    waker = threading.Event()
    first.watch(waker)
    second.watch(waker)
    second.append(b"x")
    assert waker.is_set()
    waker.clear()
    first.live = True
    assert waker.is_set()
    waker.clear()
    first.unwatch(waker)
    first.append(b"x")
    assert not waker.is_set()


def test_a_byte_is_seen_with_its_own_time_or_not_yet(tmp_path: Path) -> None:
    """A reader that looks while a burst is written never gives it the time of the one before."""
    transcript = Transcript(tmp_path / "rse0.log")
    transcript.append(b"early\n", 1_000_000_000)
    seen: list[tuple[bytes, float | None]] = []
    write = os.write

    def look_while_it_is_written(fd: int, data: bytes) -> int:
        stored = write(fd, data)
        if data == b"late\n":
            seen.append((transcript.read(6, 100), transcript.time_at(6)))
        return stored

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hil.uart.transcript.os.write", look_while_it_is_written)
        transcript.append(b"late\n", 9_000_000_000)
    assert seen
    assert seen[0][0] == b"" or seen[0][1] == 9.0
    assert (transcript.read(6, 100), transcript.time_at(6)) == (b"late\n", 9.0)
    transcript.close()
