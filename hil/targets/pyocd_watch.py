# SPDX-License-Identifier: Apache-2.0
"""Notices that a probe server has ended the connection.

pyOCD's client does not: at the end of the stream it reads for ever. Linux knows the state of every
socket of this process (/proc/self/net/tcp): a connection that was established and is so no more,
while its file is still open here, was ended by the far end. Elsewhere only the time limit helps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.25
_ESTABLISHED = "01"
_STATE, _INODE = 3, 9


class Connections:
    """The TCP connections of this process, look by look."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._suspect: set[str] = set()

    def ended_by_peer(self) -> bool:
        """Whether a connection was found ended by the far end, for two looks in a row."""
        try:
            links = [path.readlink() for path in Path("/proc/self/fd").iterdir()]
            tables = [Path(f"/proc/self/net/{name}").read_text() for name in ("tcp", "tcp6")]
        except OSError:
            return False  # another system, or a file was closed meanwhile
        own = {str(link)[8:-1] for link in links if str(link).startswith("socket:[")}
        rows = (line.split() for table in tables for line in table.splitlines()[1:])
        established = {row[_INODE] for row in rows if row[_STATE] == _ESTABLISHED} & own
        self._known = (self._known | established) & own
        before, self._suspect = self._suspect, self._known - established
        return bool(before & self._suspect)


def watch(on_ended: Callable[[], None]) -> threading.Thread:
    """Call `on_ended` once a connection has been ended by its peer."""

    def look() -> None:
        connections = Connections()
        while not connections.ended_by_peer():
            pause.wait(INTERVAL)
        on_ended()

    pause = threading.Event()
    thread = threading.Thread(target=look, name="probe-watch", daemon=True)
    thread.start()
    return thread
