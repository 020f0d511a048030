# SPDX-License-Identifier: Apache-2.0
"""One QEMU process: its output kept, its end certain, whoever ends first."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.fvp_terminal_line import Recorder
from hil.targets.process import Child

_KEPT_LINES = 40
#: Warnings of machines that lack what no test needs.
_IDLE_TALK = ("warning: nic ",)
_JOIN_SECONDS = 5
#: Kills a process group when its input ends without the word that all is well: the harness is gone.
_WATCH = 'read -r told; [ "$told" = end ] || kill -9 "-$1"'


class QemuProcess:
    """QEMU in a process group of its own, which dies with the harness.

    The kernel ends it when the thread that started it ends; so one thread does nothing but start
    it and wait for `end`. A watcher ends the rest of its group, should it be a script.

    Args:
        command: Program and arguments.
        name: What messages call it.
        folder: Its working directory; exists.
        log: File that receives what it prints, appended, as far as there is room.

    Raises:
        DeviceError: it cannot be started.
    """

    def __init__(self, command: list[str], *, name: str, folder: Path, log: Path) -> None:
        self._command = command
        self._name = name
        self._folder = folder
        # Apart, since what is said last counts: no amount of output may push out an error.
        self._output: deque[str] = deque(maxlen=_KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._child: Child | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._failure: DeviceError | None = None
        self._started = threading.Event()
        self._over = threading.Event()
        self._ending = threading.Lock()
        self._finished = False
        self._log = Recorder(log, append=True)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log.take(f"# {stamp} {shlex.join(command)}\n".encode())
        self._keeper = threading.Thread(target=self._keep, name=f"{name} keeper", daemon=True)
        self._keeper.start()
        self._started.wait()
        if self._failure is not None:
            self._log.close()
            raise self._failure

    @property
    def pid(self) -> int:
        """Number of the process and of its group."""
        assert self._child is not None
        return self._child.pid

    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs.

        Once there is one, `said` is complete.
        """
        status = self._child.returncode() if self._child else None
        if status is not None:
            self._finish(0)
        return status

    def said(self) -> str:
        """Return its last lines, errors at the end; complete once it has ended."""
        return "\n".join([*self._output, *self._errors])

    def wait(self, seconds: float) -> int | None:
        """Wait for its end by itself; return the exit status, None when it still runs."""
        return self._child.wait(seconds) if self._child else None

    def end(self, seconds: float) -> None:
        """End it and its group; may be called twice.

        Args:
            seconds: From SIGTERM to SIGKILL.

        Raises:
            DeviceError: it survived even SIGKILL.
        """
        if self._child is None or self._over.is_set():
            return
        try:
            self._finish(seconds)
        finally:
            self._over.set()
            self._keeper.join(_JOIN_SECONDS)
            if self._watcher is not None:
                self._watcher.communicate(b"end\n", timeout=_JOIN_SECONDS)
            self._log.close()

    def _finish(self, seconds: float) -> None:
        """End the process and its group and read its output to the end, once."""
        with self._ending:
            if self._child is not None and not self._finished:
                self._child.stop(seconds)
                self._finished = True

    def _keep(self) -> None:
        try:
            self._child = Child(
                self._command,
                name=self._name,
                cwd=self._folder,
                line=lambda line: self._take(line, self._output),
                errors=lambda line: self._take(line, self._errors),
            )
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "watch", str(self._child.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (DeviceError, OSError) as error:
            if self._child is not None:
                self._child.kill()
            self._failure = DeviceError(str(error), operation="start QEMU")
            return
        finally:
            self._started.set()
        self._over.wait()

    def _take(self, line: str, kept: deque[str]) -> None:
        self._log.take(f"{line}\n".encode())
        if not any(idle in line for idle in _IDLE_TALK):
            kept.append(line)
