# SPDX-License-Identifier: Apache-2.0
"""When the capture lets output gather: while many UARTs trickle, and never in a flood.

Sixteen UARTs at 3 Mbaud wake the capture for a few bytes each, thousands of times a second. Reading
less often costs a fraction of that and loses nothing, as long as no UART's buffer fills in a pause.
A single line is never held up, and few UARTs are never paused for: a flood through a pty comes in
small pieces when the machine is busy.
"""

from __future__ import annotations

from collections.abc import Hashable

#: Output gathers after more rounds than ROUNDS in WINDOW seconds.
ROUNDS, WINDOW = 10, 0.01
#: Seconds of a pause.
PAUSE = 0.005
#: So many UARTs must have had something to say.
MANY = 4
#: A read of as many bytes is a flood. A UART at 6 Mbaud sends them in a pause: less than a tty holds.
FLOOD = 3000


class Gathering:
    """Says after each round of reads whether to pause before the next.

    Attributes:
        active: Whether the next round follows a pause.
    """

    def __init__(self) -> None:
        self.active = False
        self._began = 0.0
        self._rounds = 0
        self._most = 0
        self._talkers: set[Hashable] = set()

    def heard(self, uart: Hashable, size: int) -> None:
        """Take note of a read of this round: whose, and of how many bytes at once."""
        self._talkers.add(uart)
        self._most = max(self._most, size)

    def pause(self, now: float, *, quiet: bool) -> float:
        """End a round; return the seconds to pause, 0 for none.

        Args:
            now: Monotonic seconds.
            quiet: Nothing was there to do in this round.
        """
        most, self._most = self._most, 0
        if quiet or most >= FLOOD:
            self.active, self._rounds = False, 0
            self._talkers.clear()
            return 0.0
        if not self.active:
            if now - self._began > WINDOW:
                self._began, self._rounds = now, 0
                self._talkers.clear()
            self._rounds += 1
            self.active = self._rounds > ROUNDS and len(self._talkers) >= MANY
        return PAUSE if self.active else 0.0
