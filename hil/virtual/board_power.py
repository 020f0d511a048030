# SPDX-License-Identifier: Apache-2.0
"""The supply of a virtual board; its probe and its UART adapter have their own."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds for which the supply is gone, when it fails or is switched.
OFF_SECONDS = 0.4


class PowerSupply:
    """On, or off until a certain time.

    Args:
        off: Called when the chip loses its supply.
        on: Called when it has it again.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        off: Callable[[], None],
        on: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._off = off
        self._on = on
        self._clock = clock
        self._back_at: float | None = None
        self._applied = False

    @property
    def dark(self) -> bool:
        """Whether the chip has no supply."""
        return self._back_at is not None

    def cut(self) -> None:
        """Lose the supply for a while; takes effect at the next tick, never in mid-instruction."""
        self._back_at = self._clock() + OFF_SECONDS

    def tick(self) -> float | None:
        """Switch when it is time; return the seconds until then."""
        if self._back_at is None:
            return None
        if not self._applied:
            self._applied = True
            self._off()
        if (left := self._back_at - self._clock()) > 0:
            return left
        self._back_at, self._applied = None, False
        self._on()
        return None
