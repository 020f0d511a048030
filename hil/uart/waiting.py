# SPDX-License-Identifier: Apache-2.0
"""Waiting until several RSEs have booted, each as far as it is expected to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from hil.uart.boot_result import BootResult
from hil.uart.follower import BootFollower
from hil.uart.guard import FatalOutputError, Guard
from hil.uart.stage_machine import StageMachine
from hil.uart.transcript import Recording
from hil.uart.waker import wait_until

#: Seconds between two questions whether the devices live, while nothing else happens.
ALIVE_INTERVAL = 0.25
#: Seconds between two looks at the output of the devices, however much they say.
STEP_INTERVAL = 0.04
#: Seconds without output after which it is looked at sooner.
QUIET = 0.01


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
        rse: StageMachine(follower, budgets, began, alive, max_resets, recorded=recorded)
        for rse, follower in followers.items()
    }
    waiting = list(machines.values())
    last = 0.0

    def step() -> bool:
        # Times are those of the capture, so that nothing is lost by looking less often.
        nonlocal last
        _let_gather(watched, last + STEP_INTERVAL)
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


def _let_gather(transcripts: Sequence[Recording], until: float) -> None:
    """Pause until some time, or until nothing more comes."""
    size = -1
    while (left := until - time.monotonic()) > 0:
        before, size = size, sum(transcript.size for transcript in transcripts)
        if size == before:
            return
        time.sleep(min(left, QUIET))
