# SPDX-License-Identifier: Apache-2.0
"""A UART as pexpect knows it, read from its transcript instead of from the device.

`expect`, `expect_exact`, `expect_list`, `send`, `sendline`, `before`, `after`, `match`, `match_index`,
`TIMEOUT` and `EOF` work as everyone knows them, in bytes. What is different is where the bytes come
from: the capture stores them whether or not anybody looks, and the console reads the transcript at
its own position. So output that came before the wait began is found, no wait can hold the capture
up, and memory does not grow with the output:

* `before` and `buffer` are read when they are asked for, and hold the last MEBIBYTE of what they
  stand for; `before_span` says where all of it is in the transcript.
* `searchwindowsize` and `maxread` have no effect: every match of up to 64 KiB is found.
* `match.start()` counts from the piece that was searched, not from `before`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pexpect.exceptions import EOF, TIMEOUT
from pexpect.expect import searcher_re, searcher_string
from pexpect.spawnbase import SpawnBase

from hil.errors import NoDeviceError, UsageError
from hil.uart.capture import Capture
from hil.uart.expecter import Expecter
from hil.uart.guard import Guard
from hil.uart.transcript import Recording, Transcript
from hil.uart.waker import Watched, wait_until

if TYPE_CHECKING:
    _Spawn = SpawnBase[bytes]
else:
    _Spawn = SpawnBase

#: Most bytes that `before` and `buffer` hold.
MEBIBYTE = 1 << 20
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
        guard: Its fail-fast patterns end every wait of this console.
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
        guard: Guard | None = None,
    ) -> None:
        self._position = self._seen = self._logged = from_offset
        self._before_span = (from_offset, from_offset)
        self._before_set: Any = None
        self.transcript = transcript
        super().__init__(timeout=timeout, searchwindowsize=None)
        self.delaybeforesend = None
        self.delayafterread = None
        self.linesep = b"\n"
        self.name = name or transcript.name
        self.pace = pace
        self.guard = guard
        self.closed = False
        self._capture = capture

    @property
    def position(self) -> int:
        """Offset in the transcript of the next byte that is not yet consumed by a match."""
        return self._position

    @property
    def watched(self) -> tuple[Watched, ...]:
        """What a wait of this console must be woken by: its own output, and all guarded."""
        others = self.guard.transcripts if self.guard is not None else ()
        return (self.transcript, *(t for t in others if t is not self.transcript))

    @property
    def before_span(self) -> tuple[int, int]:
        """Where in the transcript the bytes of `before` are: begin, end."""
        return self._before_span

    @property
    def before(self) -> Any:
        """What came before the last match, or until the end or the timeout; its last MiB."""
        if self._before_set is not None:
            return self._before_set
        begin, end = self._before_span
        return self._all(max(begin, end - MEBIBYTE), end)

    @before.setter
    def before(self, value: Any) -> None:
        self._before_set = value

    @property
    def buffer(self) -> bytes:
        """What was searched and not consumed; its last MiB. Setting it to b"" consumes it."""
        return self._all(max(self._position, self._seen - MEBIBYTE), self._seen)

    @buffer.setter
    def buffer(self, value: bytes) -> None:
        if value:
            raise UsageError("the buffer of a console can only be emptied: its bytes are evidence")
        self._position = self._seen

    def seek(self, offset: int) -> None:
        """Go on reading at another place of the transcript, e.g. its size to skip old output."""
        self._position = self._seen = self._logged = offset
        self._before_span = (offset, offset)

    def isalive(self) -> bool:
        """Return whether more output may come."""
        return not self.closed and self.transcript.live

    def close(self) -> None:
        """End the console; the capture and the transcript go on."""
        self.closed = True

    def expect_list(  # type: ignore[override]  # no coroutines
        self,
        pattern_list: Any,
        timeout: float | None = -1,
        searchwindowsize: int | None = -1,  # noqa: ARG002 - pexpect's signature
        async_: bool = False,
        **kw: Any,
    ) -> int:
        """Wait for one of compiled expressions, EOF and TIMEOUT; return its index."""
        _no_coroutine(async_, kw)
        return Expecter(self, searcher_re(pattern_list)).expect_loop(timeout)

    def expect_exact(  # type: ignore[override]  # no coroutines
        self,
        pattern_list: Any,
        timeout: float | None = -1,
        searchwindowsize: int | None = -1,  # noqa: ARG002 - pexpect's signature
        async_: bool = False,
        **kw: Any,
    ) -> int:
        """Wait for one of several texts, EOF and TIMEOUT; return its index."""
        _no_coroutine(async_, kw)
        if isinstance(pattern_list, (str, bytes)) or pattern_list in (EOF, TIMEOUT):
            pattern_list = [pattern_list]
        texts = [p.encode() if isinstance(p, str) else p for p in pattern_list]
        for text in texts:
            if text not in (EOF, TIMEOUT) and not isinstance(text, bytes):
                self.compile_pattern_list([text])  # raises pexpect's TypeError
        return Expecter(self, searcher_string(texts)).expect_loop(timeout)

    def expect_loop(
        self,
        searcher: Any,
        timeout: float | None = -1,
        searchwindowsize: int | None = -1,  # noqa: ARG002 - pexpect's signature
    ) -> int:
        """Wait for what a searcher of pexpect looks for; return its index."""
        return Expecter(self, searcher).expect_loop(timeout)

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, or all until the end if it is negative or comes first."""
        if size < 0:
            return bytes(super().read(size))
        until = None if self.timeout is None else time.monotonic() + self.timeout
        begin, data, after = self._position, bytearray(), None
        try:
            while len(data) < size:
                left = None if until is None else max(0.0, until - time.monotonic())
                data += self.read_nonblocking(size - len(data), left)
        except BaseException as error:
            self._position = begin  # what came is kept for the next one
            after = type(error) if isinstance(error, EOF | TIMEOUT) else None
            self.set_outcome(after, None, before_to=begin + len(data))
            if after is not EOF:
                raise
            self._position += len(data)
        else:
            self._position = begin
            self.set_outcome(bytes(data), None, before_to=begin, position=begin + len(data))
        return bytes(data)

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> bytes:
        """Return and consume 1 to `size` bytes, waiting for them no longer than `timeout` seconds.

        Raises:
            pexpect.TIMEOUT: Nothing came.
            pexpect.EOF: There is no live source and everything was read.
            DeviceError: The rest of the output could not be stored.
            FatalOutputError: A fail-fast pattern matches on this or another guarded console.
        """
        if timeout == -1:
            timeout = self.timeout
        until = None if timeout is None else time.monotonic() + timeout
        data = b""
        ended = False

        def look() -> bool:
            nonlocal data, ended
            live, failed = self.transcript.live, self.transcript.failure is not None
            if data := self.transcript.read(self._position, size):
                return True
            self.check_guard()
            if failed:
                self.transcript.check()
            ended = not live
            return ended

        if not wait_until(look, self.watched, until):
            raise TIMEOUT(f"{self.name}: nothing came within {timeout or 0:g} s")
        if not data:
            self.flag_eof = True
            raise EOF(f"{self.name}: no live source and all output was read")
        self.flag_eof = False
        self._position += len(data)
        self.saw(self._position)
        return data

    def drain(self) -> None:
        """Have the capture store what has come; nothing happens without a live source."""
        if self._capture is not None and isinstance(self.transcript, Transcript):
            self._capture.drain(self.transcript)

    def send(self, s: str | bytes) -> int:
        """Send bytes, at the console's pace; return how many."""
        data = s.encode() if isinstance(s, str) else s
        if self._capture is None or not isinstance(self.transcript, Transcript):
            raise NoDeviceError(f"{self.name}: a recorded console takes no input", operation="send")
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

    def writelines(self, sequence: Sequence[str | bytes]) -> None:
        """Send several texts."""
        for text in sequence:
            self.send(text)

    def check_guard(self, upto: int | None = None) -> None:
        """Raise FatalOutputError if a fail-fast pattern matches what came, here up to an offset."""
        if self.guard is not None:
            self.guard.check({self.transcript: upto} if upto is not None else None)

    def saw(self, offset: int) -> None:
        """Take note that the output up to an offset was looked at; log it where that is asked."""
        self._seen = max(self._seen, offset)
        self.flag_eof = False
        if self.logfile is None and self.logfile_read is None:
            self._logged = self._seen
        while self._logged < self._seen:
            data = self.transcript.read(self._logged, min(MEBIBYTE, self._seen - self._logged))
            self._logged += len(data)
            self._copy(data, self.logfile_read)

    def set_outcome(
        self,
        after: Any,
        match: Any,
        index: int | None = None,
        *,
        before_to: int,
        position: int | None = None,
    ) -> None:
        """Set what a wait ended with, as pexpect's attributes give it."""
        self._before_set = None
        self._before_span = (self._position, before_to)
        self.after, self.match, self.match_index = after, match, index
        if position is not None:
            self._position = position

    def __str__(self) -> str:
        said = self._all(max(self._position, self._seen - _SHOWN), self._seen)
        end = "live" if self.transcript.live else "no live source"
        return f"{self.name}: {self._seen} bytes read, {end}; last of them: {said!r}"

    def _all(self, begin: int, end: int) -> bytes:
        return self.transcript.read(begin, end - begin) if end > begin else b""

    def _copy(self, data: bytes, direction: _Log | None) -> None:
        """Copy traffic to pexpect's log files: the one for both directions, and this one's."""
        for log in (self.logfile, direction):
            if log is not None:
                log.write(data)
                log.flush()


def _no_coroutine(async_: bool, kw: dict[str, Any]) -> None:
    if async_ or kw.pop("async", False):
        raise UsageError("a console does not wait as a coroutine; use a thread, or wait_all")
    if kw:
        raise TypeError(f"Unknown keyword arguments: {kw}")
