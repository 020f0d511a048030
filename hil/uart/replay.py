# SPDX-License-Identifier: Apache-2.0
"""A recorded transcript, with its times, as a console that speaks again.

Every wait, guard and testcase that works on a live UART works on an old log: what was recorded
comes in the recorded order, at the recorded distances or faster. `ReplaySource` is a source like any
other, so that the capture, the new transcript and everything behind them are those of a live run.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from hil.uart.capture import Capture
from hil.uart.console import Console
from hil.uart.sources import READ_SIZE, Source
from hil.uart.transcript import Recording, Transcript


class ReplaySource(Source):
    """Gives the bytes of a recording when they are due.

    Args:
        path: The raw bytes of a transcript; its times come from the `.idx` file beside it. Without
            one, all of it comes at once.
        speed: How many times faster than it was recorded; 0 for at once.
        begin: Monotonic seconds of the recording at which the replay begins, so that several
            consoles of one run keep their distances; by default its first byte's.
        from_offset: Where in the recording it begins: of a run with several boots, the boot.
        to_offset: Where it ends; by default where the recording does.
    """

    def __init__(
        self,
        path: Path,
        *,
        speed: float = 0,
        begin: float | None = None,
        from_offset: int = 0,
        to_offset: int | None = None,
    ) -> None:
        self.name = f"{path} (replay)"
        self._recording = Recording(path)
        self._at = from_offset
        self._end = self._recording.size if to_offset is None else to_offset
        self._speed = speed if self._recording.timed else 0
        self._begin = self._recording.time_at(from_offset) if begin is None else begin
        self._started: float | None = None
        #: What was sent to it; a recording does not answer.
        self.heard = bytearray()

    def fileno(self) -> int | None:
        """Return None: it is looked at now and then."""
        return None

    def read(self) -> bytes | None:
        """Return what is due; b"" behind the end."""
        now = time.monotonic()
        if self._started is None:
            self._started = now
        if self._at >= self._end:
            return b""
        size = min(READ_SIZE, self._end - self._at)
        if self._speed and self._begin is not None:
            due = self._begin + (now - self._started) * self._speed
            size = self._recording.due_before(self._at, size, due)
            if not size:
                return None
        data = self._recording.read(self._at, size)
        self._at += len(data)
        return data

    def write(self, data: bytes) -> int:
        """Take input; nothing comes of it but that it is kept in `heard`."""
        self.heard += data
        return len(data)

    def close(self) -> None:
        """Close the recording."""
        self._recording.close()


def replay(
    path: Path,
    *,
    name: str | None = None,
    timeout: float | None = 30,
    from_offset: int = 0,
) -> Console:
    """Return a console over a recording itself: all of it is there, with the times of then.

    Nothing is waited for: a pattern is found or the console has ended, at once. To see it come
    again, attach a `ReplaySource` to a capture, as `replay_live` does.
    """
    recording = Recording(path, name)
    return Console(recording, timeout=timeout, from_offset=from_offset)


def replay_live(
    capture: Capture,
    old: Path,
    new: Path,
    *,
    speed: float = 1,
    begin: float | None = None,
    name: str | None = None,
) -> Console:
    """Return a console that says again what a recording holds, into a transcript of its own.

    Args:
        capture: Drives it.
        old: The recording.
        new: The new transcript; its times are those of the replay.
        speed: How many times faster than it was recorded; 0 for at once.
        begin: As for ReplaySource.
        name: Name of the console; by default the recording's.
    """
    transcript = Transcript(new, name or old.stem)
    capture.attach(transcript, ReplaySource(old, speed=speed, begin=begin))
    return Console(transcript, capture)


def recorded_consoles(run: Path) -> dict[int, Path]:
    """Return the recordings of a run folder (`uart/rse<N>.log`) by RSE id."""
    found = {}
    for path in sorted((run / "uart").glob("rse*.log")):
        number = path.stem.removeprefix("rse")
        if number.isdecimal() and os.access(path, os.R_OK):
            found[int(number)] = path
    return dict(sorted(found.items()))
