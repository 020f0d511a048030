# SPDX-License-Identifier: Apache-2.0
"""A source and the transcript that it fills: bursts go to disk, and what is to be sent goes out.

Driven by the capture's thread only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hil.errors import DeviceError
from hil.uart.sources import Source
from hil.uart.transcript import Transcript
from hil.uart.waker import Ticket

#: Bytes, and nanoseconds, of one burst at most.
BURST_SIZE = 1 << 18
BURST_NS = 1_000_000
#: A read that gave this much may be part of more, which is looked for at once.
BURST_READ = 128


class Feed:
    """One UART that is drained.

    Args:
        transcript: What is filled.
        source: What is read.
        report: Told the kind and the text of each event.
        reopen: Opens the source again when it has vanished by itself.
        reopen_for: Seconds in which it may come back.

    Attributes:
        outbox: Bytes that the source has not taken yet.
        ended: Whether the stream has come to its end.
    """

    def __init__(
        self,
        transcript: Transcript,
        source: Source,
        report: Callable[[str, str], None],
        *,
        reopen: Callable[[], Source] | None = None,
        reopen_for: float = 0.0,
    ) -> None:
        self.transcript = transcript
        self.source = source
        self.report = report
        self.reopen = reopen
        self.reopen_for = reopen_for
        self.outbox = bytearray()
        self.ended = False
        self._sent: list[Ticket] = []

    def again(self, source: Source) -> Feed:
        """Return the same UART with the source that came back."""
        return Feed(
            self.transcript,
            source,
            self.report,
            reopen=self.reopen,
            reopen_for=self.reopen_for,
        )

    def read(self, *, whole: bool) -> int:
        """Move what came to the transcript; return the number of bytes of the first read.

        Args:
            whole: Look at once for more of a burst.

        Raises:
            OSError: The source has vanished; what it gave before that is in the transcript.
        """
        data = self.source.read()
        first = len(data or b"")
        if data:
            self._to_transcript(self.transcript.store, data)
            try:
                # The first piece of all is shown by itself: a log without any time has no replay.
                if whole and first >= BURST_READ and self.transcript.size:
                    data = self._rest_of_burst(first)
            finally:  # what came before an error is shown before it is told
                self._to_transcript(self.transcript.show)
        if (note := self.source.note()) is not None:
            self.report("restarted", note)
        self.outbox += self.source.reply()
        self.ended = data == b""
        return first

    def send(self, data: bytes, done: Ticket) -> None:
        """Put bytes into the outbox; `done` is told when all of it was sent, or never will be."""
        self.outbox += self.source.encode(data)
        self._sent.append(done)

    def flush(self) -> int:
        """Write what is in the outbox, as far as it is taken; return how much was."""
        taken = 0
        if self.outbox:
            try:
                taken = self.source.write(bytes(self.outbox))
            except OSError as error:  # only the reading side says whether the UART has gone
                self._refuse(error)
            del self.outbox[:taken]
        if not self.outbox:
            self.settle()
        return taken

    def settle(self, error: Exception | None = None) -> None:
        """Tell who waits that all was sent, or why nothing more will be."""
        for done in self._sent:
            done.done(error)
        self._sent.clear()

    def _rest_of_burst(self, size: int) -> bytes | None:
        """Move what comes at once behind the first read; return what the last read gave.

        Each read is written before the next one: meanwhile the kernel moves the next piece to where
        it can be read, of a pty 4 KiB at a time.
        """
        data: bytes | None = None
        until = time.monotonic_ns() + BURST_NS
        while size < BURST_SIZE and time.monotonic_ns() < until:
            if not (data := self.source.read()):
                break
            self._to_transcript(self.transcript.store, data)
            size += len(data)
        return data

    def _to_transcript(self, action: Callable[..., None], *values: bytes) -> None:
        """Do something to the transcript; that it takes no more is told and stops nothing."""
        try:
            action(*values)
        except OSError:
            self.report("disk", str(self.transcript.failure))

    def _refuse(self, error: OSError) -> None:
        """Drop what cannot be sent; what is said goes on being stored."""
        text = f"{self.source.name}: takes no input: {error.strerror or error}"
        self.report("error", text)
        self.outbox.clear()
        self.settle(DeviceError(f"{self.transcript.name}: {text}", operation="send"))
