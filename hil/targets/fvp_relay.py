# SPDX-License-Identifier: Apache-2.0
"""The console of an RSE of a model: every byte from the first on, and a way to type.

The bytes come from the file that the UART writes beside its terminal, so that none is missing that
was said before somebody was attached, or while the terminal had dropped its client; the terminal
says when to look, and takes the input. A model that writes no such file is heard through the
terminal alone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path

from hil.targets.fvp_terminal_line import Line

_CHUNK = 1 << 18
#: What a terminal says while the file may still come; more than a model says in that time.
_MOST_KEPT = 1 << 20
#: Seconds after the terminal has spoken in which the file must, too.
_FILE_SECONDS = 1.0
#: What of a terminal without a file is kept for a client that does not read.
_MOST_PENDING = 64 << 20


class Relay:
    """Hands the output of one RSE on to one client.

    Args:
        rse: Its id.
        selector: Calls back with the mask of what is ready.
        file: What its UART writes, None if that cannot be had.
        note: Takes one sentence about what happened.
    """

    def __init__(
        self,
        rse: int,
        selector: selectors.BaseSelector,
        file: Path | None,
        note: Callable[[str], None],
    ) -> None:
        self.line: Line | None = None
        self._rse = rse
        self._selector = selector
        self._path = file
        self._note = note
        self._fd = -1
        self._at = 0
        self._held = True
        self._kept = bytearray()
        self._spoke: float | None = None
        self._out = bytearray()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._writes = False
        self._overrun = False

    @property
    def looks(self) -> bool:
        """Whether it wants to look at its file now and then."""
        return self._path is not None and not self._held

    @property
    def pending(self) -> bool:
        """Whether the client has not taken everything yet."""
        return self._client is not None and bool(self._out)

    def serve(self, listener: socket.socket) -> None:
        """Take clients there, one at a time."""
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def release(self) -> None:
        """Begin to speak."""
        self._held = False
        self._flush()
        self.look()

    def take(self, data: bytes) -> None:
        """Take what the terminal says."""
        if self._path is None:
            room = max(0, _MOST_PENDING - len(self._out))
            if len(data) > room and not self._overrun:
                self._overrun = True
                self._note(f"RSE {self._rse}: nobody reads its console; some of its output is lost")
            self._out += data[:room]
            self._flush()
            return
        self._spoke = self._spoke or time.monotonic()
        if self._at == 0:
            self._kept += data[: max(0, _MOST_KEPT - len(self._kept))]
        self.look()

    def look(self) -> int:
        """Hand on what the file has got; returns how many bytes."""
        if self._held or self._path is None or self._out or self._client is None:
            return 0
        data = self._read(self._path)
        if data:
            self._at += len(data)
            self._kept.clear()
            self._out += data
            self._flush()
        elif self._at == 0 and self._spoke and time.monotonic() - self._spoke > _FILE_SECONDS:
            self._note(
                f"RSE {self._rse}: its UART does not write {self._path.name}; the terminal is heard "
                "alone, and what it said before it was attached is not known"
            )
            self._path = None
            self._out += self._kept
            self._kept.clear()
            self._flush()
        return len(data)

    def close(self) -> None:
        """End the client's stream and give back everything; a file that was handed on goes."""
        complete = self._path is not None and self._client is not None and not self._out
        for part in (self._client, self._listener):
            if part is not None:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(part)
                part.close()
        self._client = self._listener = None
        if self._fd >= 0:
            complete = complete and os.fstat(self._fd).st_size == self._at
            os.close(self._fd)
            self._fd = -1
        if complete and self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self, path: Path) -> bytes:
        if self._fd < 0:
            try:
                # Opened when it has something: the model may make it anew at its start.
                if not path.stat().st_size:
                    return b""
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return b""
        return os.pread(self._fd, _CHUNK, self._at)

    def _accept(self, _mask: int) -> None:
        assert self._listener is not None
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._selector.register(client, selectors.EVENT_READ, self._ready)
        self._flush()

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and self._client is not None:
            try:
                data = self._client.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._leave()
            elif self.line is not None:
                self.line.send(data)

    def _flush(self) -> None:
        if self._client is None or self._held:
            return
        try:
            while self._out:
                del self._out[: self._client.send(self._out[:_CHUNK], socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:
            self._leave()
            return
        if self._writes is not bool(self._out):
            self._writes = bool(self._out)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._writes else 0)
            self._selector.modify(self._client, events, self._ready)

    def _leave(self) -> None:
        if self._client is not None:
            self._selector.unregister(self._client)
            self._client.close()
            self._client, self._writes = None, False
