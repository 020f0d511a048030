# SPDX-License-Identifier: Apache-2.0
"""One RSE on its way through the stages of a boot that are awaited, each within its budget.

A budget counts from the arrival of the awaited stage before it. The way ends at once when nothing
more can come (a halt line, an exception, the end of the console, a device that died), and at the
latest when the sum of the budgets is over, however often the RSE resets. Arrival times are those of
the capture, so a waiter that was held up itself does not blame the device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from hil.uart.boot_errors import explain_halt
from hil.uart.boot_result import BootResult, FirmwareEnded, Reason
from hil.uart.events import Event
from hil.uart.follower import BootFollower
from hil.uart.guard import FatalOutputError
from hil.uart.stages import STAGES, Boot, StageTime

#: Seconds in which the last output of a device that died may still come in.
LAST_WORDS = 0.5


class StageMachine:
    """One RSE on its way through the awaited stages."""

    def __init__(
        self,
        follower: BootFollower,
        budgets: Mapping[str, float],
        start: float,
        alive: Callable[[int], str | None] | None,
        max_resets: int,
        *,
        recorded: bool,
    ) -> None:
        if unknown := [stage for stage in budgets if str(stage) not in STAGES]:
            raise ValueError(f"unknown stages {unknown}; expected some of {', '.join(STAGES)}")
        self._follower = follower
        self._budgets = {s: float(budgets[s]) for s in STAGES if s in budgets}
        self._start = start
        #: When the clock of the first awaited stage began: the start, or an unexpected reset.
        self._since = start
        self._alive = alive
        self._max_resets = max_resets
        self._recorded = recorded
        self._awaited: str | None = None
        self._reached: dict[str, StageTime] = {}
        self._times: dict[str, float] = {}
        self._boot: int | None = None
        self._was_provisioning = False
        self._resets = 0
        self._dead_since: float | None = None
        self._ended_since: float | None = None
        self._reason: Reason | None = None
        self._detail = ""
        self._late_arrival = False
        self._ended = start
        #: Monotonic seconds at which the next stage must have come.
        self.deadline = start
        self._await_next()

    def step(self) -> bool:
        """Look at what is new; return whether this RSE needs no more waiting."""
        if self._reason is not None:
            return True
        transcript = self._follower.transcript
        # Both before the poll, behind which more may have come that it did not read.
        now, failed = time.monotonic(), transcript.failure is not None
        for event in self._follower.poll():
            self._take(event)
            if self._reason is not None:
                return True
        if failed:
            transcript.check()
        self._check_source()
        if self._reason is None and now >= self.deadline:
            self._end("budget", self._late(), self.deadline)
        return self._reason is not None

    def stop(self, error: FatalOutputError) -> None:
        """Wait no more: some RSE said what none may ever say; the one that did has not booted."""
        at = max(self._start, time.monotonic() if error.t is None else error.t)
        if error.console == self._follower.transcript.name and not self._reason:
            told = f"fail-fast pattern {error.pattern!r}: {error.line}"
            if self._reason is not None:  # it had reached every stage, of which the last is void
                self._awaited = list(self._reached)[-1]
                told += f", after {self._awaited} was reached"
            self._end("halt", told, at)
        elif self._reason is None:
            self._end("stopped", f"the wait was ended by {error.console}: {error.line!r}", at)

    def result(self) -> BootResult:
        """Return how it ended."""
        follower = self._follower
        halt = follower.first_halt
        return BootResult(
            rse=follower.rse,
            reached=tuple(self._reached.values()),
            failed_stage=self._awaited if self._reason else None,
            reason=self._reason or "",
            detail=self._detail,
            last_line=follower.last_line,
            halt_line=halt.text if halt else None,
            boots=follower.boots,
            events=follower.events,
            reports=follower.reports,
            waited=self._ended - self._start,
            late=self._late_arrival,
        )

    def _take(self, event: Event) -> None:
        at = time.monotonic() if event.t is None else event.t
        if event.kind == "halt":
            boot = self._boot_of(event)
            self._end("halt", explain_halt(event, boot, self._follower.release), at)
        elif event.kind == "exception":
            self._end("exception", event.text, at)
        elif event.kind == "stage" or event.stage in ("vhuk", "end"):
            self._arrive(event, at)

    def _boot_of(self, event: Event) -> Boot | None:
        return next((b for b in self._follower.boots if b.number == event.boot), None)

    def _arrive(self, event: Event, at: float) -> None:
        boot = self._boot_of(event)
        arrived = boot.at(event.stage) if boot else None
        if arrived is None or arrived.line.start != event.line.start:
            return
        if self._boot is not None and event.boot != self._boot:
            self._reset(at)
            if self._reason is not None:
                return
        self._boot = event.boot
        if boot is not None and boot.at("end") is None:
            # It had come, of a run before this one: the boot went on behind it.
            self._reached.pop("end", None)
            self._times.pop("end", None)
        self._was_provisioning = boot is not None and boot.provisioned
        if event.stage == self._awaited and at > self.deadline:
            self._late_arrival = True
            self._end("budget", f"{self._late()}, it came {at - self.deadline:.2f} s late", at)
            return
        self._reached.setdefault(event.stage, StageTime(event.stage, at, event.line))
        self._times.setdefault(event.stage, at)
        self._await_next()
        if self._awaited is None:
            self._reason, self._ended = "", at

    def _reset(self, at: float) -> None:
        """Begin anew in another boot, unless provisioning is what reset the chip."""
        if self._was_provisioning:
            return
        self._resets += 1
        self._since = at
        self._reached.clear()
        self._times.clear()
        self._await_next()
        if self._resets > self._max_resets:
            self._end("resets", f"{self._resets} unexpected resets", at)

    def _check_source(self) -> None:
        if self._reason is not None:
            return
        now = time.monotonic()
        sentence = self._alive(self._follower.rse) if self._alive else None
        if sentence is not None:
            self._dead_since = self._dead_since or now
            if self._follower.ended or now - self._dead_since >= LAST_WORDS:
                reason = "exception" if isinstance(sentence, FirmwareEnded) else "dead"
                self._end(reason, sentence, now)
        elif self._follower.ended and self._recorded:
            self._end("budget", f"{self._late()}: the recording ends", self.deadline)
        elif self._follower.ended:
            # The console's end is often seen first; the reason for it is worth a moment.
            self._ended_since = self._ended_since or now
            if self._alive is None or now - self._ended_since >= LAST_WORDS:
                self._end("eof", "the console ended: no source is attached any more", now)

    def _await_next(self) -> None:
        """Choose the first awaited stage that was not reached, and when it must have come."""
        self._awaited = next((s for s in self._budgets if s not in self._reached), None)
        if self._awaited is None:
            return
        stages = list(self._budgets)
        place = stages.index(self._awaited)
        since = self._times[stages[place - 1]] if place else self._since
        limit = self._start + sum(self._budgets.values())
        self.deadline = min(since + self._budgets[self._awaited], limit)

    def _late(self) -> str:
        stages = list(self._budgets)
        place = stages.index(self._awaited or stages[-1])
        since = stages[place - 1] if place else "the reset" if self._resets else "the start"
        late = f"not within {self._budgets[stages[place]]:g} s after {since}"
        return f"{late} ({self._resets} unexpected resets)" if self._resets else late

    def _end(self, reason: Reason, detail: str, at: float) -> None:
        self._reason, self._detail, self._ended = reason, detail, at
