# SPDX-License-Identifier: Apache-2.0
"""One run at a time on one piece of hardware, whoever on this machine runs it.

A lock is a kernel lock on a file named after the resource (a probe's unique id, a serial device), so
it is gone with its holder, however that ends: there are no stale locks. What the file says of its holder
is believed only if the kernel names the same process. Virtual benches start their own devices for
every run and so never meet.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import stat
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hil.errors import DeviceError

#: More than a holder ever says of itself.
_TEXT_LIMIT = 2000
#: Number of a process that this process cannot see: one of another container.
_SOMEBODY = 0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock."""

    pid: int
    #: What the holder says it is ("the run 2026...-board"); its program where it says nothing.
    what: str
    user: str
    #: UTC, "2026-11-21 13:05:09"; None where nobody knows.
    since: str | None

    def __str__(self) -> str:
        """Return it as the end of "in use by ..."."""
        since = f" since {self.since} UTC" if self.since else ""
        return f"{self.what} (pid {self.pid} of {self.user}){since}"


def lock_folder() -> Path:
    """Return the folder of lock files: one for all users and kinds of sessions of this machine."""
    given = os.environ.get("HIL_LOCKS")
    # The same for every user and job: /run/lock is root's alone on Fedora and Arch, TMPDIR is a job's.
    places = [Path(given)] if given else [Path("/run/lock"), Path("/tmp")]  # noqa: S108
    for folder in places:
        if os.access(folder, os.W_OK | os.X_OK) and (given or folder.stat().st_mode & stat.S_IWOTH):
            return folder
    raise DeviceError(
        f"no folder for locks: {', '.join(map(str, places))} cannot be written",
        operation="lock",
        hint="name one for all users of this machine in HIL_LOCKS",
    )


def holder_of(resource: str) -> Holder | None:
    """Return who holds a resource, None while it is free; takes and leaves no lock."""
    try:
        fd = os.open(_path(resource), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None  # nobody has ever locked it
    try:
        # Asked of the kernel: a lock taken to find out would for a moment refuse another run.
        return None if _locked_by(fd) is None else _holder(fd)
    finally:
        os.close(fd)


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
            DeviceError: another run holds one; says which, who and since when.
        """
        for resource in self._resources:
            path = _path(resource)
            try:
                fd = lock_file(path)
            except OSError as error:
                self.close()
                raise DeviceError(
                    f"{path}: {error.strerror}",
                    operation="lock",
                    hint="remove that file, or name another folder for all users in HIL_LOCKS",
                ) from None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(fd)
                os.close(fd)
                self.close()
                raise DeviceError(
                    f"{resource} is in use by {holder}",
                    operation="lock",
                    hint="wait for that run or end it",
                ) from None
            self._held.append(fd)
            _sign(fd, self._holder)
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


def _path(resource: str) -> Path:
    name = hashlib.sha256(resource.encode()).hexdigest()[:24]
    return lock_folder() / f"rse-hil-{name}.lock"


def lock_file(path: Path) -> int:
    """Open a lock file, whoever made it."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with contextlib.suppress(FileNotFoundError):
            try:
                # Without O_CREAT: in a folder for all users Linux forbids that on others' files.
                return os.open(path, os.O_RDWR | flags)
            except PermissionError:
                return os.open(path, os.O_RDONLY | flags)  # enough for a lock
        with contextlib.suppress(FileExistsError):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
            os.fchmod(fd, 0o666)  # whatever the umask: the next user signs it too
            return fd


def _sign(fd: int, what: str) -> None:
    """Write who holds a lock into its file; a courtesy, so that it may fail."""
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    text = json.dumps(asdict(Holder(os.getpid(), what, _user(os.getuid()), now)))
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode() + b"\n", 0)


def _holder(fd: int) -> Holder:
    """Return who holds a lock that is held: as the kernel says, in words of the holder's own."""
    pid = _locked_by(fd)
    signed = _signature(fd)
    if signed is not None and pid in (None, _SOMEBODY, signed.pid):
        return signed
    if pid in (None, _SOMEBODY):
        return Holder(0, "another run", "an unknown user", None)
    return _process(pid or _SOMEBODY)


def _signature(fd: int) -> Holder | None:
    try:
        values = json.loads(os.pread(fd, _TEXT_LIMIT, 0))
        return Holder(
            int(values["pid"]), str(values["what"]), str(values["user"]), str(values["since"])
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _locked_by(fd: int) -> int | None:
    """Return the process that holds a lock on an open file; None where the kernel knows of none."""
    status = os.fstat(fd)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return None
    for row in rows:
        if row[1:2] == ["FLOCK"] and device in row:
            return max(int(row[4]), _SOMEBODY)
    return None


def _process(pid: int) -> Holder:
    """Return what the system knows of a process."""
    folder = Path(f"/proc/{pid}")
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        started = folder.stat()
    except OSError:
        return Holder(pid, "a process", "an unknown user", None)
    what = " ".join(word.decode(errors="replace") for word in words[:3]).strip()
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(started.st_mtime))
    return Holder(pid, what or "a process", _user(started.st_uid), since)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
