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
        own = _own_sockets()
        established = _established() & own
        self._known = (self._known | established) & own
        before, self._suspect = self._suspect, self._known - established
        return bool(before & self._suspect)


def _own_sockets() -> set[str]:
    """Return the inodes of all sockets that are open here; none on another system."""
    folder, found = Path("/proc/self/fd"), set()
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        try:
            link = str(path.readlink())
        except OSError:
            continue  # closed meanwhile, as the folder itself
        if link.startswith("socket:["):
            found.add(link.removeprefix("socket:[").removesuffix("]"))
    return found


def _established() -> set[str]:
    """Return the inodes of all established TCP connections."""
    found = set()
    for name in ("tcp", "tcp6"):
        path = Path("/proc/self/net") / name
        if path.exists():
            rows = (line.split() for line in path.read_text().splitlines()[1:])
            found |= {row[_INODE] for row in rows if row[_STATE] == _ESTABLISHED}
    return found


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
