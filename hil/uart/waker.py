# SPDX-License-Identifier: Apache-2.0
"""Waking a thread that waits for output.

`threading.Event` is built on a condition in Python code: Ctrl-C inside its wait can end in
"release unlocked lock" instead of KeyboardInterrupt. One bare lock has no such half-way state: it is
held while nothing has happened, releasing it is the wake-up, and acquiring it is the wait.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol


class Waker:
    """A flag that one thread waits for and any thread sets."""

    def __init__(self) -> None:
        self._held = _thread.allocate_lock()
        self._held.acquire()

    def set(self) -> None:
        """Wake whoever waits, or let the next wait return at once."""
        if self._held.locked():
            try:
                self._held.release()
            except RuntimeError:  # another thread was faster; it is set
                return

    def clear(self) -> None:
        """Forget what was set; look at the state after this and before `wait`."""
        self._held.acquire(blocking=False)

    def is_set(self) -> bool:
        """Return whether a wait would return at once."""
        return not self._held.locked()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set and clear it; return False after `timeout` seconds."""
        if timeout is None:
            return self._held.acquire()
        limit = min(max(0.0, timeout), threading.TIMEOUT_MAX)
        return self._held.acquire(timeout=limit)


class Watched(Protocol):
    """What tells a waker of its changes: a transcript."""

    def watch(self, waker: Waker, /) -> None:
        """Have `waker` set at every change from now on."""

    def unwatch(self, waker: Waker, /) -> None:
        """Stop what `watch` started."""


def wait_until(
    done: Callable[[], bool],
    watched: Iterable[Watched],
    until: float | None,
    wake_at: Callable[[], float | None] = lambda: None,
) -> bool:
    """Wait until `done` returns True, asking again at every change; return whether it did.

    Args:
        done: Looks at what is there; asked once more after `until`.
        watched: What changes.
        until: Monotonic seconds at which the wait ends, None for no end.
        wake_at: When to ask again although nothing has changed, in monotonic seconds.
    """
    waker = Waker()
    sources = tuple(watched)
    for source in sources:
        source.watch(waker)
    try:
        while True:
            waker.clear()
            if done():
                return True
            now = time.monotonic()
            if until is not None and now >= until:
                return False
            limits = [t for t in (until, wake_at()) if t is not None]
            waker.wait(max(0.0, min(limits) - now) if limits else None)
    finally:
        for source in sources:
            source.unwatch(waker)


class Ticket:
    """The outcome of something that another thread does, to wait for."""

    def __init__(self) -> None:
        self._waker = Waker()
        self._error: Exception | None = None

    def done(self, error: Exception | None = None) -> None:
        """Say that it is done, or why it could not be."""
        self._error = error
        self._waker.set()

    def wait(self, timeout: float) -> bool:
        """Wait for it; return False after `timeout` seconds; raise what went wrong."""
        if not self._waker.wait(timeout):
            return False
        if self._error is not None:
            raise self._error
        return True
