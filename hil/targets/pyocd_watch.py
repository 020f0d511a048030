# SPDX-License-Identifier: Apache-2.0
"""Notices that a probe server has closed the connection.

pyOCD's client does not: at the end of the stream it reads for ever. Linux knows the state of every
socket of this process (/proc/self/net/tcp, state CLOSE_WAIT); elsewhere only the time limit helps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.25
_CLOSE_WAIT = "08"
_STATE, _INODE = 3, 9


def closed_by_peer() -> bool:
    """Whether the far end of one of this process's TCP connections has closed it."""
    try:
        links = [path.readlink() for path in Path("/proc/self/fd").iterdir()]
        tables = [Path(f"/proc/self/net/{name}").read_text() for name in ("tcp", "tcp6")]
    except OSError:
        return False  # another system, or a file was closed meanwhile
    own = {str(link)[8:-1] for link in links if str(link).startswith("socket:[")}
    rows = (line.split() for table in tables for line in table.splitlines()[1:])
    return any(row[_STATE] == _CLOSE_WAIT and row[_INODE] in own for row in rows)


def watch(on_closed: Callable[[], None]) -> threading.Thread:
    """Call `on_closed` once a connection has been closed by its peer for two looks in a row."""

    def look() -> None:
        before = False
        while True:
            now = closed_by_peer()
            if now and before:
                on_closed()
                return
            before = now
            pause.wait(INTERVAL)

    pause = threading.Event()
    thread = threading.Thread(target=look, name="probe-watch", daemon=True)
    thread.start()
    return thread
