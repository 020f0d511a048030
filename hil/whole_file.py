# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all; no half is left of one that was not finished."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: What a file system says that has no files without a name.
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Give a stream whose content becomes the file, in one step, when the block ends well.

    Until then it has no name, so that a process that is killed leaves none.

    Args:
        path: The file; its folder exists.
        mode: Permissions, from which the umask takes away.

    Raises:
        OSError: it cannot be written; a file that was there before is as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno not in _NO_NAMELESS or not path.parent.is_dir():
            raise
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, mode), "wb") as stream:
                yield stream
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        return
    with os.fdopen(fd, "wb") as stream:
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
