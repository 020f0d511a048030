# SPDX-License-Identifier: Apache-2.0
"""What happens to UARTs while they are captured, kept and told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

#: Events kept; there are a few in each start of a device.
MAX_EVENTS = 10_000


@dataclass(frozen=True)
class CaptureEvent:
    """Something that happened to one UART.

    Attributes:
        t: Monotonic seconds.
        console: Name of the transcript.
        kind: "attached", "detached", "eof", "vanished", "reopening", "reopened", "restarted", "disk",
            "error".
        text: What happened, one sentence.
    """

    t: float
    console: str
    kind: str
    text: str


class CaptureEvents:
    """Keeps the latest events and tells a listener, who cannot do any harm.

    Args:
        on_event: Called with every event; must be quick.
    """

    def __init__(self, on_event: Callable[[CaptureEvent], None] | None) -> None:
        self._on_event = on_event
        self._kept: deque[CaptureEvent] = deque(maxlen=MAX_EVENTS)

    @property
    def kept(self) -> tuple[CaptureEvent, ...]:
        """The events so far, oldest first."""
        return tuple(self._kept)

    def report(self, console: str, kind: str, text: str) -> None:
        """Keep an event and tell it."""
        event = CaptureEvent(time.monotonic(), console, kind, text)
        self._kept.append(event)
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - a defect in the listener must not end the capture
            text = f"listener of {kind!r}: {type(error).__name__}: {error}"
            self._kept.append(CaptureEvent(event.t, console, "error", text))
