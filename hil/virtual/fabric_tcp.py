# SPDX-License-Identifier: Apache-2.0
"""The MHU links between virtual boards: one process each, TCP on 127.0.0.1.

Every board publishes its port and a token in `chip<N>.port` of the fabric's folder. A sender
connects, says who it is, waits for one byte of welcome and sends frames (`u32 length || bytes`).
Frames for a peer that is not up wait with the sender.
"""

from __future__ import annotations

import os
import secrets
import selectors
import socket
import struct
from collections import deque
from pathlib import Path

from hil.virtual.board_loop import Connection, Loop

_MAGIC = b"RSEFABR1"
_TOKEN_BYTES = 8
_HELLO = struct.Struct(f"<8s{_TOKEN_BYTES}sI")
_LENGTH = struct.Struct("<I")
_WELCOME = b"\x06"

#: Seconds between two attempts to reach a peer that is not up.
RETRY = 0.05
#: Frames that wait for one peer at most; more would be a firmware that never looks.
_WAITING_LIMIT = 4096
_FRAME_LIMIT = 1 << 16


def port_file(folder: Path, chip: int) -> Path:
    """Return where a chip publishes its port."""
    return folder / f"chip{chip}.port"


def _read_port_file(path: Path) -> tuple[int, bytes] | None:
    """Return the port and token of a peer, None while there is none."""
    try:
        port, token = path.read_text(encoding="ascii").split()
        return int(port), bytes.fromhex(token)
    except (OSError, ValueError):
        return None


class _Outbox:
    """Frames on their way to one peer; what has gone to a peer that then dies, dies with it."""

    def __init__(self, loop: Loop, folder: Path, chip: int, peer: int) -> None:
        self._loop = loop
        self._folder = folder
        self._chip = chip
        self._peer = peer
        self._connection: Connection | None = None
        self._welcome = False
        self.waiting: deque[bytes] = deque(maxlen=_WAITING_LIMIT)

    def send(self, frame: bytes) -> None:
        self.waiting.append(frame)
        self._deliver()
        self.attempt()

    def attempt(self) -> None:
        """Connect, if there is something to send and the peer has published its port."""
        if self._connection is not None or not self.waiting:
            return
        place = _read_port_file(port_file(self._folder, self._peer))
        if place is None:
            return
        port, token = place
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", port))
        self._connection = Connection(self._loop, sock)
        self._connection.start(on_data=self._welcomed, on_end=self._ended)
        self._connection.send(_HELLO.pack(_MAGIC, token, self._chip))

    def clear(self) -> None:
        self.waiting.clear()
        if self._connection is not None:
            self._connection.close()

    def _welcomed(self) -> None:
        self._welcome = True
        self._deliver()

    def _deliver(self) -> None:
        while self._welcome and self._connection is not None and self.waiting:
            frame = self.waiting.popleft()
            self._connection.send(_LENGTH.pack(len(frame)) + frame)

    def _ended(self) -> None:
        self._connection = None
        self._welcome = False


class FabricTcp:
    """The fabric as one board has it.

    Args:
        loop: The event loop.
        folder: Where the boards of one system find each other.
        chip: The physical number of this board.
        chips: How many there are.
    """

    def __init__(self, loop: Loop, folder: Path, chip: int, chips: int) -> None:
        self._loop = loop
        self._chip = chip
        self._path = port_file(folder, chip)
        self._token = secrets.token_bytes(_TOKEN_BYTES)
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._senders: list[Connection] = []
        self._outboxes = {
            peer: _Outbox(loop, folder, chip, peer) for peer in range(chips) if peer != chip
        }
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._server.setblocking(False)
        loop.watch(self._server, selectors.EVENT_READ, lambda _events: self._accept())
        self._publish()

    def send(self, to: int, frame: bytes) -> None:
        """Leave a frame in the inbox of chip `to`, now or when it comes up."""
        if to == self._chip:
            self._inbox.append((to, frame))
        elif to in self._outboxes:
            self._outboxes[to].send(frame)

    def receive(self, sender: int | None = None) -> tuple[int, bytes] | None:
        """Take the oldest waiting frame (from `sender`), None if there is none."""
        for index, (chip, frame) in enumerate(self._inbox):
            if sender in (None, chip):
                del self._inbox[index]
                return chip, frame
        return None

    def clear(self) -> None:
        """Forget every frame, also those that have arrived but were not taken in yet."""
        self._accept()
        for connection in list(self._senders):
            connection.pump()
        self._inbox.clear()
        for outbox in self._outboxes.values():
            outbox.clear()

    def retry(self) -> float | None:
        """Try to reach the peers that frames wait for; return when to call again."""
        for outbox in self._outboxes.values():
            outbox.attempt()
        waiting = any(outbox.waiting for outbox in self._outboxes.values())
        return RETRY if waiting else None

    def close(self) -> None:
        """Withdraw the port and close every link."""
        published = _read_port_file(self._path)
        if published is not None and published[1] == self._token:
            self._path.unlink(missing_ok=True)
        self._loop.watch(self._server, 0, lambda _events: None)
        self._server.close()
        for connection in list(self._senders):
            connection.close()
        for outbox in self._outboxes.values():
            outbox.clear()

    def _publish(self) -> None:
        port = self._server.getsockname()[1]
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        temporary.write_text(f"{port} {self._token.hex()}\n", encoding="ascii")
        temporary.replace(self._path)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except (BlockingIOError, ConnectionError):
                return
            connection = Connection(self._loop, sock)
            self._senders.append(connection)
            _Sender(connection, self._token, self._inbox, self._senders)


class _Sender:
    """The receiving side of one link."""

    def __init__(
        self,
        connection: Connection,
        token: bytes,
        inbox: deque[tuple[int, bytes]],
        senders: list[Connection],
    ) -> None:
        self._connection = connection
        self._token = token
        self._inbox = inbox
        self._chip: int | None = None
        connection.start(on_data=self._take, on_end=lambda: senders.remove(connection))

    def _take(self) -> None:
        received = self._connection.received
        if self._chip is None:
            if len(received) < _HELLO.size:
                return
            magic, token, chip = _HELLO.unpack(received[: _HELLO.size])
            if magic != _MAGIC or token != self._token:
                self._connection.close()
                return
            self._chip = chip
            del received[: _HELLO.size]
            self._connection.send(_WELCOME)
        while len(received) >= _LENGTH.size:
            (size,) = _LENGTH.unpack(received[: _LENGTH.size])
            if size > _FRAME_LIMIT:
                self._connection.close()
                return
            end = _LENGTH.size + size
            if len(received) < end:
                return
            self._inbox.append((self._chip, bytes(received[_LENGTH.size : end])))
            del received[:end]
