# SPDX-License-Identifier: Apache-2.0
"""Serial ports that pyserial reaches by a URL: `rfc2217://host:port`, `socket://host:port`.

`socket://` and others with a descriptor are read through it like a device. RFC 2217 has none in
pyserial, which reads it in a thread of its own, one byte at a time: good for line rates up to some
ten kB/s. Where the server can do it, a raw TCP or telnet console is ten thousand times faster.
"""

from __future__ import annotations

import io
from typing import Any

from hil.uart.sources import READ_SIZE, FdSource, Source


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
        return bytes(self._port.read(min(READ_SIZE, self._port.in_waiting or 1))) or None

    def write(self, data: bytes) -> int:
        """Write it."""
        self._port.write(data)
        return len(data)

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class UrlFdSource(FdSource):
    """A port of pyserial with a descriptor."""

    def __init__(self, port: Any) -> None:
        super().__init__(port.fileno(), str(port.port))
        self._port = port

    def close(self) -> None:
        """Close the port."""
        self._fd = -1
        self._port.close()


def url_source(port: Any) -> Source:
    """Return the source of an open port, by its descriptor where it has one."""
    try:
        port.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return UrlSource(port)
    return UrlFdSource(port)
