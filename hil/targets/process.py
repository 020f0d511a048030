# SPDX-License-Identifier: Apache-2.0
"""Processes that the harness starts: each in a group of its own, none outlives the harness."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from hil.errors import DeviceError
from hil.targets import fvp_leash

#: Seconds from SIGTERM to SIGKILL, and from there to giving up.
TERMINATE_LIMIT = 3.0
KILL_LIMIT = 3.0

_LOOK_MS = 100
_PIECE = 1 << 16
#: Output without a line end is cut into lines of this size.
_LONGEST_LINE = 1 << 16

Line = Callable[[str], None]


def find_program(name: str) -> Path | None:
    """Return the program of that name, None where there is none.

    A name without a folder is looked for beside the running Python first: a virtual environment's
    programs belong together, also when it is not activated.
    """
    if "/" in name:
        return Path(name) if _runs(Path(name)) else None
    beside = Path(sys.executable).parent / name
    if _runs(beside):
        return beside
    found = shutil.which(name)
    return Path(found) if found else None


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)  # a folder may be "executed", too


class Child:
    """One process with its output read line by line.

    Its standard input is a pipe that stays open as long as the harness lives.

    Args:
        command: Program and arguments.
        name: What messages call it.
        env: Its environment; the harness's own by default.
        cwd: Its working directory.
        line: Called in a thread of its own with each line of output, without the line end.
        errors: The same for standard error; by default that is part of the output.
        leash: Whether the kernel ends it when the thread that started it ends.

    Raises:
        DeviceError: It cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        line: Line | None = None,
        errors: Line | None = None,
        leash: bool = True,
    ) -> None:
        self.name = name
        python = [sys.executable, "-I", "-S", str(fvp_leash.__file__)]
        leashed = [*python, "exec", str(os.getpid())] if leash else []
        try:
            self._process = subprocess.Popen(
                [*leashed, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if errors else subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise DeviceError(
                f"{command[0]}: {error.strerror}", operation=f"start {name}"
            ) from error
        self._over = threading.Event()
        self._drain_until: float | None = None
        self._readers = [self._read(self._process.stdout, line, "out")]
        if errors:
            self._readers.append(self._read(self._process.stderr, errors, "err"))

    @property
    def pid(self) -> int:
        """Number of the process and of its group."""
        return self._process.pid

    def returncode(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._process.poll()

    def write(self, text: str) -> None:
        """Write to its standard input.

        Raises:
            DeviceError: It has ended.
        """
        stream = self._process.stdin
        try:
            if stream is None:
                raise BrokenPipeError
            stream.write(text.encode())
            stream.flush()
        except (OSError, ValueError) as error:
            raise DeviceError(f"{self.name} has ended", operation="write") from error

    def kill(self) -> None:
        """End it and everything in its group at once."""
        self._signal(signal.SIGKILL)
        self._finish(KILL_LIMIT)

    def stop(self, limit: float = TERMINATE_LIMIT) -> None:
        """End it and everything in its group, politely first; may be called twice."""
        if self.returncode() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(limit)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        # Whatever it left behind in its group.
        self._signal(signal.SIGKILL)
        self._finish(KILL_LIMIT)

    def wait(self, limit: float) -> int | None:
        """Wait for its end; return the exit status, None when it still runs after `limit`."""
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def drain(self, limit: float) -> None:
        """Wait until all that it said was handed over, once it has ended.

        Args:
            limit: Seconds, in all calls; something that it started may hold its output open.
        """
        if self._drain_until is None:
            self._drain_until = time.monotonic() + limit
        for reader in self._readers:
            reader.join(max(0.0, self._drain_until - time.monotonic()))

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _finish(self, limit: float) -> None:
        if self.wait(limit) is None:
            raise DeviceError(f"{self.name} (pid {self.pid}) does not end", operation="stop")
        self._over.set()
        for reader in self._readers:
            reader.join(limit)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                _close(stream)

    def _read(self, stream: IO[bytes] | None, line: Line | None, which: str) -> threading.Thread:
        def read() -> None:
            rest = b""
            while data := self._piece(stream):
                *whole, rest = (rest + data).split(b"\n")
                whole, rest = ([*whole, rest], b"") if len(rest) > _LONGEST_LINE else (whole, rest)
                for raw in whole:
                    tell(raw)
            if rest:
                tell(rest)

        def tell(raw: bytes) -> None:
            if line is not None:
                line(raw.decode(errors="replace").rstrip("\r"))

        thread = threading.Thread(target=read, name=f"{self.name}-{which}", daemon=True)
        thread.start()
        return thread

    def _piece(self, stream: IO[bytes] | None) -> bytes:
        """Return more output; empty when there will be none.

        Whoever left the group may hold the pipe open for ever; then the end of the process counts.
        """
        if stream is None:
            return b""
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        while not poll.poll(_LOOK_MS):
            if self._over.is_set():
                return b""
        return os.read(stream.fileno(), _PIECE)


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return
