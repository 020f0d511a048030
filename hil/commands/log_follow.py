# SPDX-License-Identifier: Apache-2.0
"""`hil log -f`: logs that grow, told as they do."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hil.errors import UsageError
from hil.uart.boot_errors import explain
from hil.uart.events import Event
from hil.uart.log_reader import reading_of
from hil.uart.log_reading import LogReading
from hil.uart.log_text import shown
from hil.uart.log_times import LogTimes, find_times
from hil.uart.resets import nothing_follows
from hil.uart.scanner import Scanner

_CHUNK = 1 << 20
#: Seconds between two looks at the files.
_PAUSE = 0.1
_MAX_TEXT = 200
_TOLD = frozenset({"stage", "error", "halt", "exception", "report", "end"})


class GrowingLog:
    """A log that somebody else writes.

    A file that becomes shorter, or gives way to another one, was begun anew: what it said before
    is forgotten, and said to be.

    Args:
        path: The log; it must exist.
        release: The TF-M release that prints it, None to find it in the log.

    Raises:
        UsageError: It cannot be read.
    """

    def __init__(self, path: Path, release: str | None) -> None:
        self.path = path
        self._release = release
        self._times = LogTimes()
        if path.is_dir():
            raise UsageError(f"{path} is a folder; expected a UART log, e.g. {path}/rse0.log")
        if path.exists() and not path.is_file():
            raise UsageError(
                f"{path} is a device or a pipe; expected a file that somebody writes a UART's output"
                " to (`hil console BOARD` shows the UARTs of a board)"
            )
        self._begin()

    def _begin(self) -> None:
        self._times.close()
        self._times = LogTimes()
        self._scanner = Scanner(self._time_at, release=self._release, stamped=True)
        self._offset = 0
        self._inode = self._status()[0]

    def _time_at(self, offset: int) -> float | None:
        return self._times.time_at(offset)

    def _status(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise UsageError(f"{self.path}: no such file; expected a UART log") from None
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}") from None
        return status.st_ino, status.st_size

    def poll(self) -> tuple[list[str], bool]:
        """Read what is new; return what it says, and whether there was anything new."""
        try:
            inode, size = self._status()
        except UsageError:
            return [], False  # it was taken away: another one may take its place
        told = []
        if inode != self._inode or size < self._offset:
            told.append("the log was begun anew; what it said before is forgotten")
            self._begin()
        if size == self._offset:
            return told, bool(told)
        if self._times.source is None:
            self._times = find_times(self.path, grows=True)
        # It may be gone between the look above and this one.
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as stream:
            stream.seek(self._offset)
            while data := stream.read(_CHUNK):
                self._offset += len(data)
                told += self._lines(self._scanner.feed(data))
        return told, True

    def _lines(self, events: list[Event]) -> Iterator[str]:
        guess = self._scanner.release.guess()
        for event in events:
            failed = event.row.number in ("T1", "T14") and event.values[-1] == "FAILED"
            bad = event.row.number == "A4" and event.values[0] in ("FAILED", "SIM ERROR")
            if event.kind in _TOLD or failed or bad:
                text = explain(event, guess) if event.row.number != "110" else "EOT"
                where = f"{event.stage}: " if event.kind == "stage" else ""
                yield shown(f"line {event.line.number + 1}: {where}{text.strip()}", _MAX_TEXT)

    @property
    def complete(self) -> bool:
        """Whether the firmware has said its last word."""
        boot = self._scanner.tracker.current
        recognised = self._scanner.recognised
        return recognised and boot is not None and (boot.end is not None or nothing_follows(boot))

    def reading(self) -> LogReading:
        """Return what the log said; it is not read any more."""
        self._times.close()
        self._times = find_times(self.path)
        try:
            return reading_of(self._scanner, str(self.path), self._times)
        finally:
            self._times.close()


def follow(
    paths: list[Path],
    release: str | None,
    silence: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> list[LogReading]:
    """Tell what logs say while they grow, until each is complete, or until Ctrl-C.

    Args:
        paths: The logs.
        release: The TF-M release that prints them, None to find it in them.
        silence: Also end when none of them grew for so many seconds.
        clock: Seconds that only go forward.

    Raises:
        UsageError: One of them cannot be read.
    """
    logs = [GrowingLog(path, release) for path in paths]
    last = clock()
    try:
        while True:
            for log in logs:
                told, grew = log.poll()
                last = clock() if grew else last
                name = f"{log.path}: " if len(logs) > 1 else ""
                for line in told:
                    print(f"{name}{line}", file=sys.stderr, flush=True)
            if all(log.complete for log in logs):
                break
            if silence is not None and clock() - last > silence:
                print(f"hil: no log grew for {silence:g} s", file=sys.stderr)
                break
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return [log.reading() for log in logs]
