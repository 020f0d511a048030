# SPDX-License-Identifier: Apache-2.0
"""One thread that drains every UART of the process to disk, whatever the tests are doing.

An undrained UART stalls an FVP and loses bytes on a board, so nothing that a test does may hold
this thread up: it owns all sources, writes first and wakes the waiters afterwards, and takes
commands (attach, detach, send) through a queue. Whatever happens to one UART is an event and never
stops the others.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

from hil.errors import DeviceError
from hil.uart.sources import Source
from hil.uart.transcript import Transcript

#: Seconds between two looks at sources that cannot be waited for (growing files).
FILE_INTERVAL = 0.02
#: Seconds that a command may take before the capture counts as stuck.
COMMAND_TIMEOUT = 5.0
#: Bytes that a detach still takes from a source that goes on talking.
DRAIN_LIMIT = 4 << 20
#: Events kept; there are a few in each start of a device.
MAX_EVENTS = 10_000


@dataclass(frozen=True)
class CaptureEvent:
    """Something that happened to one UART.

    Attributes:
        t: Monotonic seconds.
        console: Name of the transcript.
        kind: "attached", "detached", "eof", "vanished", "restarted", "disk", "error".
        text: What happened, one sentence.
    """

    t: float
    console: str
    kind: str
    text: str


@dataclass(eq=False)
class _Feed:
    """A source and the transcript that it fills."""

    transcript: Transcript
    source: Source
    outbox: bytearray = field(default_factory=bytearray)
    sent: list[Future[None]] = field(default_factory=list)


class Capture:
    """Drains UARTs into transcripts until it is closed.

    Args:
        on_event: Called in the capture's thread with every event; must be quick.
        name: Name of the thread.
    """

    def __init__(
        self, on_event: Callable[[CaptureEvent], None] | None = None, name: str = "hil-capture"
    ) -> None:
        self._on_event = on_event
        self._events: deque[CaptureEvent] = deque(maxlen=MAX_EVENTS)
        self._feeds: dict[Transcript, _Feed] = {}
        self._polled: list[_Feed] = []
        self._commands: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def events(self) -> tuple[CaptureEvent, ...]:
        """All events so far, oldest first."""
        return tuple(self._events)

    def attach(self, transcript: Transcript, source: Source) -> None:
        """Drain `source` into `transcript` from now on; an older source of it is detached first.

        The source belongs to the capture from here on, also when this fails.
        """
        try:
            self._call(lambda: self._attach(transcript, source), "attach")
        except (DeviceError, OSError, ValueError, KeyError):
            source.close()
            raise

    def detach(self, transcript: Transcript) -> None:
        """Take what is still there and release the source; nothing happens without one."""
        self._call(lambda: self._detach(transcript), "detach")

    def send(self, transcript: Transcript, data: bytes, timeout: float = COMMAND_TIMEOUT) -> None:
        """Send bytes to a UART and wait until its source has taken them.

        Raises:
            DeviceError: There is no source, it cannot send, it vanished, or it takes nothing.
        """
        done: Future[None] = Future()
        self._call(lambda: self._send(transcript, data, done), "send")
        try:
            done.result(timeout)
        except FutureTimeout:
            raise DeviceError(
                f"{transcript.name}: {len(data)} bytes were not taken within {timeout:g} s",
                operation="send",
                hint="the device does not read its UART, or flow control holds it",
            ) from None

    def close(self, timeout: float = COMMAND_TIMEOUT) -> None:
        """Detach everything and end the thread; a second call does nothing.

        Raises:
            DeviceError: The thread did not end in time.
        """
        if self._stopping:
            return
        self._stopping = True
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise DeviceError(
                f"the capture thread did not end within {timeout:g} s", operation="close"
            )
        os.close(self._wake_fd)

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Everything below runs in the capture's thread, but for _call.

    def _call(self, action: Callable[[], None], what: str) -> None:
        """Run an action in the capture's thread and wait for it."""
        future: Future[None] = Future()

        def run() -> None:
            try:
                action()
            except (OSError, DeviceError, ValueError, KeyError) as error:
                future.set_exception(error)
            else:
                future.set_result(None)

        if self._stopping:
            raise DeviceError("the capture is closed", operation=what)
        self._commands.append(run)
        os.eventfd_write(self._wake_fd, 1)
        try:
            future.result(COMMAND_TIMEOUT)
        except FutureTimeout:
            raise DeviceError(
                f"the capture did not answer within {COMMAND_TIMEOUT:g} s",
                operation=what,
                hint="the disk of the run records may be blocked",
            ) from None

    def _run(self) -> None:
        while not self._stopping:
            for key, mask in self._selector.select(FILE_INTERVAL if self._polled else None):
                if key.data is None:
                    os.eventfd_read(self._wake_fd)
                    continue
                if mask & selectors.EVENT_READ:
                    self._guarded(key.data, self._read)
                if mask & selectors.EVENT_WRITE:
                    self._guarded(key.data, self._flush)
            for feed in tuple(self._polled):
                self._guarded(feed, self._read)
            self._run_commands()
        self._run_commands()
        for transcript in list(self._feeds):
            self._detach(transcript)
        self._selector.close()

    def _run_commands(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _guarded(self, feed: _Feed, action: Callable[[_Feed], object]) -> None:
        """Let an action fail without harm to the other UARTs."""
        if self._feeds.get(feed.transcript) is not feed:
            return
        try:
            action(feed)
        except OSError as error:
            self._drop(feed, "vanished", f"{feed.source.name}: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - a defect in one reader must not stop the others
            self._drop(feed, "error", f"{feed.source.name}: {type(error).__name__}: {error}")

    def _read(self, feed: _Feed) -> int:
        """Move what one read gives to the transcript; return the number of bytes."""
        data = feed.source.read()
        now = time.monotonic_ns()
        if data:
            self._store(feed, data, now)
        if (note := feed.source.note()) is not None:
            self._report(feed, "restarted", note)
        if reply := feed.source.reply():
            feed.outbox += reply
            self._flush(feed)
        if data == b"":
            self._drop(feed, "eof", f"{feed.source.name}: end of the stream")
        return len(data or b"")

    def _store(self, feed: _Feed, data: bytes, t: int) -> None:
        try:
            feed.transcript.append(data, t)
        except OSError:
            self._report(feed, "disk", str(feed.transcript.failure))

    def _flush(self, feed: _Feed) -> None:
        """Write what is waiting, and be called again while some of it remains."""
        if feed.outbox:
            taken = feed.source.write(bytes(feed.outbox))
            del feed.outbox[:taken]
        fd = feed.source.fileno()
        if fd is not None:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if feed.outbox else 0)
            self._selector.modify(fd, events, feed)
        if not feed.outbox:
            for done in feed.sent:
                done.set_result(None)
            feed.sent.clear()

    def _attach(self, transcript: Transcript, source: Source) -> None:
        self._detach(transcript)
        feed = _Feed(transcript, source)
        fd = source.fileno()
        if fd is None:
            self._polled.append(feed)
        else:
            self._selector.register(fd, selectors.EVENT_READ, feed)
        self._feeds[transcript] = feed
        transcript.live = True
        self._report(feed, "attached", source.name)

    def _detach(self, transcript: Transcript) -> None:
        feed = self._feeds.get(transcript)
        if feed is None:
            return
        taken = 0
        while self._feeds.get(transcript) is feed and taken < DRAIN_LIMIT:
            before = transcript.size + transcript.lost
            self._guarded(feed, self._read)
            got = transcript.size + transcript.lost - before
            if not got:
                break
            taken += got
        if self._feeds.get(transcript) is feed:
            self._drop(feed, "detached", feed.source.name)

    def _send(self, transcript: Transcript, data: bytes, done: Future[None]) -> None:
        feed = self._feeds.get(transcript)
        if feed is None or not feed.source.sendable:
            why = "no source is attached" if feed is None else f"{feed.source.name} is only read"
            raise DeviceError(
                f"{transcript.name}: {why}",
                operation="send",
                hint="start the device, or give the console a port that takes input",
            )
        feed.outbox += feed.source.encode(data)
        feed.sent.append(done)
        self._guarded(feed, self._flush)

    def _drop(self, feed: _Feed, kind: str, text: str) -> None:
        """Release a source; the transcript has no live source any more."""
        del self._feeds[feed.transcript]
        fd = feed.source.fileno()
        if fd is None:
            self._polled.remove(feed)
        else:
            self._selector.unregister(fd)
        feed.source.close()
        if feed.transcript.lost:
            text += f"; {feed.transcript.lost} bytes were not stored"
        self._report(feed, kind, text)
        error = DeviceError(f"{feed.transcript.name}: {text}", operation="send")
        for done in feed.sent:
            done.set_exception(error)
        feed.transcript.live = False

    def _report(self, feed: _Feed, kind: str, text: str) -> None:
        event = CaptureEvent(time.monotonic(), feed.transcript.name, kind, text)
        self._events.append(event)
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - a defect in the listener must not end the capture
            text = f"listener of {kind!r}: {type(error).__name__}: {error}"
            self._events.append(CaptureEvent(event.t, event.console, "error", text))
