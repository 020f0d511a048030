# SPDX-License-Identifier: Apache-2.0
"""Reading files of bounded size, and writing them so that no one ever sees half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from hil.errors import ImageError

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
    """Write a file under another name and move it in place: safe beside other processes.

    Raises:
        ImageError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(stream.fileno(), mode)
                stream.write(data)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise ImageError(f"cannot be written: {error.strerror or error}", path=path) from error
