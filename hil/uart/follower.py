# SPDX-License-Identifier: Apache-2.0
"""The boot of one RSE as it happens: a transcript that grows, read as stages."""

from __future__ import annotations

from collections import deque
from itertools import islice

from hil.uart.events import FINAL, Event
from hil.uart.prefilter import SkippingScanner
from hil.uart.report_lines import Report
from hil.uart.stages import Boot
from hil.uart.transcript import Recording

_CHUNK = 1 << 19
#: Events kept; tests and information are not among them.
MAX_EVENTS = 2000
_KEPT = frozenset({"stage", "error", "halt", "exception", "report", "end"})


class BootFollower:
    """Reads a transcript from some offset on, again and again.

    Args:
        transcript: What the RSE's UART says.
        rse: Id of the RSE.
        from_offset: What came before is not judged; take the transcript's size before a reset.
    """

    def __init__(self, transcript: Recording, *, rse: int, from_offset: int = 0) -> None:
        self.transcript = transcript
        self.rse = rse
        self.first_halt: Event | None = None
        self._offset = from_offset
        self._scanner = SkippingScanner(transcript.time_at, from_offset)
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)

    def poll(self) -> list[Event]:
        """Read what is there now; return what of it is new, oldest first.

        What comes meanwhile is left to the next call: a flood may come faster than it is read.
        """
        live = self.transcript.live
        end = self.transcript.size
        new: list[Event] = []
        while data := self.transcript.read(self._offset, max(0, min(_CHUNK, end - self._offset))):
            self._offset += len(data)
            new += self._scanner.feed(data)
        if not live:
            new += self._scanner.finish()
        for event in new:
            if event.kind in _KEPT:
                self._events.append(event)
            if event.kind in FINAL and self.first_halt is None:
                self.first_halt = event
        return new

    @property
    def ended(self) -> bool:
        """Whether everything was read and no more can come."""
        return not self.transcript.live and self._offset >= self.transcript.size

    @property
    def offset(self) -> int:
        """Offset in the transcript up to which it was read."""
        return self._offset

    @property
    def boots(self) -> tuple[Boot, ...]:
        """The boots so far; the last one may go on."""
        return self._scanner.tracker.boots

    @property
    def boot(self) -> Boot | None:
        """The boot that is going on."""
        return self._scanner.tracker.current

    @property
    def boot_count(self) -> int:
        """Number of boots so far."""
        return self._scanner.tracker.count

    @property
    def stage(self) -> str | None:
        """The stage that the boot that is going on has reached."""
        boot = self.boot
        return boot.furthest if boot else None

    @property
    def last_line(self) -> str:
        """The text that came last, whether or not its line has ended."""
        return self._scanner.last_text

    @property
    def first_error(self) -> Event | None:
        """The first line that reports an error, a halt or an exception."""
        return self._scanner.first_error

    @property
    def release(self) -> str | None:
        """The release that prints this, as far as that is clear; for error codes."""
        return self._scanner.release.guess().known

    @property
    def events(self) -> tuple[Event, ...]:
        """The latest events but information and tests, oldest first."""
        return tuple(self._events)

    @property
    def reports(self) -> tuple[Report, ...]:
        """What the reporter said in the boot that is going on."""
        boot = self.boot
        return boot.reports if boot else ()

    def tail(self, lines: int = 10) -> list[str]:
        """Return the texts of the latest events, newest last."""
        return [e.text for e in islice(self._events, max(0, len(self._events) - lines), None)]
