# SPDX-License-Identifier: Apache-2.0
"""Sources beside devices and sockets: pyserial URLs, pipes, devices that come back, full disks."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.errors import DeviceError, UsageError
from hil.uart.capture import Capture
from hil.uart.capture_events import CaptureEvent
from hil.uart.console import Console
from hil.uart.opening import open_source
from hil.uart.pipes import PipeSource
from hil.uart.sources import FdSource
from hil.uart.transcript import Recording, Transcript
from hil.uart.urls import UrlSource

if TYPE_CHECKING:
    from conftest import Uart

NewTranscript = Callable[[str], Transcript]


def until(condition: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < limit, f"not within 15 s: {what}"
        time.sleep(0.002)


def kinds(events: list[CaptureEvent]) -> list[str]:
    return [event.kind for event in events]


def test_socket_url(capture: Capture, transcript: Transcript, events: list[CaptureEvent]) -> None:
    """`socket://` of pyserial is read through its descriptor, to its end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = open_source("serial", f"socket://127.0.0.1:{server.getsockname()[1]}")
        assert source.fileno() is not None
        client, _ = server.accept()
        capture.attach(transcript, source)
        capture.send(transcript, b"hello")
        assert client.recv(64) == b"hello"
        client.sendall(b"x" * 100_000)
        client.close()
        until(lambda: not transcript.live, "the end")
    assert transcript.size == 100_000
    assert kinds(events) == ["attached", "eof"]


def test_rfc2217_url(capture: Capture, transcript: Transcript) -> None:
    """`rfc2217://` works through pyserial, in both directions."""
    from serial import rfc2217, serial_for_url

    device = serial_for_url("loop://", timeout=0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard = bytearray()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                manager = rfc2217.PortManager(device, _Connection(client))
                client.settimeout(0.02)
                while b"bye" not in heard:
                    try:
                        raw = client.recv(1024)
                    except TimeoutError:
                        continue
                    if not raw:
                        return
                    new = b"".join(manager.filter(raw))
                    heard.extend(new)
                    if b"go" in new:
                        said = b"." * 20_000 + b"said \xff\r\n"
                        client.sendall(b"".join(manager.escape(said)))

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
        capture.attach(transcript, open_source("serial", address))
        console = Console(transcript, capture, timeout=10)
        console.send("go")
        # At one byte a look it would take minutes.
        console.expect_exact(b"said \xff\r\n")
        console.send("bye")
        thread.join(10)
        capture.detach(transcript)
    assert heard == b"gobye"
    assert transcript.size == 20_000 + len(b"said \xff\r\n")


def test_last_words_over_rfc2217(capture: Capture, transcript: Transcript) -> None:
    """Pyserial has read what a server said before it went, and would keep it back."""
    from serial import rfc2217, serial_for_url

    device = serial_for_url("loop://", timeout=0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                manager = rfc2217.PortManager(device, _Connection(client))
                client.settimeout(0.02)
                heard = b""
                while b"go" not in heard:
                    with contextlib.suppress(TimeoutError):
                        heard += b"".join(manager.filter(client.recv(1024)))
                client.sendall(b"last words" * 500)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
        capture.attach(transcript, open_source("serial", address))
        Console(transcript, capture, timeout=10).send("go")
        thread.join(10)
        until(lambda: not transcript.live, "the end")
    assert transcript.read(0, 10_000) == b"last words" * 500


def test_a_port_that_is_slow_to_close() -> None:
    """Pyserial sleeps when it closes RFC 2217; whoever reads the other UARTs does not."""
    may_close, closed = threading.Event(), threading.Event()

    class Port:
        port = "rfc2217://lab:2217"

        def close(self) -> None:
            may_close.wait(10)
            closed.set()

    UrlSource(Port()).close()
    assert not closed.is_set()
    may_close.set()
    assert closed.wait(10)


class _Connection:
    """What pyserial's server side writes its telnet answers to."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)


def test_wrong_urls() -> None:
    """A URL that pyserial does not know, and a server that is not there, are clear errors."""
    with pytest.raises(UsageError, match=r"expected e\.g\. rfc2217://host:port"):
        open_source("serial", "gopher://x:1")
    with pytest.raises(DeviceError, match=r"socket://127.0.0.1:9"):
        open_source("serial", "socket://127.0.0.1:9")


def test_pipes_of_a_program(
    capture: Capture, transcript: Transcript, events: list[CaptureEvent]
) -> None:
    """A program's output is captured to its end, and it can be talked to."""
    program = "print('ready', flush=True); print('got', input(), flush=True); print('x' * 200000)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        capture.attach(transcript, PipeSource(process))
        console = Console(transcript, capture, timeout=10)
        console.expect("ready")
        console.sendline("this")
        console.expect("got this\n")
        until(lambda: not transcript.live, "the end of the program")
    assert transcript.size == len("ready\ngot this\n") + 200_001
    assert kinds(events) == ["attached", "eof"]


def test_program_that_does_not_read(capture: Capture, transcript: Transcript) -> None:
    """Input that does not fit a pipe waits for the program, and then arrives whole."""
    program = "import sys, time; time.sleep(0.3); print(len(sys.stdin.buffer.read(1000000)))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        capture.attach(transcript, PipeSource(process))
        capture.send(transcript, b"x" * 1_000_000, timeout=10)
        Console(transcript, timeout=10).expect("1000000")


def test_adapter_that_comes_back(
    capture: Capture,
    new_uart: Callable[[], Uart],
    transcript: Transcript,
    events: list[CaptureEvent],
    tmp_path: Path,
) -> None:
    """A device that is enumerated anew under its stable name is opened again by itself."""
    link = tmp_path / "usb-FTDI"
    first = new_uart()
    link.symlink_to(first.path)
    capture.attach(
        transcript,
        open_source("serial", str(link)),
        reopen=lambda: open_source("serial", str(link)),
        reopen_for=10,
    )
    console = Console(transcript, capture, timeout=10)
    first.say(b"before\n")
    console.expect("before")
    link.unlink()
    first.unplug()
    until(lambda: "reopening" in kinds(events), "the loss")
    assert transcript.live
    second = new_uart()
    link.symlink_to(second.path)
    until(lambda: "reopened" in kinds(events), "the return")
    second.say(b"after\n")
    console.expect("after")
    console.send("hello")
    assert second.hear(5) == b"hello"
    assert kinds(events)[0] == "attached"
    assert kinds(events)[-2:] == ["reopening", "reopened"]


def test_adapter_that_stays_away(
    capture: Capture, uart: Uart, transcript: Transcript, events: list[CaptureEvent]
) -> None:
    """After the time in which it may come back a console has ended, with the reason."""
    capture.attach(
        transcript,
        open_source("serial", uart.path),
        reopen=lambda: open_source("serial", "/dev/no-such-device"),
        reopen_for=0.2,
    )
    uart.unplug()
    until(lambda: not transcript.live, "giving up")
    assert kinds(events)[-1] == "error"
    assert "no such device" in events[-1].text


def test_detach_ends_the_reopening(
    capture: Capture, uart: Uart, transcript: Transcript, events: list[CaptureEvent]
) -> None:
    """Whoever detaches a vanished device has it ended at once."""
    capture.attach(
        transcript,
        open_source("serial", uart.path),
        reopen=lambda: open_source("serial", "/dev/no-such-device"),
        reopen_for=60,
    )
    uart.unplug()
    until(lambda: "reopening" in kinds(events), "the loss")
    assert not capture.attached(transcript)
    capture.detach(transcript)
    assert not transcript.live


def test_half_closed_socket(
    capture: Capture, uart: Uart, new_transcript: NewTranscript, events: list[CaptureEvent]
) -> None:
    """A peer that closes its sending side ends its console, and no other."""
    half, other = new_transcript("rse0"), new_transcript("rse1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        capture.attach(half, open_source("tcp", f"127.0.0.1:{server.getsockname()[1]}"))
        capture.attach(other, open_source("serial", uart.path))
        client, _ = server.accept()
        with client:
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
            until(lambda: not half.live, "the end")
            uart.say(b"fine")
            until(lambda: other.size == 4, "the other console")
    assert half.path.read_bytes() == b"last words"
    assert [e.kind for e in events if e.console == "rse0"] == ["attached", "eof"]


#: Fills a file up to a limit of the kernel; the disk is full in the middle of a burst.
_FULL = """
import resource, signal, sys, os, pathlib
from hil.uart.capture import Capture
from hil.uart.sources import FdSource
from hil.uart.transcript import Transcript
import time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
folder = pathlib.Path(sys.argv[1])
ends = [os.pipe(), os.pipe()]
made = [Transcript(folder / f"rse{n}.log") for n in range(2)]
with Capture() as capture:
    for (read, _), transcript in zip(ends, made):
        capture.attach(transcript, FdSource(read, "pipe"))
    for _ in range(100):
        os.write(ends[0][1], b"x" * 1000)
    os.write(ends[1][1], b"fine")
    limit = time.monotonic() + 10
    while made[0].size + made[0].lost < 100_000 or made[1].size < 4:
        assert time.monotonic() < limit
        time.sleep(0.01)
    print(made[0].size, made[0].lost, made[1].size, [e.kind for e in capture.events])
"""


def test_disk_full_in_the_middle_of_a_burst(tmp_path: Path) -> None:
    """At a real end of space what fits is kept, the rest is counted, the others go on."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "50000 50000 4 ['attached', 'attached', 'disk']\n", done.stderr
    assert Recording(tmp_path / "rse0.log").size == 50_000


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A long output does not stay in memory, also where a wait looks through all of it."""
    read, write = os.pipe()
    transcript = Transcript(tmp_path / "rse0.log")
    with Capture() as capture:
        capture.attach(transcript, FdSource(read, "pipe"))
        console = Console(transcript, capture, timeout=60)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        def talk() -> None:
            for _ in range(1000):
                os.write(write, b"x" * 49_999 + b"\n")
            os.write(write, b"the end\n")

        thread = threading.Thread(target=talk)
        thread.start()
        console.expect(r"the (end)\n")
        thread.join()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
        assert len(console.before) == 1 << 20
        assert console.before_span == (0, 50_000_000)
    transcript.close()
    os.close(write)


def test_soak_in_short(
    capture: Capture, new_uart: Callable[[], Uart], new_transcript: NewTranscript
) -> None:
    """Sixteen UARTs talk in random pieces and pauses; every byte of each is kept, in order."""
    uarts = [(new_uart(), new_transcript(f"rse{n}")) for n in range(16)]
    sums = [hashlib.sha256() for _ in uarts]
    for uart, transcript in uarts:
        capture.attach(transcript, open_source("serial", uart.path))

    def talk(number: int) -> None:
        rng = random.Random(number)
        for _ in range(60):
            piece = rng.randbytes(rng.choice((1, 7, 100, 4095, 4096, 20_000)))
            sums[number].update(piece)
            uarts[number][0].say(piece)
            time.sleep(rng.random() * 0.004)
        sums[number].update(b"\nEND\n")
        uarts[number][0].say(b"\nEND\n")

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for _, transcript in uarts:
        Console(transcript, timeout=30).expect_exact("\nEND\n")
    for thread in threads:
        thread.join()
    for (_, transcript), digest in zip(uarts, sums, strict=True):
        assert hashlib.sha256(transcript.path.read_bytes()).digest() == digest.digest()
