# SPDX-License-Identifier: Apache-2.0
"""From bytes to everything that is known about them, in one pass and in bounded memory.

Used on a transcript that grows as well as on a log from anywhere; it never opens a file.
"""

from __future__ import annotations

from collections.abc import Callable

from hil.uart.events import Event
from hil.uart.framing import Framer, Line
from hil.uart.grammar import matches
from hil.uart.release_guess import ReleaseEvidence
from hil.uart.stages import BootTracker
from hil.uart.suites import ArchTally, RegressionTally

#: Rows that other texts match as well: end markers, report lines out of shape, any `[ERR]`.
_UNSPECIFIC = frozenset({"110", "A6", "H4", "G1"})
#: Bytes that a UART log is made of.
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n\b\x00\x04\x07\x1b"


class Scanner:
    """Reads a stream of UART bytes.

    Args:
        time_at: Gives the time in seconds at which the byte at an offset came, None if unknown.
        offset: Offset of the first byte that will be fed.
    """

    def __init__(
        self, time_at: Callable[[int], float | None] | None = None, offset: int = 0
    ) -> None:
        self._time_at = time_at
        self._framer = Framer(offset)
        self._boots_seen = 0
        self.tracker = BootTracker()
        self.regression = RegressionTally()
        self.arch = ArchTally()
        self.release = ReleaseEvidence()
        #: The latest line that is not empty.
        self.last_line: Line | None = None
        self.first_error: Event | None = None
        #: Whether a line came that TF-M or its tests print; the byte EOT alone is none.
        self.recognised = False
        self.lines = 0
        #: Bytes fed, and those of them that no UART log is made of.
        self.size = 0
        self.junk = 0
        #: Bytes NUL: a few in a log, most of many programs.
        self.nuls = 0

    @property
    def partial(self) -> Line | None:
        """The line that has begun but not ended."""
        return self._framer.partial

    @property
    def last_text(self) -> str:
        """The text that came last, whether or not its line has ended."""
        partial = self.partial
        if partial is not None and partial.text:
            return partial.text
        return self.last_line.text if self.last_line else ""

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return what they say."""
        self.size += len(data)
        self.junk += len(data.translate(None, _TEXT))
        self.nuls += data.count(0)
        return self._events(self._framer.feed(data))

    def finish(self) -> list[Event]:
        """Take what has begun as a last line: the stream has ended, or pauses for a restart."""
        return self._events(self._framer.finish())

    def _events(self, lines: list[Line]) -> list[Event]:
        events = []
        for line in lines:
            if not line.text:
                continue
            self.last_line = line
            for match in matches(line.text):
                if self._time_at is not None and line.t is None:
                    line = line._replace(t=self._time_at(line.end - 1))  # noqa: PLW2901 - same line
                event = self.tracker.feed(match, line)
                self._count(event)
                events.append(event)
        self.lines += len(lines)
        return events

    def _count(self, event: Event) -> None:
        if self.tracker.count != self._boots_seen:
            self._boots_seen = self.tracker.count
            self.regression.boot_began()
            self.arch.boot_began()
        if event.kind == "test":
            tally = self.arch if event.row.number.startswith("A") else self.regression
            tally.feed(event)
        self.release.feed(event)
        self.recognised = self.recognised or event.row.number not in _UNSPECIFIC
        if event.kind in ("error", "halt", "exception") and self.first_error is None:
            self.first_error = event
