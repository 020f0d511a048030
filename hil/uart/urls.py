# SPDX-License-Identifier: Apache-2.0
"""Serial ports that pyserial reaches by a URL: `rfc2217://host:port`, `socket://host:port`.

`socket://` and others with a descriptor are read through it like a device. RFC 2217 has none in
pyserial, which reads it in a thread of its own, one byte at a time: good for about 100 kB/s. Where the
server can do it, a raw TCP or telnet console is a thousand times faster.
"""

from __future__ import annotations

import io
import queue
import select
import threading
from typing import Any

from hil.uart.sources import FdSource, Source

#: Bytes read at once. Each takes pyserial some µs, in which no other UART is read.
_READ_SIZE = 2048
#: Bytes written at once: with each 0xFF doubled, less than the room that a socket has which takes any.
_WRITE_SIZE = 4096


class UrlSource(Source):
    """A port of pyserial without a descriptor; it is looked at now and then."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.name = str(port.port)

    def fileno(self) -> int | None:
        """Return None."""
        return None

    def read(self) -> bytes | None:
        """Return what came; SerialException, an OSError, if the server has gone."""
        wanted = min(_READ_SIZE, self._port.in_waiting or 1)
        data = bytearray()
        # RFC 2217 in pyserial gives one byte a call to those who do not wait.
        try:
            while len(data) < wanted and (more := self._port.read(wanted - len(data))):
                data += more
        except OSError:
            data += self._left()
            if not data:
                raise
        return bytes(data) or None

    def _left(self) -> bytes:
        """Return what pyserial has read of a server that is gone, and keeps back then."""
        data, left = bytearray(), getattr(self._port, "_read_buffer", None)
        while isinstance(left, queue.Queue) and not left.empty():
            data += left.get_nowait() or b""
        return bytes(data)

    def write(self, data: bytes) -> int:
        """Write a piece if the server takes any: pyserial would wait for it, for seconds."""
        connection = getattr(self._port, "_socket", None)
        if connection is not None and not _takes(connection.fileno()):
            return 0
        piece = data[:_WRITE_SIZE]
        self._port.write(piece)
        return len(piece)

    def close(self) -> None:
        """Close the port; pyserial sleeps in it, and the capture's thread has no time for that."""
        threading.Thread(
            target=close_port, args=(self._port,), name="hil-close", daemon=True
        ).start()


class UrlFdSource(FdSource):
    """A port of pyserial with a descriptor."""

    def __init__(self, port: Any) -> None:
        super().__init__(port.fileno(), str(port.port))
        self._port = port

    def close(self) -> None:
        """Close the port."""
        self._fd = -1
        close_port(self._port)


def close_port(port: Any) -> None:
    """Close a port of pyserial, and its socket: pyserial leaves that open if the server reset it."""
    connection = getattr(port, "_socket", None)
    port.close()
    if connection is not None:
        connection.close()


def _takes(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))


def url_source(port: Any) -> Source:
    """Return the source of an open port, by its descriptor where it has one."""
    try:
        port.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return UrlSource(port)
    return UrlFdSource(port)
