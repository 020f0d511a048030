# SPDX-License-Identifier: Apache-2.0
"""Waiting until several RSEs have booted, each as far as it is expected to.

Every RSE has its own state machine: the stages that are awaited, in boot order, each with a budget
that counts from the arrival of the awaited stage before it. It stops at once when nothing more can
come (a halt line, an exception, the end of the console, a device that died), and at the latest when
the sum of the budgets is over, however often the RSE resets. Arrival times are those of the
capture, so a waiter that was held up itself does not blame the device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hil.uart.boot_errors import explain_halt
from hil.uart.events import Event
from hil.uart.follower import BootFollower
from hil.uart.guard import FatalOutputError, Guard
from hil.uart.report_lines import Report
from hil.uart.stages import STAGES, Boot, StageTime
from hil.uart.waker import wait_until

#: Seconds between two questions whether the devices live, while nothing else happens.
ALIVE_INTERVAL = 0.25
#: Seconds between two looks at the output of the devices, however much they say.
STEP_INTERVAL = 0.04
#: Seconds in which the last output of a device that died may still come in.
LAST_WORDS = 0.5

#: Why a wait ended without success; "" is success.
Reason = str


class FirmwareEnded(str):
    """Sentence of `alive` for a device that the firmware itself ended: no failure of the lab."""

    __slots__ = ()


@dataclass(frozen=True)
class BootResult:
    """How far one RSE came.

    Attributes:
        rse: Id of the RSE.
        reached: The awaited and other stages that were reached, oldest first; after an unexpected
            reset those of the last boot only.
        failed_stage: The stage that was awaited when it ended, None after success.
        reason: "" after success; "budget", "halt", "exception", "eof", "dead", "resets" or
            "stopped" (another RSE ended the wait of all).
        detail: The reason in words.
        last_line: The text that came last.
        halt_line: The line after which nothing follows, None if there is none.
        boots: All boots that were seen.
        events: What was said but for information and tests.
        reports: What the reporter said in the last boot.
        waited: Seconds that it took.
        late: Whether the failed stage did come, after its budget.
    """

    rse: int
    reached: tuple[StageTime, ...]
    failed_stage: str | None
    reason: Reason
    detail: str
    last_line: str
    halt_line: str | None
    boots: tuple[Boot, ...]
    events: tuple[Event, ...]
    reports: tuple[Report, ...]
    waited: float
    late: bool = False

    @property
    def ok(self) -> bool:
        """Whether every awaited stage was reached in time."""
        return not self.reason

    def __str__(self) -> str:
        path = " > ".join(stage.stage for stage in self.reached) or "no stage"
        if self.ok:
            return f"RSE {self.rse}: reached {path} in {self.waited:.2f} s"
        return (
            f"RSE {self.rse}: no {self.failed_stage} stage: {self.detail}; reached {path}; "
            f"last line: {self.last_line!r}"
        )


def wait_stages(
    followers: Mapping[int, BootFollower],
    budgets: Mapping[str, float],
    *,
    start: float | None = None,
    alive: Callable[[int], str | None] | None = None,
    max_resets: int = 3,
    guard: Guard | None = None,
    recorded: bool = False,
) -> dict[int, BootResult]:
    """Wait until every RSE has reached every stage that has a budget, or cannot any more.

    Args:
        followers: One for each RSE, by its id.
        budgets: Seconds for each awaited stage, from the awaited one before it or from the start.
        start: When the RSEs were let go, by `time.monotonic`; now by default.
        alive: Returns a sentence once the device of an RSE is dead, None while it lives.
        max_resets: Unexpected resets (none of them behind a provisioning step) that are borne.
        guard: Its fail-fast patterns end the wait for all: of the RSE that said it with "halt".
        recorded: What follows comes from recordings, at whose end only the recording is over: the
            awaited stage was not reached in time, and nothing is known of the console.

    Raises:
        DeviceError: The output of an RSE could not be stored.
        ValueError: A stage in `budgets` is unknown.
    """
    began = time.monotonic() if start is None else start
    machines = {
        rse: _Machine(follower, budgets, began, alive, max_resets, recorded=recorded)
        for rse, follower in followers.items()
    }
    waiting = list(machines.values())
    last = 0.0

    def step() -> bool:
        # Times are those of the capture, so that nothing is lost by looking less often.
        nonlocal last
        time.sleep(max(0.0, last + STEP_INTERVAL - time.monotonic()))
        last = time.monotonic()
        waiting[:] = [machine for machine in waiting if not machine.step()]
        if guard is not None:
            try:
                guard.check()
            except FatalOutputError as error:
                for machine in machines.values():
                    machine.stop(error)
                waiting.clear()
        return not waiting

    def wake_at() -> float:
        deadline = min(machine.deadline for machine in waiting)
        return deadline if alive is None else min(deadline, time.monotonic() + ALIVE_INTERVAL)

    watched = [f.transcript for f in followers.values()]
    if guard is not None:
        watched += [t for t in guard.transcripts if t not in watched]
    wait_until(step, watched, None, wake_at)
    return {rse: machine.result() for rse, machine in machines.items()}


class _Machine:
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
        self._follower.transcript.check()
        for event in self._follower.poll():
            self._take(event)
            if self._reason is not None:
                return True
        self._check_source()
        now = time.monotonic()
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
