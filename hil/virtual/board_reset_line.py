# SPDX-License-Identifier: Apache-2.0
"""The reset line between the debug probe of a virtual board and its core."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from hil.virtual.core_debug import Core

#: Seconds for which a slow supervisor holds the line after the probe has let it go.
_SUPERVISOR_DELAY = 0.15

#: Faults of the line; the board offers them by name.
FAULTS = {
    "slow-nreset": f"a supervisor holds nRESET for {_SUPERVISOR_DELAY:g} s longer than the probe",
    "nreset-open": "the probe's reset line is not connected to the chip",
}


class ResetLine:
    """What the probe drives, and the chip's pin that follows.

    Args:
        core: The core whose reset pin it is.
        faults: Names out of `FAULTS`.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        core: Core,
        faults: AbstractSet[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core = core
        self._clock = clock
        self._connected = "nreset-open" not in faults
        self._delay = _SUPERVISOR_DELAY if "slow-nreset" in faults else 0.0
        self._release_at: float | None = None

    @property
    def asserted(self) -> bool:
        """Whether the chip is in reset."""
        return self._core.held

    def drive(self, asserted: bool) -> None:
        """Assert the line, or let it go."""
        if not self._connected:
            return
        if asserted:
            self._release_at = None
            self._core.hold()
        elif self._core.held and self._release_at is None:
            self._release_at = self._clock() + self._delay
            self.tick()

    def pulse(self) -> None:
        """Assert the line and let it go."""
        self.drive(True)
        self.drive(False)

    def tick(self) -> float | None:
        """Let the chip out of reset when it is time; return the seconds until then."""
        if self._release_at is None:
            return None
        if (left := self._release_at - self._clock()) > 0:
            return left
        self._release_at = None
        self._core.release()
        return None
