# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all; no half is left of one that was not finished."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: What a file system says that has no files without a name.
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})

#: Part of a name that another may be made of.
_LONGEST = 200
#: Names of what a killed process leaves where it could not be nameless.
HALF = re.compile(r"\..+\.\d+")


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Give a stream whose content becomes the file, in one step, when the block ends well.

    What was written can be read back. Until then it has no name, so that a process that is killed
    leaves none.

    Args:
        path: The file; its folder exists.
        mode: Permissions, from which the umask takes away.

    Raises:
        OSError: it cannot be written; a file that was there before is as it was.
    """
    beside = path.with_name(f".{path.name[:_LONGEST]}.{os.getpid()}")
    try:
        fd = os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno not in _NO_NAMELESS or not path.parent.is_dir():
            raise
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, mode), "w+b") as stream:
                yield stream
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        return
    with os.fdopen(fd, "w+b") as stream:
        yield stream
        stream.flush()
        try:
            _name(fd, path)
        except FileExistsError:
            # A name cannot be given over that of another file; this half lives for an instant.
            beside.unlink(missing_ok=True)
            _name(fd, beside)
            try:
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)


def _name(fd: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # With a folder's descriptor the link itself is followed, to the file behind it.
        os.link(f"/proc/self/fd/{fd}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
