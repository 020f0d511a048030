# SPDX-License-Identifier: Apache-2.0
"""Clears up when a harness was killed: `python -m hil.bench.janitor MARK STATE LOGS`.

A shell waits beside the harness for its word or its end; only at an end without a word it becomes
this program. It ends what services have left running (processes with the mark in their environment),
keeps their logs, and removes what devices wrote: an OTP image holds keys.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from hil.errors import DeviceError
from hil.targets import fvp_leash

_MARK = "RSE_HIL_BENCH"
#: A Python that only waits would slow the start of every bench.
_WATCH = ("/bin/sh", "-c", 'read -r told; [ "$told" = end ] || exec "$@"', "watch")
_DISMISS_LIMIT = 5.0
#: Seconds in which devices, which end with the harness, write no more; between two looks.
_TIDY_LIMIT, _LOOK = 10.0, 0.25


def new_mark() -> str:
    """Return a variable for the environment of all services of one bench: `NAME=VALUE`."""
    return f"{_MARK}={secrets.token_hex(16)}"


def put_away(state: Path, logs: Path) -> None:
    """Keep what programs logged; remove what devices wrote."""
    for log in sorted(state.rglob("*.log")):
        logs.mkdir(exist_ok=True)
        log.replace(logs / "-".join(log.relative_to(state).parts))
    shutil.rmtree(state, ignore_errors=True)


class Janitor:
    """Waits beside a bench for the end of the harness.

    Args:
        mark: Of `new_mark`.
        state: Folder that devices write into.
        logs: Folder that receives their logs.

    Raises:
        DeviceError: it cannot be started.
    """

    def __init__(self, mark: str, state: Path, logs: Path) -> None:
        program = [sys.executable, "-P", "-m", "hil.bench.janitor", mark, str(state), str(logs)]
        try:
            self._process = subprocess.Popen(
                [*_WATCH, *program],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise DeviceError(
                f"{_WATCH[0]}: {error.strerror}", operation="open the bench"
            ) from None

    def dismiss(self) -> None:
        """Say that all was cleared up in good order; may be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(
                subprocess.TimeoutExpired, OSError
            ):  # closes it, also if ended
                self._process.communicate(b"end\n", timeout=_DISMISS_LIMIT)


def main() -> int:
    """Clear up."""
    mark, state, logs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    fvp_leash.sweep(mark)
    until, gone = time.monotonic() + _TIDY_LIMIT, 0
    # Twice: a device that ends a moment later may still write.
    while gone < 2 and time.monotonic() < until:
        gone = 0 if state.exists() else gone + 1
        with contextlib.suppress(OSError):
            put_away(state, logs)
        for half in state.parent.glob(".run.json.*"):
            half.unlink(missing_ok=True)
        time.sleep(_LOOK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
