# SPDX-License-Identifier: Apache-2.0
"""One connection to a terminal of a model: read always, made again when it is dropped."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal, Protocol

from hil.uart.telnet import IAC, TelnetStream

_READ_SIZE = 65536
#: What output that nobody asked for may fill of the disk.
_MOST_RECORDED = 64 << 20
#: Input that waits for a terminal which is away.
_MOST_INPUT = 65536
_AGAIN_SECONDS = 0.1
_REFUSED_SECONDS = 1.0
#: A terminal in telnet mode greets with five commands of three bytes.
_GREETING = 15


class Sink(Protocol):
    """Takes what a terminal says."""

    def take(self, data: bytes) -> None:
        """Take some bytes."""

    def close(self) -> None:
        """Give back what it holds."""


class Line:
    """A client of one terminal, driven by a selector.

    Args:
        what: What messages call it.
        port: Where it listens, on this host.
        selector: Calls back with the mask of what is ready.
        sink: Takes what it says.
        note: Takes one sentence about what happened.
    """

    def __init__(
        self,
        what: str,
        port: int,
        selector: selectors.BaseSelector,
        sink: Sink,
        note: Callable[[str], None],
    ) -> None:
        self.what = what
        #: Whether it was attached, and is not any more.
        self.lost = False
        self._port = port
        self._selector = selector
        self._sink = sink
        self._note = note
        self._socket: socket.socket | None = None
        self._out = bytearray()
        self._telnet: TelnetStream | None = TelnetStream()
        self._heard = 0
        self._next = 0.0
        self._since = time.monotonic()
        self._refused = False

    def connect(self) -> None:
        """Attach, if it is time to; a terminal that does not answer is tried again later."""
        if self._socket is not None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _AGAIN_SECONDS
        try:
            connection = socket.create_connection(("127.0.0.1", self._port), timeout=1)
        except OSError as error:
            self.lost = True
            if not self._refused and time.monotonic() - self._since > _REFUSED_SECONDS:
                self._refused = True
                self._note(f"{self.what} does not take a client again: {error.strerror or error}")
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.lost:
            self._note(f"{self.what} dropped its client; attached again on port {self._port}")
        self._socket, self.lost, self._refused = connection, False, False
        self._telnet, self._heard = TelnetStream(), 0
        self._watch()

    def moved(self, port: int) -> None:
        """Take another port for the next attachment."""
        self._port = port

    def send(self, data: bytes) -> None:
        """Type to it; what it cannot take now waits, within limits."""
        self._out += data[: max(0, _MOST_INPUT - len(self._out))]
        self._send()

    def read(self) -> int:
        """Read what is there; returns how much."""
        if self._socket is None:
            return 0
        try:
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            self._drop()
            return 0
        plain = self._without_greeting(data)
        if plain:
            self._sink.take(plain)
        return len(data)

    def close(self) -> None:
        """Let go of it."""
        self._detach()
        self._sink.close()

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_READ:
            self.read()
        if mask & selectors.EVENT_WRITE:
            self._send()

    def _without_greeting(self, data: bytes) -> bytes:
        """Answer what a terminal asks at its beginning; afterwards it is transparent."""
        if self._telnet is None:
            return data
        if self._heard == 0 and data[0] != IAC:
            self._telnet = None
            return data
        greeting, rest = data[: _GREETING - self._heard], data[_GREETING - self._heard :]
        self._heard += len(greeting)
        plain, answer = self._telnet.feed(greeting)
        if plain or self._heard >= _GREETING:
            self._telnet = None
        self._out[:0] = answer
        self._send()
        return plain + rest

    def _send(self) -> None:
        if self._socket is None:
            return
        try:
            while self._out:
                del self._out[: self._socket.send(self._out, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop()
            return
        self._watch()

    def _watch(self) -> None:
        if self._socket is None:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        if self._socket in self._selector.get_map():
            self._selector.modify(self._socket, events, self._ready)
        else:
            self._selector.register(self._socket, events, self._ready)

    def _drop(self) -> None:
        self._detach()
        self.lost = True
        self._next, self._since = 0.0, time.monotonic()

    def _detach(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None


class Recorder:
    """Keeps what is said in a file, made with the first byte and of limited size; never fails.

    Several threads may use it.

    Args:
        path: The file.
        append: Whether what is in it already stays.
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        self._path = path
        self._mode: Literal["ab", "wb"] = "ab" if append else "wb"
        self._file: IO[bytes] | None = None
        self._size = 0
        self._lock = threading.Lock()

    def take(self, data: bytes) -> None:
        """Write the bytes, or drop them when the file has its size."""
        with self._lock:
            data = data[: _MOST_RECORDED - self._size]
            if not data:
                return
            self._size += len(data)
            try:
                if self._file is None:
                    self._file = self._path.open(self._mode, buffering=0)
                self._file.write(data)
            except OSError:  # a full disk must not keep what speaks from being read
                self._size = _MOST_RECORDED

    def close(self) -> None:
        """Close the file; what is said later is dropped."""
        with self._lock:
            self._size = _MOST_RECORDED
            if self._file is not None:
                self._file.close()
                self._file = None
