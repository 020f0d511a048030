# SPDX-License-Identifier: Apache-2.0
"""Sorts the lines of a stream into boots as they come (hil.uart.stages says where one begins)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from hil.uart.arch_tests import ArchTally
from hil.uart.boot_building import BootBuilding
from hil.uart.device_tests import DeviceTest, Place, Room
from hil.uart.events import Event
from hil.uart.framing import Line
from hil.uart.grammar import Match
from hil.uart.regression import RegressionTally
from hil.uart.stages import BANNERS, BEFORE_BL1_1, MAX_BOOTS, NO_TESTS, ONCE, Boot
from hil.uart.suites import SuiteResults, Totals


class BootTracker:
    """Sorts lines into boots as they come.

    Args:
        room: How many tests of all boots may be kept with their place.
        ordered: Offsets at which whoever ran this let the chip go, ascending.
    """

    def __init__(self, room: Room | None = None, ordered: Sequence[int] = ()) -> None:
        self._room = room or Room()
        self._ordered = ordered
        #: Offset of the first line of the boot that is going on.
        self._began = 0
        self._banners = 0
        self._past: list[BootBuilding] = []
        self._current: BootBuilding | None = None
        #: Of the boots that are not kept.
        self._forgotten = Totals()
        self._forgotten_tests: list[DeviceTest] = []

    @property
    def boots(self) -> tuple[Boot, ...]:
        """The boots so far, at most MAX_BOOTS (the first and the latest); the last may go on."""
        last = [self._current] if self._current else []
        return tuple(building.snapshot() for building in self._past + last)

    @property
    def current(self) -> Boot | None:
        """The boot that is going on."""
        return self._current.snapshot() if self._current else None

    @property
    def count(self) -> int:
        """Number of boots so far."""
        return self._current.number + 1 if self._current else 0

    @property
    def banners(self) -> int:
        """Number of boots so far in which a boot loader announced itself."""
        last = [self._current] if self._current else []
        return self._banners + sum(building.banner for building in self._past + last)

    def results(self) -> SuiteResults:
        """Return the verdicts of tf-m-tests over all boots."""
        totals = self._forgotten
        if self._past:
            totals = self._forgotten.copy()
            for building in self._past:
                if building.regression is not None:
                    totals.add(building.regression.results())
        current = self._current.regression if self._current else None
        return totals.with_last(current.results() if current is not None else NO_TESTS)

    def records(self) -> Iterator[DeviceTest]:
        """Yield the tests of tf-m-tests that ended, as far as they were kept, in order."""
        yield from self._forgotten_tests
        for building in (*self._past, *([self._current] if self._current else [])):
            yield from building.records()

    def tests(self) -> RegressionTally:
        """Return what counts the regression tests of the boot that is going on."""
        return (self._current or self._begin(None)).tests()

    def arch_if_any(self) -> ArchTally | None:
        """Return what counts psa-arch-tests of the boot that is going on, if it had any."""
        return self._current.arch if self._current else None

    def tests_if_any(self) -> RegressionTally | None:
        """Return what counts the regression tests of the boot that is going on, if it had any."""
        return self._current.regression if self._current else None

    def feed(self, match: Match, line: Line) -> Event:
        """Take a line; return it with the boot to which it belongs."""
        building = self._boot_of(match, line)
        event = Event(match.row, match.text, match.values, line, building.number)
        building.add(event)
        return event

    def _boot_of(self, match: Match, line: Line) -> BootBuilding:
        current, row = self._current, match.row
        if row.number in BEFORE_BL1_1:
            if current is None or current.halt or current.end or current.passed("BL1_1"):
                current = self._begin(line)
                current.before_banner = True
            return current
        if current is None:
            return self._begin(line)
        goes_on = row.kind == "stage" and row.stage in ONCE
        if current.end is not None and (goes_on or row.number in ("T4", "A1")):
            # A last word that was none: of a run before the log began, or noise on the line.
            if goes_on and (current.areas or current.halt or current.passed(row.stage)):
                return self._begin(line)
            if goes_on or current.only_ended:
                empty = current.only_ended
                current.void_end()
                if empty:
                    return current
        if row.kind == "test" and current.restarts_tests(match):
            return self._begin(line)
        if not goes_on:
            return current
        if current.before_banner:
            current.before_banner = False
            if row.stage != "BL1_1" and self._past and not current.halt:
                current = self._undo_begin()
            elif not current.halt:
                return current
        no_stage_yet = not current.stages and row.stage in BANNERS
        if current.halt or current.passed(row.stage) or no_stage_yet:
            return self._begin(line)
        return current

    def _begin(self, line: Line | None) -> BootBuilding:
        number = 0
        if self._current is not None:
            self._past.append(self._current)
            number = self._current.number + 1
            if line is not None:
                self._current.cut_at = Place(line.start, line.start, line.number, line.t)
                self._current.ordered_reset = self._was_ordered(line)
        if len(self._past) >= MAX_BOOTS:
            self._forget(self._past.pop(1))
        self._current = BootBuilding(number, self._room)
        self._began = line.start if line is not None else 0
        return self._current

    def _was_ordered(self, line: Line) -> bool:
        """Whether the chip was let go after the boot so far began, and not after this line."""
        place = bisect_right(self._ordered, line.end)
        return place > 0 and self._ordered[place - 1] > self._began

    def _forget(self, building: BootBuilding) -> None:
        self._banners += building.banner
        if building.regression is not None:
            self._forgotten.add(building.regression.results())
            self._forgotten_tests += building.records()

    def _undo_begin(self) -> BootBuilding:
        """Give lines that did not begin a boot after all back to the boot before."""
        assert self._current is not None
        mistaken, self._current = self._current, self._past.pop()
        self._current.errors += mistaken.errors
        self._current.cut_at = None
        self._current.ordered_reset = False
        return self._current
