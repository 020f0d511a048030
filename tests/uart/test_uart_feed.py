# SPDX-License-Identifier: Apache-2.0
"""What the capture does with one UART: its bursts, and what waits to be sent."""

from __future__ import annotations

import os
import time

import pytest

from hil.errors import DeviceError
from hil.uart.capture import Capture
from hil.uart.feed import Feed
from hil.uart.sources import FdSource
from hil.uart.transcript import Recording, Transcript


class _Pieces(FdSource):
    """A pipe that is read a piece at a time, and takes no input."""

    writes = 0

    def read(self) -> bytes | None:
        """Return at most 200 bytes."""
        try:
            return os.read(self._fd, 200)
        except BlockingIOError:
            return None

    def write(self, data: bytes) -> int:
        """Take nothing, and count how often that was asked."""
        self.writes += 1
        return 0


def test_first_piece_is_timed_at_once(transcript: Transcript) -> None:
    """A run that is killed in its first burst has a time already; later bursts are shown as one."""
    ours, theirs = os.pipe()
    source = _Pieces(ours, "pipe")
    feed = Feed(transcript, source, lambda kind, text: None)
    os.write(theirs, b"x" * 1000)
    feed.read(whole=True)
    recording = Recording(transcript.path)
    assert (transcript.size, recording.fault_of_times) == (200, None)
    recording.close()
    feed.read(whole=True)
    assert transcript.size == 1000
    source.close()
    os.close(theirs)


def test_what_is_not_taken_is_not_tried_at_each_read(
    capture: Capture, transcript: Transcript
) -> None:
    """A device that takes no input is not asked again whenever it says something."""
    ours, theirs = os.pipe()
    source = _Pieces(ours, "pipe")
    capture.attach(transcript, source)
    with pytest.raises(DeviceError, match="were not taken"):
        capture.send(transcript, b"hello", timeout=0.05)
    asked = source.writes
    for number in range(1, 6):
        os.write(theirs, b"line\n")
        limit = time.monotonic() + 10
        while transcript.size < 5 * number and time.monotonic() < limit:
            time.sleep(0.002)
    capture.drain(transcript)
    assert (transcript.size, source.writes) == (25, asked)
    os.close(theirs)
