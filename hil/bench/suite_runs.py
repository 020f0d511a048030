# SPDX-License-Identifier: Apache-2.0
"""The tests that the firmware itself runs, watched on the UARTs until they have ended or will not.

A wait ends early where nothing more can come: at a line after which nothing follows, when the
console is gone, or when an RSE was silent for longer than a test may be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hil.bench.board import Suite
from hil.uart.boot_result import FirmwareEnded
from hil.uart.device_tests import DeviceTest
from hil.uart.events import FINAL, Event
from hil.uart.log_reader import reading_of
from hil.uart.log_reading import LogReading
from hil.uart.log_times import LogTimes
from hil.uart.scanner import Scanner
from hil.uart.transcript import Recording

_CHUNK = 1 << 18
#: Seconds between two looks at the consoles.
_PAUSE = 0.02
#: Seconds for the lines of a dump behind the one that tells of the exception.
_DUMP_SECONDS = 0.5
_SHOWN = 5


@dataclass(frozen=True)
class SuiteRun:
    """What the tests on one RSE did.

    Attributes:
        rse: Id of the RSE.
        ended: "complete", "halt", "reset", "silent", "limit" or "gone".
        detail: The same in words.
        reading: What the UART said since the boot.
    """

    rse: int
    ended: str
    detail: str
    reading: LogReading

    @property
    def tests(self) -> tuple[DeviceTest, ...]:
        """The tests, in the order in which they ran."""
        return self.reading.tests

    @property
    def problem(self) -> str | None:
        """Return what is wrong, None if all tests ran and none failed."""
        failed = [t for t in self.tests if t.verdict == "FAILED"]
        unended = [t for t in self.tests if t.verdict in ("LOST", "CUT", "RUNNING")]
        findings = [*self.reading.regression.findings, *self.reading.arch.findings]
        gaps = [*self.reading.regression.gaps, *self.reading.arch.gaps]
        parts = []
        if self.ended != "complete":
            parts.append(self.detail)
        parts += [f"{t.test} did not finish: {t.why}" for t in unended[:_SHOWN]]
        parts += [f"{t.test} failed: {t.why} {t.where}".rstrip() for t in failed[:_SHOWN]]
        parts += [*findings[:_SHOWN], *(gap for gap in gaps[:_SHOWN] if not unended)]
        if self.ended == "complete" and not self.tests:
            parts.append("the firmware ran no test")
        if not parts:
            return None
        total = len(self.tests)
        more = f"; {len(failed)} of {total} failed" if len(failed) > _SHOWN else ""
        return f"RSE {self.rse}, {total} tests: " + "; ".join(parts) + more


class _Watch:
    """The tests of one RSE as they run."""

    def __init__(self, rse: int, transcript: Recording, offset: int, suite: Suite) -> None:
        self.rse = rse
        self._transcript = transcript
        self._offset = offset
        self._suite = suite
        self._scanner = Scanner(transcript.time_at, offset)
        self._grew = time.monotonic()
        self._fatal: tuple[float, Event] | None = None
        self._closed: float | None = None
        self._boot: int | None = None
        self.ended: tuple[str, str] | None = None

    def look(self, dead: str | None) -> None:
        """Read what is new, and say whether the tests have ended."""
        now = time.monotonic()
        live = self._transcript.live
        while data := self._transcript.read(self._offset, _CHUNK):
            self._offset += len(data)
            self._grew = now
            for event in self._scanner.feed(data):
                self._take(event, now)
        if self.ended is not None:
            return
        if self._complete():
            self.ended = ("complete", "the tests ended")
        elif self._fatal is not None and now - self._fatal[0] > _DUMP_SECONDS:
            self.ended = ("halt", f"{self._fatal[1].text!r} ended {self._running()}")
        elif isinstance(dead, FirmwareEnded):
            self.ended = ("halt", f"{dead}, during {self._running()}")
        elif dead is not None or self._closed_for(now, live=live) > _DUMP_SECONDS:
            self.ended = ("gone", f"{dead or 'the console is gone'} during {self._running()}")
        elif now - self._grew > self._suite.silence:
            silence = f"nothing was printed for {self._suite.silence:g} s"
            self.ended = ("silent", f"{silence} during {self._running()}")

    def _closed_for(self, now: float, *, live: bool) -> float:
        """Return how long the console has been closed: the reason for it is often seen later."""
        self._closed = None if live else self._closed or now
        return now - self._closed if self._closed else 0

    def _take(self, event: Event, now: float) -> None:
        if event.kind in FINAL and self._fatal is None:
            self._fatal = (now, event)
        if event.kind == "test" and event.row.number.startswith("T"):
            self._boot = event.boot
        elif self._boot is not None and event.boot > self._boot and self.ended is None:
            self.ended = ("reset", "the chip was reset before the tests ended")

    def give_up(self, limit: float) -> None:
        """The time for all tests is over."""
        if self.ended is None:
            self.ended = ("limit", f"{limit:g} s were not enough for {self._running()}")

    def result(self) -> SuiteRun:
        """Return what became of the tests."""
        reading = reading_of(self._scanner, f"rse{self.rse}", LogTimes("the capture"))
        ended, detail = self.ended or ("limit", "the tests were not watched to their end")
        return SuiteRun(self.rse, ended, detail, reading)

    def _complete(self) -> bool:
        boot = self._scanner.tracker.current
        if boot is None:
            return False
        if boot.end is not None:
            return True
        ended = {*boot.regression.areas, *boot.arch.areas}
        under_way = boot.regression.under_way or boot.arch.under_way
        return bool(self._suite.areas) and ended >= set(self._suite.areas) and not under_way

    def _running(self) -> str:
        running = [record for record in self._scanner.records() if record.verdict == "RUNNING"]
        if running:
            test = running[-1]
            suite = f" of {test.suite}" if test.suite else ""
            return f"test {test.test}{suite}"
        results = self._scanner.regression.results()
        return f"what comes after {results.total} tests, at {self._scanner.last_text!r}"


def run_suites(
    transcripts: Mapping[int, Recording],
    offsets: Mapping[int, int],
    suite: Suite,
    alive: Callable[[int], str | None],
) -> dict[int, SuiteRun]:
    """Watch the tests of all RSEs until each has ended; return what they did, by RSE.

    Args:
        transcripts: What the RSEs say, by id.
        offsets: Where in the transcripts the boot begins whose tests are meant.
        suite: What the board file says of the tests.
        alive: Returns None while an RSE's device lives, else why not.
    """
    watches = [
        _Watch(rse, transcript, offsets.get(rse, 0), suite)
        for rse, transcript in sorted(transcripts.items())
    ]
    deadline = time.monotonic() + suite.limit
    while any(watch.ended is None for watch in watches):
        for watch in watches:
            if watch.ended is None:
                watch.look(alive(watch.rse))
        if time.monotonic() > deadline:
            for watch in watches:
                watch.give_up(suite.limit)
        time.sleep(_PAUSE)
    return {watch.rse: watch.result() for watch in watches}
