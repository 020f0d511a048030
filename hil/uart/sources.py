# SPDX-License-Identifier: Apache-2.0
"""Where the bytes of a UART come from: a device, a socket or a file that grows.

A source never blocks. It is driven by one thread only, the capture's; whoever else wants to send
goes through the capture.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from hil.uart.telnet import TelnetStream, escape

if TYPE_CHECKING:
    import serial

#: Bytes asked for in one read; a pty or tty gives at most 4095 of them at a time.
READ_SIZE = 65536
#: Bytes that a socket is asked for at once: with each system call the interpreter's lock is given
#: up, and got back late while another thread computes.
SOCKET_READ_SIZE = 1 << 18


class Source(ABC):
    """One end of a UART.

    Attributes:
        name: What it is, for messages: "/dev/ttyUSB0", "127.0.0.1:5000 (telnet)", ...
        sendable: Whether bytes can be sent through it.
    """

    name: str
    sendable = True

    @abstractmethod
    def fileno(self) -> int | None:
        """Return what to select on, None for a source that must be looked at now and then."""

    @property
    def writer(self) -> int | None:
        """The descriptor that is written to, where it is another one than `fileno`."""
        return None

    @abstractmethod
    def read(self) -> bytes | None:
        """Return what came; None if nothing did, b"" at the end; OSError if it vanished."""

    @abstractmethod
    def write(self, data: bytes) -> int:
        """Take as many of the bytes as fit without blocking; return how many did."""

    @abstractmethod
    def close(self) -> None:
        """Release it; a second call does nothing."""

    def encode(self, data: bytes) -> bytes:
        """Return data as it must be written."""
        return data

    def reply(self) -> bytes:
        """Return bytes that the protocol itself wants written, once."""
        return b""

    def note(self) -> str | None:
        """Return something worth an event that happened inside, once."""
        return None


class FdSource(Source):
    """A file descriptor: the master or slave of a pty, a pipe, a character device.

    Args:
        fd: Becomes non-blocking and belongs to the source from now on.
        name: For messages.
    """

    def __init__(self, fd: int, name: str) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self.name = name

    def fileno(self) -> int | None:
        """Return the descriptor."""
        return self._fd

    def read(self) -> bytes | None:
        """Return what came."""
        try:
            return os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return None

    def write(self, data: bytes) -> int:
        """Write what fits."""
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SerialSource(FdSource):
    """A serial device opened by pyserial, which sets it up; bytes go through its descriptor."""

    def __init__(self, port: serial.Serial) -> None:
        super().__init__(port.fileno(), str(port.port))
        self._port = port

    def read(self) -> bytes | None:
        """Return what came; a tty with VMIN 0 gives b"" also when there is merely nothing."""
        data = super().read()
        if data == b"" and not _hung_up(self._fd):
            return None
        return data

    def close(self) -> None:
        """Close the device."""
        self._fd = -1
        self._port.close()


class SocketSource(Source):
    """A connected socket, such as one of this host: a UART of QEMU."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.name = name
        # One for all reads: to allocate as much for each costs more than a short read itself.
        self._room = memoryview(bytearray(SOCKET_READ_SIZE))

    def fileno(self) -> int | None:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def read(self) -> bytes | None:
        """Return what came."""
        try:
            return bytes(self._room[: self._socket.recv_into(self._room)])
        except BlockingIOError:
            return None

    def write(self, data: bytes) -> int:
        """Send what fits."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class TcpSource(SocketSource):
    """A raw TCP connection: ser2net, an FVP terminal in raw mode."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock, name)


class TelnetSource(TcpSource):
    """A telnet connection; the transcript gets the data without the telnet commands."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        super().__init__(sock, name)
        self._stream = TelnetStream()
        self._reply = b""

    def read(self) -> bytes | None:
        """Return the data in what came, None if there were only commands."""
        raw = super().read()
        if not raw:
            return raw
        data, answer = self._stream.feed(raw)
        self._reply += answer
        return data or None

    def encode(self, data: bytes) -> bytes:
        """Return data with every plain 0xFF doubled."""
        return escape(data)

    def reply(self) -> bytes:
        """Return the answers to the other side's commands."""
        answer, self._reply = self._reply, b""
        return answer


class FileSource(Source):
    """A file that somebody else writes, such as the `out_file` of an FVP's UART.

    It may appear later, and it is read from its beginning again when it is truncated or replaced,
    as an FVP does at each start. It never ends by itself: whoever started the writer detaches it.
    """

    sendable = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._fd = -1
        self._at = 0
        self._note: str | None = None

    def fileno(self) -> int | None:
        """Return None: a regular file cannot be waited for, only looked at."""
        return None

    def read(self) -> bytes | None:
        """Return what was added since the last look."""
        if self._fd < 0 and not self._open():
            return None
        data = os.pread(self._fd, READ_SIZE, self._at)
        if data:
            self._at += len(data)
            return data
        self._start_over()
        return None

    def note(self) -> str | None:
        """Return that the file began anew, once."""
        note, self._note = self._note, None
        return note

    def write(self, data: bytes) -> int:  # noqa: ARG002 - a source's signature
        """Refuse: a file that grows takes no input."""
        raise io.UnsupportedOperation(f"{self.name} is only read")

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> bool:
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EMFILE, errno.ENFILE):
                return False  # it may appear, or a descriptor may become free
            raise
        self._at = 0
        return True

    def _start_over(self) -> None:
        """Notice, at the end of what is there, that the file was truncated or replaced."""
        mine = os.fstat(self._fd)
        if mine.st_size < self._at:
            self._note = f"{self.name} was truncated; reading from its beginning"
            self._at = 0
            return
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return
        if (named.st_dev, named.st_ino) != (mine.st_dev, mine.st_ino):
            self._note = f"{self.name} was replaced; reading the new file"
            self.close()


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    gone = select.POLLHUP | select.POLLERR | select.POLLNVAL
    return any(flags & gone for _, flags in poll.poll(0))
