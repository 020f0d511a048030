# SPDX-License-Identifier: Apache-2.0
"""Opening the source of a console by its kind and address, with errors that say what to do."""

from __future__ import annotations

import errno
import os
import socket
import termios
import warnings
from collections.abc import Callable
from pathlib import Path

from hil.errors import DeviceError, UsageError
from hil.uart.sources import (
    FileSource,
    SerialSource,
    SocketSource,
    Source,
    TcpSource,
    TelnetSource,
)

#: Seconds that a TCP connection may take.
CONNECT_TIMEOUT = 5.0
#: Where the kernel names the far ends of ptys.
_PTYS = Path("/dev/pts")


def open_source(kind: str, address: str, baud: int = 115200) -> Source:
    """Open what a console is attached to.

    Args:
        kind: "serial", "tcp", "telnet", "file" or "unix".
        address: A device path or URL of pyserial (`rfc2217://host:port`, `socket://host:port`),
            `host:port`, the path of a file that grows (it may appear later), or of a socket.
        baud: Speed of a serial device.

    Raises:
        DeviceError: It is missing, busy, not permitted, or nobody answers.
        UsageError: The kind or the form of the address is wrong.
    """
    opener = _OPENERS.get(kind)
    if opener is None:
        known = ", ".join(_OPENERS)
        raise UsageError(f"console kind {kind!r} is unknown; expected one of {known}")
    try:
        return opener(address, baud)
    except OSError as error:  # of this process, before the device was asked: no more descriptors
        raise _open_error(address, error.errno, str(error.strerror or error)) from error


def comes_back(kind: str, address: str) -> bool:
    """Return whether a console that has vanished may be opened again under the same address.

    An adapter is enumerated anew, and a link to a pty is set anew. A pty's own name is never that
    of the same pty again: the kernel gives it to the next one, which is another program's.
    """
    return kind == "serial" and Path(address).parent != _PTYS


def _open_serial(address: str, baud: int) -> Source:
    import serial

    if "://" in address:
        return _open_url(address, baud)
    try:
        port = serial.Serial(address, baud, timeout=0, exclusive=True)
    except (OSError, termios.error) as error:  # the latter two of a device that goes meanwhile
        raise _serial_error(address, error) from error
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{address}: {baud} baud cannot be set: {error}") from error
    return SerialSource(port)


def _open_url(address: str, baud: int) -> Source:
    import serial

    from hil.uart.urls import url_source

    try:
        with warnings.catch_warnings():
            # pyserial 3.5 uses names of `threading` that are going to disappear.
            warnings.simplefilter("ignore", DeprecationWarning)
            # Of a server that resets the connection meanwhile it leaves the socket to Python.
            warnings.simplefilter("ignore", ResourceWarning)
            port = serial.serial_for_url(address, baud, timeout=0)
    except serial.SerialException as error:
        raise DeviceError(
            f"{address}: {error}",
            operation="open console",
            hint="check that the server runs, speaks this protocol, and that nobody else holds it",
        ) from error
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{address}: {error}; expected e.g. rfc2217://host:port") from error
    return url_source(port)


def _serial_error(address: str, error: OSError | termios.error) -> DeviceError:
    number = error.errno if isinstance(error, OSError) else error.args[0]
    if number is None and "lock" in str(error):
        number = errno.EBUSY
    return _open_error(
        address, number, str(error), "check the cable and that it is a serial device"
    )


def _open_error(
    address: str, number: int | None, text: str, hint: str | None = None
) -> DeviceError:
    """Return what an errno means when a console is opened, `text` and `hint` for an unknown one."""
    what, todo = _OPEN_ERRORS.get(number or 0, (text, hint))
    return DeviceError(f"{address}: {what}", operation="open console", hint=todo)


_BUSY = (
    "in use by another program",
    "end the other user (see `fuser`); another run, a terminal program or ModemManager",
)
_TOO_MANY = (
    "this process has too many files open",
    "raise its limit (`ulimit -n`), or end what else holds files open",
)
#: errno of an open: what it means for a serial device, what to do.
_OPEN_ERRORS: dict[int, tuple[str, str]] = {
    errno.ENOENT: (
        "no such device",
        "plug the adapter in; prefer the stable name under /dev/serial/by-id",
    ),
    errno.ENODEV: ("the device has gone", "plug the adapter in again"),
    errno.EIO: ("the device has gone", "plug the adapter in again"),
    errno.ENXIO: ("the device has gone", "plug the adapter in again"),
    errno.EACCES: (
        "permission denied",
        "add yourself to the group of the device, mostly `dialout`, and log in again",
    ),
    errno.EPERM: (
        "permission denied",
        "add yourself to the group of the device, mostly `dialout`, and log in again",
    ),
    errno.EBUSY: _BUSY,
    errno.EAGAIN: _BUSY,
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.ENOTTY: ("not a serial device", "check the path in the board file"),
    errno.EISDIR: ("a folder, not a serial device", "check the path in the board file"),
}


def _connect(address: str) -> socket.socket:
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"console address {address!r}: expected host:port, e.g. 127.0.0.1:5000")
    try:
        return socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT)
    except TimeoutError as error:
        raise DeviceError(
            f"{address}: no answer within {CONNECT_TIMEOUT:g} s",
            operation="open console",
            hint="check the host, its firewall and the port",
        ) from error
    except OSError as error:
        raise DeviceError(
            f"{address}: {error.strerror or error}",
            operation="open console",
            hint="check that ser2net or the FVP runs and that nobody else holds its terminal",
        ) from error


def _open_tcp(address: str, _baud: int) -> Source:
    return TcpSource(_connect(address), f"{address} (tcp)")


def _open_telnet(address: str, _baud: int) -> Source:
    return TelnetSource(_connect(address), f"{address} (telnet)")


def _open_file(address: str, _baud: int) -> Source:
    path = Path(address)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot appear: there is no {path.parent}"
        raise DeviceError(
            f"{address} {what}",
            operation="open console",
            hint="give the path of the file that the UART is written to",
        )
    return FileSource(path)


def _open_unix(address: str, _baud: int) -> Source:
    path = Path(address)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(CONNECT_TIMEOUT)
    try:
        # By its folder's descriptor: a socket's own path may have 107 bytes, a run's folder more.
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            sock.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
    except OSError as error:
        sock.close()
        raise DeviceError(
            f"{address}: {error.strerror or error}",
            operation="open console",
            hint="check that the program behind the socket runs and that nobody else is connected",
        ) from error
    return SocketSource(sock, f"{address} (unix)")


_OPENERS: dict[str, Callable[[str, int], Source]] = {
    "serial": _open_serial,
    "tcp": _open_tcp,
    "telnet": _open_telnet,
    "file": _open_file,
    "unix": _open_unix,
}
