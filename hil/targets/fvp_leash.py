# SPDX-License-Identifier: Apache-2.0
"""Keeps a model from outliving the harness; run by path, as a program of its own.

`exec PARENT COMMAND...` becomes the command, which the kernel kills when the thread that started
it ends. That reaches one process; a model started by a wrapper script has more. So `watch GROUP
MARK` kills the whole group, and whoever has left it but still has the mark in its environment; it
is run when the standard input which the harness held open has ended without the word `end`.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _exec(parent: int, command: list[str]) -> None:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the harness ended before the model started")
    # A harness in the background of a shell ignores SIGINT, Python ignores SIGPIPE; a program would
    # inherit both, and could not be stopped cleanly.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvp(command[0], command)  # noqa: S606 - argument list, no shell
    except OSError as error:
        print(f"cannot execute {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(126)


def sweep(mark: str) -> int:
    """Kill every process that has `mark` (NAME=VALUE) in its environment; returns how many."""
    from pathlib import Path

    wanted, killed = b"\0" + mark.encode() + b"\0", 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if wanted in b"\0" + (process / "environ").read_bytes() + b"\0":
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except OSError:  # gone, or another user's
            continue
    return killed


def _watch(group: int, mark: str) -> None:
    import contextlib

    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    sweep(mark)


if __name__ == "__main__":
    if sys.argv[1] == "exec":
        _exec(int(sys.argv[2]), sys.argv[3:])
    else:
        _watch(int(sys.argv[2]), sys.argv[3])
