# SPDX-License-Identifier: Apache-2.0
"""From bytes to everything that is known about them, in one pass and in bounded memory.

Used on a transcript that grows as well as on a log from anywhere; it never opens a file.

Firmware says the same again and again, so what a raw line means is remembered. The two lines of
which a log of tests consists are counted without an event, unless somebody wants the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hil.uart.arch_tests import ArchTally, check_text
from hil.uart.boot_tracker import BootTracker
from hil.uart.device_tests import DeviceTest, Place, Room
from hil.uart.events import Event
from hil.uart.framing import Framer, Line, normalise, without_stamp
from hil.uart.grammar import Match, matches
from hil.uart.release_guess import ReleaseEvidence
from hil.uart.suites import SuiteResults

#: Rows that other texts match as well: end markers, report lines out of shape, any `[ERR]`.
_UNSPECIFIC = frozenset({"110", "A6", "H4", "G1"})
#: Bytes that a UART log is made of.
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n\b\x00\x04\x07\x1b"
_ERRORS = frozenset({"error", "halt", "exception"})
#: Raw lines whose meaning is remembered, and the longest of them.
_REMEMBERED = 20_000
_MAX_REMEMBERED = 512

#: What a raw line means: its text and matches; for the two lines of a regression test its id with its
#: verdict, or with "" for the line with which it begins; for a check of psa-arch-tests its text
#: with _CHECK.
_Meaning = tuple[tuple[Match, ...], str, str, str]
_NOTHING: _Meaning = ((), "", "", "")
_CHECK = "check"


class RegressionOfAllBoots:
    """Verdicts of tf-m-tests over all boots that a tracker has seen."""

    def __init__(self, tracker: BootTracker) -> None:
        self._tracker = tracker

    def results(self) -> SuiteResults:
        """Return the counts so far."""
        return self._tracker.results()


class Scanner:
    """Reads a stream of UART bytes.

    Args:
        time_at: Gives the time in seconds at which the byte at an offset came, None if unknown.
        offset: Offset of the first byte that will be fed.
        release: The TF-M release that prints this; without it the log is asked.
        ordered: Offsets at which whoever ran this let the chip go: these resets are no news.
        stamped: Whether a terminal program may have put the time before a line.
    """

    def __init__(
        self,
        time_at: Callable[[int], float | None] | None = None,
        offset: int = 0,
        release: str | None = None,
        ordered: Sequence[int] = (),
        *,
        stamped: bool = False,
    ) -> None:
        self._stamped = stamped
        self._time_at = time_at
        self._framer = Framer(offset)
        self._boot = -1
        #: How many tests may still be kept with their place, and how many were not.
        self.room = Room()
        self.tracker = BootTracker(self.room, ordered)
        self.regression = RegressionOfAllBoots(self.tracker)
        self.arch = ArchTally(0, self.room)
        self.release = ReleaseEvidence(release)
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
        self._meanings: dict[bytes, _Meaning] = {}

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
        events: list[Event] = []
        self._feed(data, events)
        return events

    def skim(self, data: bytes) -> None:
        """Take the next bytes as `feed` does, without the events."""
        self._feed(data, None)

    def finish(self) -> list[Event]:
        """Take what has begun as a last line: the stream has ended, or pauses for a restart."""
        events: list[Event] = []
        start, number = self._framer.start, self._framer.number
        self._take(self._framer.cut_rest(), start, number, events)
        return events

    def records(self) -> Iterator[DeviceTest]:
        """Yield the tests that were executed, as far as they were kept; the last may be running."""
        yield from self.tracker.records()
        yield from self.arch.records
        now = self._framer.start
        end = Place(now, now, self._framer.number, self._time(now - 1))
        tallies = (self.tracker.tests_if_any(), self.arch)
        for record in (tally.running(end) for tally in tallies if tally is not None):
            if record is not None:
                yield record

    def _feed(self, data: bytes, events: list[Event] | None) -> None:
        self.size += len(data)
        self.junk += len(data.translate(None, _TEXT))
        self.nuls += data.count(0)
        start, number = self._framer.start, self._framer.number
        self._take(self._framer.cut(data), start, number, events)

    def _take(self, raws: list[bytes], at: int, first: int, events: list[Event] | None) -> None:
        """Take raw lines, the first of which begins at `at` and has the number `first`."""
        known, learn = self._meanings.get, self._learn
        tests = None
        end = at
        for number, raw in enumerate(raws, first):
            start = end
            end += len(raw)
            meaning = known(raw) or learn(raw)
            found, test, verdict, text = meaning
            if not found:
                continue
            if verdict is _CHECK and events is None:
                arch = self.tracker.arch_if_any()
                if arch is not None:
                    self.arch.check(test)
                    arch.check(test)
                    continue
            if test and events is None and verdict is not _CHECK:
                if tests is None:
                    tests = self.tracker.tests()
                    self.recognised = True
                place = Place(start, end, number, self._time(end - 1))
                if verdict:
                    tests.ended(test, verdict, place)
                else:
                    tests.began(test, place)
                continue
            tests = None
            line = Line(text, self._time(end - 1), start, end, number)
            for match in found:
                event = self.tracker.feed(match, line)
                self._count(event)
                if events is not None:
                    events.append(event)
        self.lines += len(raws)
        self._remember_last(raws, end, first + len(raws))

    def _learn(self, raw: bytes) -> _Meaning:
        """Return what a raw line means, and remember it."""
        text = self._text(raw)
        found = matches(text) if text else ()
        meaning = _NOTHING
        if found:
            only, values = found[0], found[0].values
            number = only.row.number if len(found) == 1 else ""
            test = (values[0] or "") if number in ("T1", "T2") else ""
            meaning = (found, test, (values[1] or "") if number == "T1" else "", text)
            if number == "A7":
                meaning = (found, check_text(values), _CHECK, text)
        if len(raw) <= _MAX_REMEMBERED:
            if len(self._meanings) >= _REMEMBERED:
                self._meanings.clear()
            self._meanings[raw] = meaning
        return meaning

    def _text(self, raw: bytes) -> str:
        return normalise(without_stamp(raw) if self._stamped else raw)

    def _remember_last(self, raws: list[bytes], end: int, number: int) -> None:
        for raw in reversed(raws):
            number -= 1
            start = end - len(raw)
            if text := self._text(raw):
                self.last_line = Line(text, self._time(end - 1), start, end, number)
                return
            end = start

    def _time(self, offset: int) -> float | None:
        return self._time_at(offset) if self._time_at is not None else None

    def _count(self, event: Event) -> None:
        row = event.row
        number, kind = row.number, row.kind
        if event.boot != self._boot:
            self._boot = event.boot
            self.arch.boot_began(event.boot, event.place)
        if kind == "test" and number.startswith("A"):
            self.arch.feed(number, event.values, event.place)
        self.release.feed(event)
        if not self.recognised and number not in _UNSPECIFIC:
            self.recognised = True
        if self.first_error is None and kind in _ERRORS:
            self.first_error = event
