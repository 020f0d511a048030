# SPDX-License-Identifier: Apache-2.0
"""Waiting for a device that has vanished to come back, without holding the capture up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hil.uart.sources import Source
from hil.uart.waker import Waker

#: Seconds between two attempts: a USB adapter takes about a second to be enumerated.
INTERVAL = 0.1


class Reopening:
    """Tries to open a source again, in a thread of its own, for a limited time.

    Args:
        reopen: Opens the source; raises while it is not there.
        seconds: How long it is tried.
        then: Called once, in that thread, with the outcome; not after `cancel`.
        name: Name of the console.
    """

    def __init__(
        self,
        reopen: Callable[[], Source],
        seconds: float,
        then: Callable[[Reopening], None],
        name: str,
    ) -> None:
        self._reopen = reopen
        self._until = time.monotonic() + seconds
        self._then = then
        self._source: Source | None = None
        self._cancelled = Waker()
        #: Why it did not come back, after the last attempt.
        self.why = ""
        threading.Thread(target=self._run, name=f"hil-reopen-{name}", daemon=True).start()

    def take(self) -> Source | None:
        """Return the source, which then belongs to the caller; None if it did not come back."""
        source, self._source = self._source, None
        return source

    def discard(self) -> None:
        """Close what nobody takes."""
        if (source := self.take()) is not None:
            source.close()

    def cancel(self) -> None:
        """Try no more."""
        self._cancelled.set()

    def _run(self) -> None:
        while not self._cancelled.wait(INTERVAL):
            try:
                self._source = self._reopen()
            except Exception as error:  # noqa: BLE001 - a defect in an opener must not end in silence
                self.why = f"did not come back: {error}"
                if time.monotonic() < self._until:
                    continue
            if self._cancelled.is_set():
                self.discard()
            else:
                self._then(self)
            return
