# SPDX-License-Identifier: Apache-2.0
"""How a model ended, judged by what it said: its exit status is 0 also at a limit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hil.targets.fvp_query import hint_for

_REASON = re.compile(r"Simulation is stopping\. Reason: ([^\r\n|]+)")
_STOPPED = re.compile(r"Simulation stopped by user")
#: Reasons that are the same on every host.
_SIMULATED = ("Simulated time", "Cycle limit")
_LONGEST_LINE = 4096
_SHOWN_LINES = 8


class EndingReader:
    """Looks in all output for why the simulation stopped, however the output is cut."""

    def __init__(self) -> None:
        #: What the model gave as its reason; None if it gave none.
        self.reason: str | None = None
        #: Whether it said that it was stopped in good order.
        self.stopped = False
        self._rest = ""

    def feed(self, text: str) -> None:
        """Take more output."""
        text = self._rest + text
        if match := _REASON.search(text):
            self.reason = match[1].strip()
        self.stopped = self.stopped or _STOPPED.search(text) is not None
        self._rest = text[text.rfind("\n") + 1 :][-_LONGEST_LINE:]

    def by_firmware(self, status: int) -> bool:
        """Whether it was the firmware that ended it, or that did not get anywhere in simulated time.

        A limit of wall clock or CPU time says as much about the host, and that is the lab's.

        Args:
            status: Exit status, negative for a signal.
        """
        if self.reason is not None:
            return self.reason.startswith(_SIMULATED)
        return self.stopped and status >= 0

    def orderly(self, status: int | None, took: str) -> bool:
        """Whether the model ended itself, so that what it keeps in files is whole.

        Args:
            status: Exit status, negative for a signal.
            took: The signal that was needed, "exit" for none.
        """
        return took in ("SIGINT", "exit") and (self.stopped or status == 0)

    def obituary(self, status: int, lines: Sequence[str]) -> str:
        """What is said of a model that was not asked to end: how, why, last words, what to do."""
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if self.reason is not None:
            how += f" ({self.reason})"
        elif self.stopped:
            how += " (stopped without a reason: a shutdown tag or EOT on a UART, or from outside)"
        told = " | ".join(lines[-_SHOWN_LINES:]) or "none"
        return f"{how}; last lines: {told}"

    def hint(self, lines: Sequence[str]) -> str | None:
        """What to do about it, None if nobody knows."""
        if self.reason is not None:
            return "launcher.timelimit, simlimit or cpulimit ended it; give more, or find the hang"
        return hint_for("\n".join(lines))
