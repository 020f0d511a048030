# SPDX-License-Identifier: Apache-2.0
"""Draining UARTs to disk."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.errors import DeviceError
from hil.uart.capture import Capture
from hil.uart.capture_events import CaptureEvent
from hil.uart.opening import open_source
from hil.uart.sources import Source
from hil.uart.transcript import Transcript

if TYPE_CHECKING:
    from conftest import Uart

NewTranscript = Callable[[str], Transcript]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait, generously, for something that the capture's thread does."""
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit, f"not within 10 s: {what}"
        time.sleep(0.002)


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one client; the address to connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            client, _ = listener.accept()
            with client:
                serve(client)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def kinds(events: list[CaptureEvent], console: str) -> list[str]:
    return [event.kind for event in events if event.console == console]


def test_serial_device(capture: Capture, uart: Uart, transcript: Transcript) -> None:
    """Every byte value of a serial device arrives unchanged, without anybody waiting for it."""
    capture.attach(transcript, open_source("serial", uart.path))
    said = bytes(range(256)) * 40
    threading.Thread(target=uart.say, args=(said,)).start()
    until(lambda: transcript.size == len(said), "10 KiB from a pty")
    assert transcript.path.read_bytes() == said


def test_many_uarts_at_once(
    capture: Capture, new_uart: Callable[[], Uart], new_transcript: NewTranscript
) -> None:
    """One thread drains all UARTs; none waits for another."""
    before = threading.active_count()
    pairs = [(new_uart(), new_transcript(f"rse{n}")) for n in range(8)]
    for uart, transcript in pairs:
        capture.attach(transcript, open_source("serial", uart.path))
    assert threading.active_count() == before
    for number, (uart, _) in enumerate(pairs):
        uart.say(bytes([number]) * 3000)
    for number, (_, transcript) in enumerate(pairs):
        until(lambda t=transcript: t.size == 3000, f"rse{number}")
        assert transcript.path.read_bytes() == bytes([number]) * 3000


def test_tcp_until_its_end(
    capture: Capture, transcript: Transcript, events: list[CaptureEvent]
) -> None:
    """A TCP console is captured to its last byte, and its end is an event."""
    said = os.urandom(300_000)
    with tcp_server(lambda client: client.sendall(said)) as address:
        capture.attach(transcript, open_source("tcp", address))
        until(lambda: not transcript.live, "end of the stream")
    assert transcript.path.read_bytes() == said
    assert kinds(events, "rse0") == ["attached", "eof"]


def test_telnet_console(capture: Capture, transcript: Transcript) -> None:
    """Telnet commands, also split ones, are answered and not in the transcript."""
    answers = bytearray()

    def serve(client: socket.socket) -> None:
        client.settimeout(10)
        for piece in (b"\xff", b"\xfb\x01te", b"xt\xff", b"\xfd", b"\x03!", b"\xff\xfd\x27"):
            client.sendall(piece)
            time.sleep(0.01)
        while len(answers) < 9:
            answers.extend(client.recv(64))

    with tcp_server(serve) as address:
        capture.attach(transcript, open_source("telnet", address))
        until(lambda: not transcript.live, "end of the stream")
    assert transcript.path.read_bytes() == b"text!"
    assert answers == bytes.fromhex("fffd01 fffb03 fffc27")


def test_growing_file(
    capture: Capture, transcript: Transcript, events: list[CaptureEvent], tmp_path: Path
) -> None:
    """A file is followed from before it exists, and over a restart of its writer."""
    path = tmp_path / "uart.out"
    capture.attach(transcript, open_source("file", str(path)))
    with path.open("wb", buffering=0) as out:
        out.write(b"first boot\n")
        until(lambda: transcript.size == 11, "first output")
        out.write(b"more\n")
        until(lambda: transcript.size == 16, "more output")
    with path.open("wb", buffering=0) as out:
        until(lambda: "restarted" in kinds(events, "rse0"), "truncation")
        out.write(b"second boot\n")
        capture.detach(transcript)
    assert transcript.path.read_bytes() == b"first boot\nmore\nsecond boot\n"
    assert kinds(events, "rse0") == ["attached", "restarted", "detached"]


def test_replaced_file_is_followed(
    capture: Capture, transcript: Transcript, tmp_path: Path
) -> None:
    """A writer that makes a new file under the same name is followed to it."""
    path, new = tmp_path / "uart.out", tmp_path / "new.out"
    path.write_bytes(b"old,")
    capture.attach(transcript, open_source("file", str(path)))
    until(lambda: transcript.size == 4, "the old file")
    new.write_bytes(b"and new")
    new.rename(path)
    until(lambda: transcript.size == 11, "the new file")
    assert transcript.path.read_bytes() == b"old,and new"


def test_detach_takes_what_is_there(
    capture: Capture, transcript: Transcript, tmp_path: Path
) -> None:
    """The last output of a writer that has ended is not lost by detaching at once."""
    path = tmp_path / "uart.out"
    path.write_bytes(b"x" * 300_000)
    capture.attach(transcript, open_source("file", str(path)))
    capture.detach(transcript)
    assert transcript.size == 300_000
    assert not transcript.live


def test_restart_continues_the_transcript(
    capture: Capture, new_uart: Callable[[], Uart], transcript: Transcript
) -> None:
    """A device that starts anew goes on in the same transcript, the old source is released."""
    first, second = new_uart(), new_uart()
    capture.attach(transcript, open_source("serial", first.path))
    first.say(b"first ")
    until(lambda: transcript.size == 6, "first device")
    capture.attach(transcript, open_source("serial", second.path))
    assert transcript.live
    second.say(b"second")
    until(lambda: transcript.size == 12, "second device")
    assert transcript.path.read_bytes() == b"first second"


def test_unplugged_adapter_is_an_event(
    capture: Capture,
    new_uart: Callable[[], Uart],
    new_transcript: NewTranscript,
    events: list[CaptureEvent],
) -> None:
    """A device that disappears ends its own console and no other."""
    gone, stays = new_uart(), new_uart()
    lost, kept = new_transcript("rse0"), new_transcript("rse1")
    capture.attach(lost, open_source("serial", gone.path))
    capture.attach(kept, open_source("serial", stays.path))
    gone.say(b"last words")
    until(lambda: lost.size == 10, "last words")
    gone.unplug()
    until(lambda: not lost.live, "end of the unplugged console")
    stays.say(b"still here")
    until(lambda: kept.size == 10, "the other console")
    assert kinds(events, "rse0")[-1] in ("eof", "vanished")
    assert kinds(events, "rse1") == ["attached"]
    assert capture.events == tuple(events)


class _Broken(Source):
    """A source whose reader has a defect."""

    name = "broken"

    def fileno(self) -> int | None:
        return None

    def read(self) -> bytes | None:
        raise RuntimeError("a defect")

    def write(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        raise OSError("a defect in the end, too")


def test_defect_in_one_reader(
    capture: Capture, uart: Uart, new_transcript: NewTranscript, events: list[CaptureEvent]
) -> None:
    """An exception in one reader is an event; the other UARTs go on."""
    broken, good = new_transcript("rse0"), new_transcript("rse1")
    capture.attach(good, open_source("serial", uart.path))
    capture.attach(broken, _Broken())
    until(lambda: not broken.live, "end of the broken console")
    uart.say(b"fine")
    until(lambda: good.size == 4, "the good console")
    error = next(event for event in events if event.kind == "error")
    assert error.console == "rse0"
    assert "RuntimeError: a defect" in error.text


def test_defect_in_the_listener(uart: Uart, transcript: Transcript) -> None:
    """A listener that raises does not end the capture."""

    def listen(event: CaptureEvent) -> None:
        raise KeyError(event.kind)

    with Capture(listen) as capture:
        capture.attach(transcript, open_source("serial", uart.path))
        uart.say(b"fine")
        until(lambda: transcript.size == 4, "output")
        assert [event.kind for event in capture.events] == ["attached", "error"]


def test_full_disk(
    capture: Capture,
    new_uart: Callable[[], Uart],
    new_transcript: NewTranscript,
    events: list[CaptureEvent],
) -> None:
    """A full disk is reported, the UART is drained on, and what was lost is counted."""
    first, second = new_uart(), new_uart()
    poor, rich = new_transcript("rse0"), new_transcript("rse1")
    capture.attach(poor, open_source("serial", first.path))
    capture.attach(rich, open_source("serial", second.path))
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, poor._log_fd)
    os.close(full)
    first.say(b"lost")
    until(lambda: poor.failure, "the full disk to be noticed")
    first.say(b"x" * 100_000)  # a pty holds far less: it is drained
    second.say(b"kept")
    until(lambda: rich.size == 4, "the other console")
    until(lambda: poor.lost == 100_004, "all lost bytes to be counted")
    with pytest.raises(DeviceError, match="No space left"):
        poor.check()
    capture.detach(poor)
    assert kinds(events, "rse0") == ["attached", "disk", "detached"]
    assert "100004 bytes were not stored" in events[-1].text


def test_send(capture: Capture, uart: Uart, transcript: Transcript) -> None:
    """Bytes sent through the capture arrive at the device."""
    capture.attach(transcript, open_source("serial", uart.path))
    capture.send(transcript, b"hello\n")
    assert uart.hear(6) == b"hello\n"


def test_send_to_a_device_that_does_not_read(
    capture: Capture, transcript: Transcript, events: list[CaptureEvent]
) -> None:
    """Bytes that nobody takes are an error in time, and capturing goes on meanwhile."""
    release = threading.Event()

    def serve(client: socket.socket) -> None:
        client.sendall(b"I talk")
        release.wait(10)

    with tcp_server(serve) as address:
        capture.attach(transcript, open_source("tcp", address))
        with pytest.raises(DeviceError, match=r"rse0: 33554432 bytes were not taken within 0\.2 s"):
            capture.send(transcript, bytes(32 << 20), timeout=0.2)
        assert transcript.path.read_bytes() == b"I talk"
        release.set()


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_send_without_a_way(
    capture: Capture, transcript: Transcript, tmp_path: Path, kind: str
) -> None:
    """Sending where nothing listens is an error that says so."""
    if kind == "file":
        capture.attach(transcript, open_source("file", str(tmp_path / "uart.out")))
    with pytest.raises(DeviceError, match=r"rse0: .*(no source is attached|is only read)"):
        capture.send(transcript, b"x")


def test_close_ends_everything(uart: Uart, transcript: Transcript) -> None:
    """After close there is no thread and no open device; closing again does nothing."""
    capture = Capture(name="hil-capture-test")
    capture.attach(transcript, open_source("serial", uart.path))
    capture.close()
    capture.close()
    assert "hil-capture-test" not in [thread.name for thread in threading.enumerate()]
    assert not transcript.live
    open_source("serial", uart.path).close()
    with pytest.raises(DeviceError, match="capture is closed"):
        capture.detach(transcript)


def test_idle_costs_nothing(capture: Capture, uart: Uart, transcript: Transcript) -> None:
    """A silent UART takes no CPU."""
    capture.attach(transcript, open_source("serial", uart.path))
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.15
