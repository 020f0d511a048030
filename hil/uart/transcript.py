# SPDX-License-Identifier: Apache-2.0
r"""The exact bytes of one UART on disk, and when each of them came.

Two files: `NAME.log` holds the raw bytes and nothing else; `NAME.idx` holds a header of 32 bytes

    "HILIDX1\n" | wall clock, ns since 1970 | monotonic clock at the same moment, ns | reserved

and one record of 16 bytes for each burst: monotonic ns, offset of its first byte in `NAME.log`. A
burst is what was read at once, or within a millisecond; its time is that of its last read. All
numbers are unsigned 64-bit little-endian. Records are only ever appended, the log's bytes before
their record, so that both files can be read while they grow and after a kill: a truncated last
record is ignored, bytes without a record of their own count to the record before them.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from hil.errors import DeviceError, UsageError
from hil.uart.time_index import HEADER, MAGIC, RECORD, TimeIndex
from hil.uart.waker import Waker

_FULL = "the UART's output is lost from there on; free space on the disk of the run records"


class Recording:
    """A transcript that nobody writes any more, or the reading side of one that grows.

    Args:
        path: The raw bytes; times come from the `.idx` file beside it, where there is one.
        name: Name of the console in messages; by default the file's name without its suffix.
        end: Where it is taken to end; by default where the file does.
    """

    def __init__(self, path: Path, name: str | None = None, *, end: int | None = None) -> None:
        self.path = path
        self.name = name or path.stem
        self._end = end
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._times = TimeIndex(index_path(path))
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Number of bytes that can be read."""
        size = os.fstat(self._fd).st_size
        return size if self._end is None else min(size, self._end)

    @property
    def live(self) -> bool:
        """Whether more bytes may come."""
        return False

    @property
    def failure(self) -> str | None:
        """Why bytes are missing behind the end, None if none are."""
        return None

    @property
    def timed(self) -> bool:
        """Whether there is an index with the times."""
        return self._times.usable

    @property
    def fault_of_times(self) -> str | None:
        """Why its times cannot be relied upon, None if they can; all of the index is read for it."""
        with self._lock:
            return self._times.fault(self.size)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; b"" behind the end."""
        if self._end is not None:
            size = max(0, min(size, self._end - offset))
        return os.pread(self._fd, size, offset)

    def time_at(self, offset: int) -> float | None:
        """Return when the byte at `offset` was read, in seconds of the monotonic clock."""
        with self._lock:
            return self._times.time_at(offset)

    def wall_at(self, offset: int) -> float | None:
        """Return when the byte at `offset` was read, in seconds since 1970."""
        with self._lock:
            return self._times.wall_at(offset)

    def due_before(self, offset: int, size: int, t: float) -> int:
        """Return how many of `size` bytes from `offset` on had come at `t`, monotonic seconds."""
        with self._lock:
            return self._times.due_before(offset, size, t)

    def watch(self, waker: Waker) -> None:
        """Have `waker` set at every change from now on; clear it before looking, then wait."""

    def unwatch(self, waker: Waker) -> None:
        """Stop what `watch` started."""

    def check(self) -> None:
        """Raise a DeviceError if bytes are missing behind the end."""
        if self.failure is not None:
            raise DeviceError(f"{self.name}: {self.failure}", operation="capture", hint=_FULL)

    def close(self) -> None:
        """Release the files; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._times.close()


class Transcript(Recording):
    """The transcript of a live UART: appended to by one thread, read by any.

    Args:
        path: File for the raw bytes; must not exist, because evidence is never overwritten.
        name: Name of the console in messages; by default the file's name without its suffix.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self._log_fd = self._index_fd = -1
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._log_fd = os.open(path, flags | os.O_EXCL, 0o644)
            self._index_fd = os.open(index_path(path), flags | os.O_TRUNC, 0o644)
            os.write(self._index_fd, HEADER.pack(MAGIC, time.time_ns(), time.monotonic_ns(), 0))
        except FileExistsError:
            raise UsageError(
                f"{path} exists: a transcript is never overwritten; name another file or folder"
            ) from None
        except OSError as error:
            _close(self._log_fd, self._index_fd)
            raise DeviceError(
                f"cannot create {path}: {error.strerror}",
                operation="capture",
                hint="check the folder of the run records and the space on its disk",
            ) from error
        #: Bytes that can be read, and bytes that are in the file.
        self._size = self._stored = 0
        #: Time of the latest read of which bytes were stored.
        self._read_at = 0
        self._live = False
        self._failure: str | None = None
        #: Offset and time of the latest burst.
        self._latest = (-1, 0)
        self._wakers: tuple[Waker, ...] = ()
        self._waker_lock = threading.Lock()
        #: Bytes that came but could not be stored.
        self.lost = 0
        super().__init__(path, name)

    @property
    def size(self) -> int:
        """Number of bytes that can be read."""
        return self._size

    @property
    def live(self) -> bool:
        """Whether a source is attached, so that more bytes may come."""
        return self._live

    @live.setter
    def live(self, value: bool) -> None:
        self._live = value
        self._wake()

    @property
    def failure(self) -> str | None:
        """Why bytes are missing behind the end (disk full), None if none are."""
        return self._failure

    def append(self, data: bytes, t: int | None = None) -> None:
        """Store one burst, then wake who waits.

        Args:
            data: The bytes; stored as they are.
            t: Monotonic time of its last read in ns; now by default.

        Raises:
            OSError: They could not all be stored; the transcript has failed and takes no more.
        """
        self.store(data, t)
        self.show()

    def store(self, data: bytes, t: int | None = None) -> None:
        """Store bytes of a burst, which nobody can read before `show`, or before this fails.

        Args:
            data: As of `append`.
            t: Monotonic time of their read in ns; now, before they are written, by default.

        Raises:
            OSError: As of `append`; what was stored of the burst is shown.
        """
        if self._failure is not None:
            self.lost += len(data)
            return
        self._read_at = time.monotonic_ns() if t is None else t
        stored = 0
        try:
            while stored < len(data):
                stored += os.write(self._log_fd, data[stored:] if stored else data)
        except OSError as error:
            self._stored += stored
            # Who learns of the failure must find all that was stored before it.
            with suppress(OSError):
                self.show()
            self._fail(error, len(data) - stored)
            raise
        self._stored += stored

    def show(self) -> None:
        """Let what was stored be read as one burst, and wake who waits; nothing happens without any.

        Raises:
            OSError: Its time could not be stored; the transcript has failed and takes no more.
        """
        begin = self._size
        if self._stored == begin:
            return
        at = self._read_at
        self._latest = (begin, at)
        self._size = self._stored
        self._wake()
        # Who waits is woken first: until this record is written, `_latest` stands for it.
        try:
            os.write(self._index_fd, RECORD.pack(at, begin))
        except OSError as error:
            self._fail(error, 0)
            raise

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; b"" behind the end."""
        # The file may hold a burst whose time is not known yet: a reader must not be that early.
        return super().read(offset, max(0, min(size, self._size - offset)))

    def time_at(self, offset: int) -> float | None:
        """Return when the byte at `offset` was read, in seconds of the monotonic clock."""
        begin, at = self._latest
        return at / 1e9 if offset >= begin >= 0 else super().time_at(offset)

    def wall_at(self, offset: int) -> float | None:
        """Return when the byte at `offset` was read, in seconds since 1970."""
        begin, at = self._latest
        if offset >= begin >= 0:
            return self._times.wall_of(at)
        return super().wall_at(offset)

    def _fail(self, error: OSError, lost: int) -> None:
        self.lost += lost
        self._failure = f"cannot write {self.path}: {error.strerror}"
        self._wake()

    def watch(self, waker: Waker) -> None:
        """Have `waker` set at every change from now on; clear it before looking, then wait."""
        with self._waker_lock:
            self._wakers += (waker,)

    def unwatch(self, waker: Waker) -> None:
        """Stop what `watch` started."""
        with self._waker_lock:
            self._wakers = tuple(w for w in self._wakers if w is not waker)

    def close(self) -> None:
        """Release the files; a second call does nothing."""
        _close(self._log_fd, self._index_fd)
        self._log_fd = self._index_fd = -1
        self.live = False
        super().close()

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()


def index_path(path: Path) -> Path:
    """Return the name of the index that belongs to a transcript."""
    return path.with_suffix(".idx")


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
