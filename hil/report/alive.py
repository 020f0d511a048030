# SPDX-License-Identifier: Apache-2.0
"""Whether the process that writes a record is still there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Places in `/proc/<pid>/stat` behind the name, which may hold blanks: fields 3 and 22 of proc(5).
_STATE, _STARTED = 0, 19
#: Of a process that has ended and that nobody has waited for.
_ENDED = (b"Z", b"X")


def alive(values: Mapping[str, Any]) -> bool:
    """Whether the process that writes a record goes on, as far as this host can tell.

    Args:
        values: The whole of `run.json`.
    """
    pid, started = values.get("pid"), values.get("pid_started")
    if not isinstance(pid, int) or pid <= 0 or values.get("host") != os.uname().nodename:
        return False
    try:
        with contextlib.suppress(PermissionError):  # another user's is there, too
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    fields = _stat(pid)
    if fields is None:
        return True
    if fields[_STATE] in _ENDED:
        return False
    # After a reboot, and in the next container, another process may have the number.
    return started is None or started == int(fields[_STARTED])


def process_started(pid: int) -> int | None:
    """Return when a process began, in ticks since this host did; None if nobody tells."""
    fields = _stat(pid)
    return None if fields is None else int(fields[_STARTED])


def _stat(pid: int) -> list[bytes] | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > _STARTED and fields[_STARTED].isdigit() else None
