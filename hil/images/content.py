# SPDX-License-Identifier: Apache-2.0
"""Bytes of an image, in a file or in memory, read piece by piece and never past the end.

A parser takes a `Content` instead of bytes: an image of 64 MB is not copied to look at its table,
and a length field of a damaged file is checked before anything is allocated for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hil.errors import ImageError

#: Bytes that are copied or hashed at a time.
CHUNK = 1 << 20
#: No table of an image is larger; a field that says so is wrong.
MAX_FIELD = 1 << 20


@dataclass(frozen=True)
class Content:
    """A part of a file, or of bytes in memory."""

    #: Named in errors.
    path: Path | None
    #: First byte in the file.
    start: int
    #: Bytes.
    size: int
    _data: bytes | None = None
    _handle: int = -1

    @classmethod
    def of(cls, data: bytes, path: Path | None = None) -> Content:
        """Return the content that is in memory."""
        return cls(path, 0, len(data), data)

    def read(self, offset: int, size: int, field: str = "content") -> bytes:
        """Return bytes of one field.

        Raises:
            ImageError: they are not all there, more than a field may have, or unreadable.
        """
        if size > MAX_FIELD:
            raise self.error(f"{size} bytes, expected at most {MAX_FIELD}", offset, field)
        self.check(offset, size, field)
        return self._get(offset, size, field)

    def check(self, offset: int, size: int, field: str) -> None:
        """Refuse a range that is not inside the content.

        Raises:
            ImageError: says which field would be cut.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            raise self.error(
                f"bytes {offset:#x} to {offset + size:#x} are needed, there are {self.size:#x}",
                min(max(offset, 0), self.size),
                field,
            )

    def part(self, offset: int, size: int, field: str = "content") -> Content:
        """Return a part of it as a content of its own.

        Raises:
            ImageError: the part is not inside.
        """
        self.check(offset, size, field)
        return Content(self.path, self.start + offset, size, self._data, self._handle)

    def chunks(self) -> Iterator[bytes]:
        """Yield everything, a piece at a time."""
        for offset in range(0, self.size, CHUNK):
            yield self._get(offset, min(CHUNK, self.size - offset), "content")

    def sha256(self) -> str:
        """Return the SHA-256 of everything, hexadecimal."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def same_as(self, other: Content) -> bool:
        """Return whether both hold the same bytes."""
        if self.size != other.size:
            return False
        return all(a == b for a, b in zip(self.chunks(), other.chunks(), strict=True))

    def error(self, message: str, offset: int, field: str) -> ImageError:
        """Return an error that names file, offset in the file, and field."""
        return ImageError(message, path=self.path, offset=self.start + offset, field=field)

    def _get(self, offset: int, size: int, field: str) -> bytes:
        at = self.start + offset
        if self._data is not None:
            return self._data[at : at + size]
        pieces: list[bytes] = []
        missing = size
        while missing:
            try:
                piece = os.pread(self._handle, missing, at + size - missing)
            except OSError as error:
                raise self.error(error.strerror or str(error), offset, field) from error
            if not piece:
                raise self.error("the file became shorter while it was read", offset, field)
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@contextlib.contextmanager
def open_content(path: Path, what: str = "image") -> Iterator[Content]:
    """Open a regular file for reading.

    Raises:
        ImageError: no such file, not a file, or not readable.
    """
    try:
        # Without O_NONBLOCK the open of a FIFO would wait for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ImageError(f"{what}: no such file", path=path) from None
    except (OSError, ValueError) as error:
        # ValueError: a NUL in the name.
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{what}: {reason}", path=path) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{what}: is no regular file", path=path)
        yield Content(path, 0, status.st_size, None, handle)
    finally:
        os.close(handle)
