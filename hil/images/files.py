# SPDX-License-Identifier: Apache-2.0
"""Reading files of bounded size, and writing them so that no one ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hil.errors import DeviceError, HilError, ImageError
from hil.whole_file import HALF, whole_file

#: Seconds; building all images of a board takes a few.
BUILD_LIMIT = 300.0
_LOOK = 0.05
#: Keeps others out of a folder of images.
LOCK = ".lock"

#: What a disk says of itself, not of the file.
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})

#: More than any image that is parsed here; a larger file is a mistake.
MAX_IMAGE = 64 * 1024 * 1024


def read_bounded(path: Path, limit: int = MAX_IMAGE, what: str = "image") -> bytes:
    """Return the content of a regular file.

    Raises:
        ImageError: no such file, not a file, not readable, or larger than the limit.
    """
    try:
        if not path.is_file():
            reason = "is no regular file" if path.exists() else "no such file"
            raise ImageError(f"{what}: {reason}", path=path)
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ImageError(f"{what}: {error.strerror or error}", path=path) from error
    if len(data) > limit:
        raise ImageError(f"{what}: larger than {limit} bytes", path=path)
    return data


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file, and its folder where there is none; safe beside other processes.

    Raises:
        ImageError: the folder cannot be written.
        DeviceError: the disk is full or broken.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> HilError:
    """Return what to raise for a file that cannot be written: it may be the lab's disk."""
    if error.errno in _DISK:
        return DeviceError(
            f"{path}: {error.strerror}",
            operation="write image",
            hint="make room on the disk of the run records, or see why it cannot be written any more",
        )
    return ImageError(f"cannot be written: {error.strerror or error}", path=path)


@contextlib.contextmanager
def one_at_a_time(folder: Path, limit: float = BUILD_LIMIT) -> Iterator[None]:
    """Keep other processes from building into a folder that they share.

    Signatures differ from one time to the next: two that build the same file at once would each
    see the other's, with another digest than that of their own. What a process that was killed has
    half written is removed.

    Args:
        folder: Exists.
        limit: Seconds to wait for another process.

    Raises:
        ImageError: another process has not finished in that time.
    """
    try:
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritten(folder / LOCK, error) from error
    try:
        if _wait_for(fd, time.monotonic() + limit):
            for path in folder.iterdir():
                if HALF.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        else:
            raise ImageError(
                f"another process has been building images here for {limit:g} s", path=folder
            )
        yield
    finally:
        os.close(fd)


def _wait_for(fd: int, deadline: float) -> bool:
    """Lock a file; False if somebody else keeps it locked."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK)
        else:
            return True
