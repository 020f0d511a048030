# SPDX-License-Identifier: Apache-2.0
"""Opening consoles, and what is said when it does not work."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import serial

from hil.errors import DeviceError, HilError, UsageError
from hil.uart.opening import comes_back, open_source

if TYPE_CHECKING:
    from conftest import Uart


def test_missing_device() -> None:
    """A device that is not there is named, with what to do."""
    with pytest.raises(DeviceError, match=r"/dev/ttyNONE: no such device \(plug the adapter in"):
        open_source("serial", "/dev/ttyNONE")


def test_busy_device(uart: Uart) -> None:
    """A device that somebody holds is said to be in use."""
    first = open_source("serial", uart.path)
    try:
        with pytest.raises(DeviceError, match="in use by another program"):
            open_source("serial", uart.path)
    finally:
        first.close()
    open_source("serial", uart.path).close()


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that may not be opened gets the hint about its group."""

    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(errno.EACCES, "could not open port: Permission denied")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(DeviceError, match=r"permission denied \(add yourself .*dialout"):
        open_source("serial", "/dev/ttyUSB0")


def test_not_a_serial_device(tmp_path: Path) -> None:
    """A regular file is no serial device."""
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError, match="file: "):
        open_source("serial", str(tmp_path / "file"))


@pytest.mark.parametrize("kind", ["tcp", "telnet"])
def test_nobody_listens(kind: str) -> None:
    """A port without a listener says what should be running."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match=rf"127\.0\.0\.1:{port}: Connection refused .*ser2net"):
        open_source(kind, f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["localhost", "5000", ":5000", "host:", "host:99999", "h:x"])
def test_malformed_address(address: str) -> None:
    """A TCP address without host or port is a mistake of the board file."""
    with pytest.raises(UsageError, match="expected host:port"):
        open_source("tcp", address)


@pytest.mark.parametrize(
    ("make", "why"),
    [(lambda folder: folder, "is a folder"), (lambda folder: folder / "no" / "x", "there is no")],
)
def test_impossible_file(tmp_path: Path, make: Callable[[Path], Path], why: str) -> None:
    """A file that can never appear is refused at once."""
    with pytest.raises(DeviceError, match=why):
        open_source("file", str(make(tmp_path)))


def test_unknown_kind() -> None:
    """An unknown kind of console names the known ones."""
    with pytest.raises(HilError, match="expected one of serial, tcp, telnet, file"):
        open_source("usb", "x")


def test_what_comes_back_under_its_name(uart: Uart, tmp_path: Path) -> None:
    """An adapter and a link may come back; a pty's own name is soon that of another program's pty."""
    link = tmp_path / "board"
    link.symlink_to(uart.path)
    assert comes_back("serial", "/dev/ttyUSB0")
    assert comes_back("serial", "/dev/serial/by-id/usb-FTDI_0")
    assert comes_back("serial", "rfc2217://lab:2217")
    assert comes_back("serial", str(link))
    assert not comes_back("serial", uart.path)
    assert not comes_back("tcp", "127.0.0.1:5000")
