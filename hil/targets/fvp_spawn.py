# SPDX-License-Identifier: Apache-2.0
"""How a model is started so that it cannot outlive the harness; see `fvp_leash`."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hil.targets import fvp_leash

_MARK = "RSE_HIL_MODEL"
_PYTHON = (sys.executable, "-I", "-S", fvp_leash.__file__)
#: Waits for the harness's word or its end; a Python that only waits would slow the model's start.
_WATCH = ("/bin/sh", "-c", 'read -r told; [ "$told" = end ] || exec "$@"', "watch")


def new_mark() -> str:
    """A variable for the environment of one model and all that it starts: `NAME=VALUE`."""
    return f"{_MARK}={secrets.token_hex(16)}"


def leash(command: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Command that runs another one which dies with the thread that starts it.

    The additions to the environment are the model's alone: its library path would break the
    interpreter of the leash.
    """
    added = ["env", *(f"{name}={value}" for name, value in env.items())] if env else []
    return [*_PYTHON, "exec", str(os.getpid()), *added, *command]


def spawn(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], terminal: int, mark: str
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Start a model in a session of its own, and who ends it when the harness is killed.

    Args:
        command: Program and arguments.
        cwd: Working directory.
        env: Additions to the environment.
        terminal: Descriptor for both of its output streams.
        mark: Of `new_mark`.

    Raises:
        OSError: One of them cannot be started; then neither runs.
    """
    process = subprocess.Popen(
        leash(command, env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=os.environ | dict([mark.split("=", 1)]),
    )
    try:
        watcher = subprocess.Popen(
            [*_WATCH, *_PYTHON, "watch", str(process.pid), mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        process.kill()
        process.wait()
        raise
    return process, watcher
