# SPDX-License-Identifier: Apache-2.0
"""One run at a time on one piece of hardware.

A lock is a kernel lock on a file named after the resource (a probe's unique id, a serial device), so
it is gone with its holder, however that ends. Virtual benches start their own devices for every run
and so never meet.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from hil.errors import DeviceError


def lock_folder() -> Path:
    """Return the folder of this user's lock files, made if need be."""
    base = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_STATE_HOME")
    folder = Path(base) if base else Path.home() / ".local" / "state"
    folder = folder / "rse-hil" / "locks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class BenchLock:
    """Holds all resources of a bench, or none."""

    def __init__(self, resources: Iterable[str], holder: str) -> None:
        # One order for everybody, so that two benches that share hardware cannot deadlock.
        self._resources = sorted(set(resources))
        self._holder = holder
        self._held: list[int] = []

    def __enter__(self) -> Self:
        """Take every lock at once.

        Raises:
            DeviceError: another run holds one; says which and who.
        """
        for resource in self._resources:
            name = hashlib.sha256(resource.encode()).hexdigest()[:24]
            path = lock_folder() / f"{name}.lock"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(fd, 500).decode(errors="replace").strip() or "another run"
                os.close(fd)
                self.close()
                raise DeviceError(
                    f"{resource} is in use by {holder}",
                    operation="lock",
                    hint="wait for that run or end it",
                ) from None
            self._held.append(fd)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{self._holder} (pid {os.getpid()})\n".encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of everything."""
        self.close()

    def close(self) -> None:
        """Let go of everything; may be called twice."""
        while self._held:
            os.close(self._held.pop())
