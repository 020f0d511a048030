# SPDX-License-Identifier: Apache-2.0
"""A UART as pexpect knows it, fed from its transcript instead of from the device.

`expect`, `expect_exact`, `send`, `sendline`, `before`, `after`, `match`, `TIMEOUT` and `EOF` work
as everyone knows them, in bytes. What is different is where the bytes come from: the capture stores
them whether or not anybody looks, and the console reads the transcript at its own position. So
output that came before the wait began is found, and no wait can hold the capture up.

pexpect is used with the settings under which it never misses a match: no search window (a window
smaller than a read silently skips what lies between), no delays.
"""

from __future__ import annotations

import threading
import time
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

from pexpect.exceptions import EOF, TIMEOUT
from pexpect.spawnbase import SpawnBase

from hil.errors import DeviceError
from hil.uart.capture import Capture
from hil.uart.transcript import Recording, Transcript

if TYPE_CHECKING:
    _Spawn = SpawnBase[bytes]
else:
    _Spawn = SpawnBase

#: Bytes taken from the transcript at once: pexpect searches its whole buffer after each read.
READ_SIZE = 65536
#: End of the output that messages show.
_SHOWN = 200


class _Log(Protocol):
    """A log file, as pexpect takes it."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


class Console(_Spawn):
    """One UART, to wait on and to talk to.

    Args:
        transcript: What the UART said and will say; a recording is a console that has ended.
        capture: Who feeds the transcript; needed to send.
        name: In messages; by default the transcript's.
        timeout: Seconds that `expect` waits unless told otherwise.
        from_offset: Where in the transcript the console begins to read.
        pace: Seconds between two sent characters; a UART without flow control loses fast input.
    """

    def __init__(
        self,
        transcript: Recording,
        capture: Capture | None = None,
        *,
        name: str | None = None,
        timeout: float | None = 30,
        from_offset: int = 0,
        pace: float = 0,
    ) -> None:
        super().__init__(timeout=timeout, maxread=READ_SIZE, searchwindowsize=None)
        self.delaybeforesend = None
        self.delayafterread = None
        self.linesep = b"\n"
        self.name = name or transcript.name
        self.transcript = transcript
        self.pace = pace
        self.closed = False
        self._capture = capture
        self._position = from_offset

    @property
    def position(self) -> int:
        """Offset in the transcript of the next byte that is not yet consumed by a match."""
        return self._position - int(self._before.tell())

    def seek(self, offset: int) -> None:
        """Go on reading at another place of the transcript, e.g. its size to skip old output."""
        self._position = offset
        self._buffer = BytesIO()
        self._before = BytesIO()

    def isalive(self) -> bool:
        """Return whether more output may come."""
        return not self.closed and self.transcript.live

    def close(self) -> None:
        """End the console; the capture and the transcript go on."""
        self.closed = True

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> bytes:
        """Return 1 to `size` bytes, waiting for them no longer than `timeout` seconds.

        Raises:
            pexpect.TIMEOUT: Nothing came.
            pexpect.EOF: There is no live source and everything was read.
            DeviceError: The rest of the output could not be stored.
        """
        if timeout == -1:
            timeout = self.timeout
        data = self._next(size)
        if not data:
            data = self._wait(size, timeout)
        self._position += len(data)
        self.flag_eof = False
        self._copy(data, self.logfile_read)
        return data

    def send(self, s: str | bytes) -> int:
        """Send bytes, at the console's pace; return how many."""
        data = s.encode() if isinstance(s, str) else s
        if self._capture is None or not isinstance(self.transcript, Transcript):
            raise DeviceError(f"{self.name}: a recorded console takes no input", operation="send")
        self._copy(data, self.logfile_send)
        if not self.pace:
            self._capture.send(self.transcript, data)
            return len(data)
        for at in range(len(data)):
            self._capture.send(self.transcript, data[at : at + 1])
            time.sleep(self.pace)
        return len(data)

    def sendline(self, s: str | bytes = b"") -> int:
        """Send bytes and the line end (`linesep`, LF by default)."""
        return self.send((s.encode() if isinstance(s, str) else s) + self.linesep)

    def write(self, s: str | bytes) -> None:
        """Send bytes."""
        self.send(s)

    def __str__(self) -> str:
        said = self._before.getvalue()[-_SHOWN:]
        end = "live" if self.transcript.live else "no live source"
        return f"{self.name}: {self._position} bytes read, {end}; last of them: {said!r}"

    def _copy(self, data: bytes, direction: _Log | None) -> None:
        """Copy traffic to pexpect's log files: the one for both directions, and this one's."""
        for log in (self.logfile, direction):
            if log is not None:
                log.write(data)
                log.flush()

    def _next(self, size: int) -> bytes:
        return self.transcript.read(self._position, size)

    def _wait(self, size: int, timeout: float | None) -> bytes:
        """Wait for output behind everything that is there."""
        until = None if timeout is None else time.monotonic() + timeout
        waker = threading.Event()
        self.transcript.watch(waker)
        try:
            while True:
                waker.clear()
                live = self.transcript.live
                if data := self._next(size):
                    return data
                self.transcript.check()
                if not live:
                    self.flag_eof = True
                    raise EOF(f"{self.name}: no live source and all output was read")
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    raise TIMEOUT(f"{self.name}: nothing came within {timeout:g} s")
                waker.wait(left)
        finally:
            self.transcript.unwatch(waker)
