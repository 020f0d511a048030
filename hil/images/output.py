# SPDX-License-Identifier: Apache-2.0
"""Writing images piece by piece: whole or not at all, and never outside the output folder."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hil.images.content import CHUNK, Content
from hil.images.files import unwritten
from hil.whole_file import whole_file

#: What a name may be made of that comes out of an image.
_OTHER = re.compile(r"[^A-Za-z0-9._-]")
MAX_NAME = 100


def file_name(text: str) -> str:
    """Return a plain file name for a name that an image brings: no path, no dot in front."""
    name = _OTHER.sub("_", text)[:MAX_NAME].lstrip(".")
    return name or "_"


@dataclass(frozen=True)
class Output:
    """A file that is being written; only its writer can see it."""

    path: Path
    _handle: int

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at an offset; what lies between is zero."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._handle, view, offset)
            view, offset = view[done:], offset + done

    def copy(self, offset: int, content: Content) -> None:
        """Write a content at an offset."""
        for chunk in content.chunks():
            self.write(offset, chunk)
            offset += len(chunk)

    def fill(self, start: int, end: int, byte: int) -> None:
        """Write the same byte from an offset up to another."""
        block = bytes([byte]) * min(CHUNK, max(end - start, 0))
        while start < end:
            self.write(start, block[: end - start])
            start += len(block[: end - start])

    def resize(self, size: int) -> None:
        """Give the file a size; new bytes are zero."""
        os.ftruncate(self._handle, size)

    def content(self) -> Content:
        """Return what has been written so far."""
        return Content(self.path, 0, os.fstat(self._handle).st_size, None, self._handle)


@contextlib.contextmanager
def new_file(path: Path, mode: int | None = None) -> Iterator[Output]:
    """Write a file that is there when all went well.

    Args:
        path: Where it belongs.
        mode: Its permissions; by default those of the file that is there, or 0o644.

    Raises:
        ImageError: the folder cannot be written.
        DeviceError: the disk is full or broken. What the writer raises goes through, too; the old
            file stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            os.fchmod(stream.fileno(), _mode(path) if mode is None else mode)
            yield Output(path, stream.fileno())
    except OSError as error:
        raise unwritten(path, error) from error


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.is_file() else 0o644
