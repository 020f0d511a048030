# SPDX-License-Identifier: Apache-2.0
"""The recovery ladder: what is tried, rung by rung, with a board that failed.

Each rung is milder than the next. A refusal (the wrong chip, an image that does not fit, locked
debug) is a decision and no failure: nothing is tried then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hil.errors import DeviceError
from hil.targets.load import FlashPolicy, Progress


class Rung(StrEnum):
    """One thing that may bring a board back."""

    #: A fresh session, attached to the core, and a reset by the debugger or the lab.
    RESET = "reset"
    #: A fresh session that takes hold of the core while its reset line is asserted.
    UNDER_RESET = "under-reset"
    #: The supply off and on.
    POWER_CYCLE = "power-cycle"
    #: All of the chip's flash; whatever else stood there is gone.
    MASS_ERASE = "mass-erase"


class RefusedError(DeviceError):
    """Raised when the harness itself refuses to go on with a device; trying again would not help."""


class MistakeError(RefusedError):
    """Raised when the board file asks for what cannot be; its owner mends it, not the lab."""

    failure_class = "harness"


def _nothing(_kind: str, **_values: Any) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Lab:
    """What a launcher may use of the lab around its devices."""

    #: Takes what happens, as the run record's `event` does.
    tell: Callable[..., None] = _nothing
    #: Told how far a load is.
    progress: Progress | None = None
    #: Which sectors loads may write whose plan does not say; None: as the board file says.
    flash: FlashPolicy | None = None
    #: Switches the whole board's supply off and on, and waits until it is back.
    power_cycle: Callable[[], None] | None = None
    #: Pulses the whole board's reset line by other means than the debugger's.
    reset: Callable[[], None] | None = None


#: Does one rung; takes the failure that led to it.
Climb = Callable[[DeviceError], None]


def climb(
    attempt: Callable[[], None],
    rungs: Sequence[tuple[Rung, Climb]],
    tell: Callable[..., None] = _nothing,
) -> tuple[str, ...]:
    """Attempt something, after each failure take the next rung and attempt it again.

    Args:
        attempt: What is to succeed.
        rungs: What may be done in between, mildest first.
        tell: Told of each rung ("recovery": rung, why, and whether what came after it worked).

    Returns:
        The rungs that were taken; none when it worked at once.

    Raises:
        RefusedError: at once, of an attempt.
        DeviceError: the last failure, with a note of what was tried.
    """
    taken: list[str] = []
    waiting = list(rungs)
    failure = _failure_of(attempt)
    while failure is not None:
        if isinstance(failure, RefusedError) or not waiting:
            if taken:
                failure.add_note(f"tried before: {', '.join(taken)}")
            raise failure
        rung, act = waiting.pop(0)
        why, taken = failure, [*taken, rung.value]
        failure = _failure_of(lambda act=act, why=why: act(why)) or _failure_of(attempt)  # type: ignore[misc]
        outcome = "worked" if failure is None else f"failed: {failure}"
        tell("recovery", rung=rung.value, rse=why.rse, why=str(why), outcome=outcome)
    return tuple(taken)


def _failure_of(action: Callable[[], None]) -> DeviceError | None:
    try:
        action()
    except DeviceError as error:
        return error
    return None
