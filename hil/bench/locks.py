# SPDX-License-Identifier: Apache-2.0
"""One run at a time on one piece of hardware.

A lock is a kernel lock on a file named after the resource (a probe's unique id, a serial device), so
it is gone with its holder, however that ends. Virtual benches start their own devices for every run
and so never meet.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from hil.errors import DeviceError


def lock_folder() -> Path:
    """Return the folder of lock files: one for all users and kinds of sessions of this machine."""
    given = os.environ.get("HIL_LOCKS")
    places = [Path(given)] if given else [Path("/run/lock"), Path(tempfile.gettempdir())]
    for folder in places:
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise DeviceError(
        f"no folder for locks: {', '.join(map(str, places))} cannot be written",
        operation="lock",
        hint="name one for all users of this machine in HIL_LOCKS",
    )


def _open(path: Path) -> int:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError:
        # Another user's file: it can be locked, though not written.
        return os.open(path, os.O_RDONLY | flags)


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
            path = lock_folder() / f"rse-hil-{name}.lock"
            try:
                fd = _open(path)
            except OSError as error:
                self.close()
                raise DeviceError(f"{path}: {error.strerror}", operation="lock") from None
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
            with contextlib.suppress(OSError):  # who holds it is a courtesy
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
