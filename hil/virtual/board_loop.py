# SPDX-License-Identifier: Apache-2.0
"""The event loop of a virtual board: everything happens in one thread, nothing ever blocks."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Protocol

_CHUNK = 1 << 20


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


class Loop:
    """Calls back when a file is ready, and `tick` after every round.

    Args:
        tick: Does what time demands; returns the seconds until it wants to be called again, None
            when only an event can make it do something.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._running = True
        self.tick: Callable[[], float | None] = lambda: None

    def watch(self, file: _HasFileno | int, events: int, callback: Callable[[int], None]) -> None:
        """Call `callback` with the ready events of a file; 0 events ends the watch."""
        known = file in self._selector.get_map()
        if events and known:
            self._selector.modify(file, events, callback)
        elif events:
            self._selector.register(file, events, callback)
        elif known:
            self._selector.unregister(file)

    def stop(self) -> None:
        """End `run` after the present round."""
        self._running = False

    def run(self) -> None:
        """Serve until `stop`."""
        while self._running:
            timeout = self.tick()
            for key, events in self._selector.select(timeout):
                if self._selector.get_map().get(key.fd) is key:
                    key.data(events)

    def close(self) -> None:
        """Free the selector."""
        self._selector.close()


class Connection:
    """A non-blocking stream socket with a buffer either way.

    Args:
        loop: The event loop.
        sock: The socket, connected or connecting.
    """

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self._loop = loop
        self._socket = sock
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unsent = bytearray()
        self._on_data: Callable[[], None] = lambda: None
        self._on_end: Callable[[], None] = lambda: None
        self.received = bytearray()
        self.closed = False

    def start(self, *, on_data: Callable[[], None], on_end: Callable[[], None]) -> None:
        """Begin to receive: `on_data` when `received` has grown, `on_end` once at the end."""
        self._on_data, self._on_end = on_data, on_end
        self._watch()

    def send(self, data: bytes) -> None:
        """Send, now or as soon as there is room."""
        self._unsent += data
        self._flush()

    def pump(self) -> None:
        """Take in what has arrived, without waiting for the loop."""
        self._receive()

    def close(self) -> None:
        """Close; calls `on_end`, once."""
        if not self.closed:
            self.closed = True
            self._loop.watch(self._socket, 0, self._ready)
            self._socket.close()
            self._on_end()

    def _watch(self) -> None:
        if not self.closed:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
            self._loop.watch(self._socket, wanted, self._ready)

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ:
            self._receive()

    def _flush(self) -> None:
        if self.closed:
            return
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        self._watch()

    def _receive(self) -> None:
        grown = False
        while not self.closed:
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            self.received += data
            grown = True
        if grown:
            self._on_data()


def listen(loop: Loop, port: int, on_connection: Callable[[Connection], None]) -> socket.socket:
    """Accept connections on 127.0.0.1; port 0 takes a free one.

    Raises:
        OSError: The port is in use.
    """
    server = socket.create_server(("127.0.0.1", port))
    server.setblocking(False)

    def accept(_events: int) -> None:
        try:
            sock, _ = server.accept()
        except (BlockingIOError, ConnectionError):
            return
        on_connection(Connection(loop, sock))

    loop.watch(server, selectors.EVENT_READ, accept)
    return server
