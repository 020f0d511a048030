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
from functools import partial

from hil.errors import DeviceError
from hil.uart import prompt_switching
from hil.uart.capture_events import CaptureEvent, CaptureEvents
from hil.uart.feed import Feed
from hil.uart.gathering import Gathering
from hil.uart.reopening import Reopening
from hil.uart.sources import Source
from hil.uart.transcript import Transcript
from hil.uart.waker import Ticket

#: Seconds between two looks at sources that cannot be waited for (growing files).
FILE_INTERVAL = 0.02
#: Seconds that a command may take before the capture counts as stuck.
COMMAND_TIMEOUT = 5.0
#: Bytes that a detach still takes from a source that goes on talking.
DRAIN_LIMIT = 4 << 20


class Capture:
    """Drains UARTs into transcripts until it is closed.

    Args:
        on_event: Called in the capture's thread with every event; must be quick.
        name: Name of the thread.
    """

    def __init__(
        self, on_event: Callable[[CaptureEvent], None] | None = None, name: str = "hil-capture"
    ) -> None:
        self._events = CaptureEvents(on_event)
        self._feeds: dict[Transcript, Feed] = {}
        self._polled: list[Feed] = []
        self._commands: deque[Callable[[], None]] = deque()
        self._reopenings: dict[Transcript, Reopening] = {}
        self._gathering = Gathering()
        self._stopping = False
        try:
            self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._selector = _selector_beside(self._wake_fd)
        except OSError as error:
            raise DeviceError(
                f"the capture cannot begin: {error.strerror or error}", operation="capture"
            ) from error
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        prompt_switching.begin()
        self._thread.start()

    @property
    def events(self) -> tuple[CaptureEvent, ...]:
        """All events so far, oldest first."""
        return self._events.kept

    def attach(
        self,
        transcript: Transcript,
        source: Source,
        *,
        reopen: Callable[[], Source] | None = None,
        reopen_for: float = 0.0,
    ) -> None:
        """Drain `source` into `transcript` from now on; an older source of it is detached first.

        The source belongs to the capture from here on, also when this fails.

        Args:
            transcript: What is filled.
            source: What is read.
            reopen: Opens it again when it has vanished by itself (a USB adapter that is enumerated
                anew); raises DeviceError as long as it is not there. Called in a thread of its own.
            reopen_for: Seconds in which it may come back; so long the transcript stays live.
        """
        report = partial(self._events.report, transcript.name)
        feed = Feed(transcript, source, report, reopen=reopen, reopen_for=reopen_for)
        try:
            self._call(lambda: self._attach(feed), "attach")
        except (DeviceError, OSError, ValueError, KeyError):
            source.close()
            raise

    def attached(self, transcript: Transcript) -> bool:
        """Return whether a source is attached now; one that is reopened is not."""
        return transcript in self._feeds

    def detach(self, transcript: Transcript) -> None:
        """Take what is still there and release the source; nothing happens without one."""
        self._call(lambda: self._detach(transcript), "detach")

    def drain(self, transcript: Transcript) -> None:
        """Store what its source has by now, which stays attached; nothing happens without one."""
        self._call(lambda: self._drain(transcript), "drain")

    def send(self, transcript: Transcript, data: bytes, timeout: float = COMMAND_TIMEOUT) -> None:
        """Send bytes to a UART and wait until its source has taken them.

        Raises:
            DeviceError: There is no source, it cannot send, it vanished, or it takes nothing.
        """
        done = Ticket()
        self._call(lambda: self._send(transcript, data, done), "send")
        if not done.wait(timeout):
            raise DeviceError(
                f"{transcript.name}: {len(data)} bytes were not taken within {timeout:g} s",
                operation="send",
                hint="the device does not read its UART, or flow control holds it",
            )

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
        prompt_switching.end()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Everything below runs in the capture's thread, but for _call.

    def _call(self, action: Callable[[], object], what: str) -> None:
        """Run an action in the capture's thread and wait for it."""
        ticket = Ticket()

        def run() -> None:
            try:
                action()
            except (OSError, DeviceError, ValueError, KeyError) as error:
                ticket.done(error)
            else:
                ticket.done()

        if self._stopping:
            raise DeviceError("the capture is closed", operation=what)
        self._commands.append(run)
        os.eventfd_write(self._wake_fd, 1)
        if not ticket.wait(COMMAND_TIMEOUT):
            raise DeviceError(
                f"the capture did not answer within {COMMAND_TIMEOUT:g} s",
                operation=what,
                hint="the disk of the run records may be blocked",
            )

    def _run(self) -> None:
        while not self._stopping:
            gathering = self._gathering
            timeout = 0.0 if gathering.active else FILE_INTERVAL if self._polled else None
            ready = self._selector.select(timeout)
            for key, mask in ready:
                if key.data is None:
                    os.eventfd_read(self._wake_fd)
                    continue
                if mask & selectors.EVENT_READ:
                    gathering.heard(key.data.transcript, self._guarded(key.data, self._read))
                if mask & selectors.EVENT_WRITE:
                    self._guarded(key.data, self._flush)
            for feed in tuple(self._polled):
                self._guarded(feed, self._read)
                if feed.outbox:
                    self._guarded(feed, self._flush)
            self._run_commands()
            if pause := gathering.pause(time.monotonic(), quiet=not ready):
                time.sleep(pause)
        self._run_commands()
        for reopening in tuple(self._reopenings.values()):
            reopening.cancel()
        for transcript in list(self._feeds):
            self._detach(transcript)
        self._selector.close()

    def _run_commands(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _guarded(self, feed: Feed, action: Callable[[Feed], int]) -> int:
        """Let an action fail without harm to the other UARTs; return what it did, 0 if it failed."""
        if self._feeds.get(feed.transcript) is not feed:
            return 0
        try:
            return action(feed)
        except OSError as error:
            text = f"{feed.source.name}: {error.strerror or error}"
            self._drop(feed, "vanished", text, reopen=True)
        except Exception as error:  # noqa: BLE001 - a defect in one reader must not stop the others
            self._drop(feed, "error", f"{feed.source.name}: {type(error).__name__}: {error}")
        return 0

    def _read(self, feed: Feed) -> int:
        """Take what came, and answer it; return the number of bytes of the first read."""
        waiting = len(feed.outbox)
        # In a pause all has come that was to come: a second look would find nothing.
        first = feed.read(whole=not self._gathering.active)
        if len(feed.outbox) > waiting:
            self._flush(feed)
        if feed.ended:
            self._drop(feed, "eof", f"{feed.source.name}: end of the stream", reopen=True)
        return first

    def _flush(self, feed: Feed) -> int:
        """Write what is waiting, and be called again while some of it remains; return how much."""
        taken = feed.flush()
        self._watch_outbox(feed)
        return taken

    def _watch_outbox(self, feed: Feed) -> None:
        """Be told when the rest of the outbox fits, and only as long as there is one."""
        fd, writer = feed.source.fileno(), feed.source.writer
        if writer is not None:
            known = writer in self._selector.get_map()
            if feed.outbox and not known:
                self._selector.register(writer, selectors.EVENT_WRITE, feed)
            elif known and not feed.outbox:
                self._selector.unregister(writer)
        elif fd is not None:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if feed.outbox else 0)
            self._selector.modify(fd, events, feed)

    def _attach(self, feed: Feed, kind: str = "attached") -> None:
        transcript, source = feed.transcript, feed.source
        self._detach(transcript)
        fd = source.fileno()
        if fd is None:
            self._polled.append(feed)
        else:
            self._selector.register(fd, selectors.EVENT_READ, feed)
        self._feeds[transcript] = feed
        transcript.live = True
        feed.report(kind, source.name)

    def _detach(self, transcript: Transcript) -> None:
        if (reopening := self._reopenings.pop(transcript, None)) is not None:
            reopening.cancel()
            transcript.live = False
        if (feed := self._drain(transcript)) is not None:
            self._drop(feed, "detached", feed.source.name)

    def _drain(self, transcript: Transcript) -> Feed | None:
        """Take what is there; return the feed if it is still attached behind it."""
        feed = self._feeds.get(transcript)
        if feed is None:
            return None
        taken = 0
        while self._feeds.get(transcript) is feed and taken < DRAIN_LIMIT:
            before = transcript.size + transcript.lost
            self._guarded(feed, self._read)
            got = transcript.size + transcript.lost - before
            if not got:
                break
            taken += got
        return feed if self._feeds.get(transcript) is feed else None

    def _send(self, transcript: Transcript, data: bytes, done: Ticket) -> None:
        feed = self._feeds.get(transcript)
        if feed is None or not feed.source.sendable:
            why = "no source is attached" if feed is None else f"{feed.source.name} is only read"
            raise DeviceError(
                f"{transcript.name}: {why}",
                operation="send",
                hint="start the device, or give the console a port that takes input",
            )
        feed.send(data, done)
        self._guarded(feed, self._flush)

    def _drop(self, feed: Feed, kind: str, text: str, *, reopen: bool = False) -> None:
        """Release a source; the transcript has no live source any more unless it is reopened."""
        del self._feeds[feed.transcript]
        fd = feed.source.fileno()
        if fd is None:
            self._polled.remove(feed)
        else:
            self._selector.unregister(fd)
        feed.outbox.clear()
        if feed.source.writer is not None:
            self._watch_outbox(feed)
        try:
            feed.source.close()
        except Exception as defect:  # noqa: BLE001 - nor may one that cannot be closed
            text += f"; closing it: {type(defect).__name__}: {defect}"
        if feed.transcript.lost:
            text += f"; {feed.transcript.lost} bytes were not stored"
        feed.report(kind, text)
        feed.settle(DeviceError(f"{feed.transcript.name}: {text}", operation="send"))
        if reopen and feed.reopen is not None and feed.reopen_for > 0:
            feed.report("reopening", f"{feed.source.name}: for {feed.reopen_for:g} s")
            self._reopenings[feed.transcript] = Reopening(
                feed.reopen,
                feed.reopen_for,
                lambda reopening: self._reopened(feed, reopening),
                feed.transcript.name,
            )
        else:
            feed.transcript.live = False

    def _reopened(self, feed: Feed, reopening: Reopening) -> None:
        """Take what a reopening found; called in its thread, acts in the capture's."""

        def act() -> None:
            if self._reopenings.get(feed.transcript) is not reopening:
                reopening.discard()
                return
            del self._reopenings[feed.transcript]
            if (source := reopening.take()) is None:
                feed.report("error", f"{feed.source.name}: {reopening.why}")
                feed.transcript.live = False
                return
            try:
                self._attach(feed.again(source), "reopened")
            except (OSError, ValueError, KeyError) as error:
                source.close()
                feed.report("error", f"{source.name}: {error}")
                feed.transcript.live = False

        self._commands.append(act)
        if not self._stopping:
            os.eventfd_write(self._wake_fd, 1)


def _selector_beside(fd: int) -> selectors.DefaultSelector:
    """Return a selector; if there can be none, the descriptor is closed too."""
    try:
        return selectors.DefaultSelector()
    except OSError:
        os.close(fd)
        raise
