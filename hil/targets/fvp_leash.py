# SPDX-License-Identifier: Apache-2.0
"""Keeps a model from outliving the harness; run by path, as a program of its own.

`exec PARENT COMMAND...` becomes the command, which the kernel kills when the thread that started
it ends. That reaches one process; a model started by a wrapper script has more. So `watch GROUP`
reads standard input, which the harness holds open: told `end` it leaves, at end of file (the
harness was killed) it kills the whole group.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _exec(parent: int, command: list[str]) -> None:
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


def _watch(group: int) -> None:
    if not sys.stdin.buffer.read():
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            sys.exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "exec":
        _exec(int(sys.argv[2]), sys.argv[3:])
    else:
        _watch(int(sys.argv[2]))
