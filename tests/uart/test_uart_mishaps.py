# SPDX-License-Identifier: Apache-2.0
"""Mishaps of lines and hosts: what refuses writes, bounces, stalls, or has no descriptor left."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import termios
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import serial
from serial import rfc2217

from hil.errors import DeviceError
from hil.uart.capture import Capture
from hil.uart.capture_events import CaptureEvent
from hil.uart.console import Console
from hil.uart.opening import open_source
from hil.uart.sources import SocketSource, Source
from hil.uart.transcript import Transcript

if TYPE_CHECKING:
    from conftest import Uart


def until(condition: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < limit, f"not within 15 s: {what}"
        time.sleep(0.002)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_refused_write_stops_no_output(
    capture: Capture, transcript: Transcript, events: list[CaptureEvent]
) -> None:
    """Who does not listen any more may still speak: the send fails, what is said is stored."""
    ours, device = socket.socketpair()
    with device:
        capture.attach(transcript, SocketSource(ours, "uart (unix)"))
        device.sendall(b"before\n")
        device.shutdown(socket.SHUT_RD)
        console = Console(transcript, capture, timeout=10)
        for _ in range(2):
            with pytest.raises(DeviceError, match="takes no input: Broken pipe"):
                console.send("hello")
        device.sendall(b"after\n")
        console.expect("before\nafter\n")
    assert [event.kind for event in events[:3]] == ["attached", "error", "error"]


def test_a_device_that_goes_while_it_is_opened(uart: Uart, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever pyserial raises for a device that goes meanwhile is told as what it is."""
    for error in (termios.error(5, "Input/output error"), OSError(5, "Input/output error")):

        def go(*_args: Any, error: Exception = error, **_named: Any) -> None:
            raise error

        monkeypatch.setattr(serial.Serial, "_reconfigure_port", go)
        with pytest.raises(DeviceError, match="the device has gone"):
            open_source("serial", uart.path)


def test_no_error_ends_a_reopening(
    capture: Capture,
    new_uart: Callable[[], Uart],
    transcript: Transcript,
    events: list[CaptureEvent],
) -> None:
    """Whatever goes wrong while a device is opened again, it is tried until its time is over."""
    first, second = new_uart(), new_uart()
    errors: list[Exception] = [termios.error(5, "Input/output error"), KeyError("defect")]

    def reopen() -> Source:
        if errors:
            raise errors.pop()
        return open_source("serial", second.path)

    capture.attach(transcript, open_source("serial", first.path), reopen=reopen, reopen_for=10)
    first.unplug()
    until(lambda: events[-1].kind == "reopened", "the return")
    second.say(b"back\n")
    Console(transcript, capture, timeout=10).expect("back")


def test_a_file_console_survives_a_moment_without_descriptors(
    capture: Capture, transcript: Transcript, events: list[CaptureEvent], tmp_path: Path
) -> None:
    """A file that cannot be opened now is opened when it can."""
    capture.attach(transcript, open_source("file", str(tmp_path / "out")))
    (tmp_path / "made").write_bytes(b"hello\n")
    with no_descriptor_left():
        (tmp_path / "made").rename(tmp_path / "out")
        capture.drain(transcript)
    Console(transcript, capture, timeout=10).expect("hello")
    assert [event.kind for event in events] == ["attached"]


@pytest.mark.parametrize("kind", ["serial", "unix", "tcp"])
def test_a_console_without_a_descriptor_left(kind: str, uart: Uart, tmp_path: Path) -> None:
    """It is told as what it is, with what to do."""
    address = {"serial": uart.path, "unix": str(tmp_path / "uart"), "tcp": "127.0.0.1:9"}[kind]
    with no_descriptor_left(), pytest.raises(DeviceError, match=r"(?i)too many (files open|open)"):
        open_source(kind, address)


def test_a_capture_without_a_descriptor_left() -> None:
    """It is told as a failure of the lab."""
    with (
        no_descriptor_left(),
        pytest.raises(DeviceError, match="the capture cannot begin: Too many"),
    ):
        Capture()


class _Wire:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)


def negotiate(client: socket.socket, until: threading.Event) -> None:
    """Answer as an RFC 2217 server does, until a moment."""
    device = serial.serial_for_url("loop://", timeout=0)
    manager = rfc2217.PortManager(device, _Wire(client))
    client.settimeout(0.02)
    while not until.is_set():
        with contextlib.suppress(TimeoutError):
            list(manager.filter(client.recv(1024)))


def test_an_rfc2217_server_that_stalls_holds_nobody_up() -> None:
    """Of what a server does not take nothing is written: pyserial would wait in it, for seconds."""
    opened, over = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                negotiate(client, opened)
                over.wait(60)  # and reads no more

        thread = threading.Thread(target=serve)
        thread.start()
        source = open_source("serial", f"rfc2217://127.0.0.1:{server.getsockname()[1]}")
        opened.set()
        written = 0
        while taken := source.write(bytes(100_000_000)):
            assert taken <= 4096
            written += taken
        assert written
        source.close()
        over.set()
        thread.join(20)


@pytest.mark.parametrize("scheme", ["rfc2217", "socket"])
def test_a_server_that_resets_the_connection_leaves_no_socket(scheme: str) -> None:
    """Pyserial does not close its socket then; who reads the warning would be another test."""
    opened = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                negotiate(client, opened)
                reset_at_close = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close)

        thread = threading.Thread(target=serve)
        thread.start()
        source = open_source("serial", f"{scheme}://127.0.0.1:{server.getsockname()[1]}")
        opened.set()
        thread.join(20)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            source.close()
            for closing in threading.enumerate():
                if closing.name == "hil-close":
                    closing.join(20)
    assert [str(warning.message) for warning in warned] == []


def test_drain_stores_what_has_come(
    capture: Capture, transcript: Transcript, tmp_path: Path
) -> None:
    """Behind a drain all is stored that was written before it, and the source stays attached."""
    out = tmp_path / "out"
    out.write_bytes(b"")
    capture.attach(transcript, open_source("file", str(out)))
    console = Console(transcript, capture)
    for number in range(1, 20):
        with out.open("ab") as stream:
            stream.write(bytes(100_000))
        console.drain()
        assert transcript.size == number * 100_000
    assert capture.attached(transcript)
    capture.detach(transcript)
    console.drain()
