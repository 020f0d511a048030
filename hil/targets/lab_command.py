# SPDX-License-Identifier: Apache-2.0
"""Commands of the lab (power, mounts): run to their end, also when the run is being ended.

Half of a power cycle would leave a board off, and half of a mount its drive nowhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence

from hil.errors import DeviceError

#: A thread that has not begun by then was not started.
_BEGIN_SECONDS = 1.0


def run_command(operation: str, command: Sequence[str], *, limit: float) -> None:
    """Run a command of the lab, in a process group of its own: Ctrl-C does not reach it.

    Args:
        operation: What it is for; for messages.
        command: Program and arguments.
        limit: Seconds after which it is killed, also if the run was interrupted meanwhile.

    Raises:
        DeviceError: It cannot be started, takes too long or ends with another status than 0.
    """
    problems: list[str | None] = []
    begun, done = threading.Event(), threading.Event()

    def run() -> None:
        begun.set()
        try:
            problems.append(_problem_of(command, limit))
        finally:
            done.set()

    # Handlers of signals raise in the main thread, wherever it is: nothing is cut short in this one.
    # An interrupted join() takes the thread for ended, hence the events.
    try:
        threading.Thread(target=run, name="lab command", daemon=True).start()
        done.wait()
    except BaseException:
        if begun.wait(_BEGIN_SECONDS):
            done.wait()  # a second interruption ends the wait, not the command
        raise
    if problems != [None]:
        raise DeviceError("; ".join(filter(None, problems)), operation=operation)


def _problem_of(command: Sequence[str], limit: float) -> str | None:
    """Run a command; return what was wrong, None if nothing was."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0,
        )
    except (OSError, ValueError) as error:
        return f"{command[0]}: {error}"
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        return f"{command[0]}: {error}"
    if process.returncode == 0:
        return None
    said = (err or out).strip().splitlines()[-1:] or ["it said nothing"]
    return f"{command[0]} ended with status {process.returncode}: {said[0]}"


def _kill(process: subprocess.Popen[str]) -> None:
    """End a command and what it has started; nothing of it may be waited for."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()
