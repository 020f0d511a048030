# SPDX-License-Identifier: Apache-2.0
"""The channels to QEMU, with another side that answers late, wrongly, too much or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from hil.errors import DeviceError
from hil.targets.qemu_monitor import LineChannel, Memory, Monitor

GREETING = {"QMP": {"version": {"qemu": {"major": 9, "minor": 1, "micro": 2}}, "capabilities": []}}
DONE = b'{"return": {}}\r\n'


class Peer:
    """The other side: sends bytes, and answers each line with the next of its answers."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.lines: list[str] = []
        self._thread: threading.Thread | None = None

    def answer(self, *answers: bytes) -> None:
        def serve() -> None:
            with contextlib.suppress(OSError), self.theirs.makefile("rb") as stream:
                for answer in answers:
                    line = stream.readline()
                    if not line:
                        return
                    self.lines.append(line.decode().strip())
                    self.theirs.sendall(answer)

        self._thread = threading.Thread(target=serve)
        self._thread.start()

    def channel(self, limit: float = 5) -> LineChannel:
        return LineChannel(self.ours, limit)

    def monitor(self, *answers: bytes, limit: float = 5) -> Monitor:
        self.theirs.sendall(json.dumps(GREETING).encode() + b"\r\n")
        self.answer(DONE, *answers)
        return Monitor.greeted(self.channel(limit), time.monotonic() + 5)

    def close(self) -> None:
        self.ours.close()
        if self._thread is not None:
            self._thread.join(5)
        self.theirs.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def test_a_command_is_answered_among_events(peer: Peer) -> None:
    """Events that come before the answer do not get in its way; the version is the greeting's."""
    monitor = peer.monitor(b'{"event": "STOP"}\r\n{"return": {"status": "paused"}}\r\n')
    assert monitor.version == (9, 1, 2)
    assert monitor.command("query-status", a=1) == {"status": "paused"}
    assert json.loads(peer.lines[-1]) == {"execute": "query-status", "arguments": {"a": 1}}


def test_a_reset_waits_for_its_own_event(peer: Peer) -> None:
    """Resets that the firmware did do not count; the launcher's own may come before the answer."""
    guest = b'{"event": "RESET", "data": {"guest": true}}\r\n'
    host = b'{"event": "RESET", "data": {"guest": false}}\r\n'
    monitor = peer.monitor(guest + DONE + host, host + DONE, guest + DONE, limit=0.3)
    monitor.reset()
    monitor.reset()
    with pytest.raises(DeviceError, match=r"no answer in 0\.3 s"):
        monitor.reset()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"error": {"class": "GenericError", "desc": "no such thing"}}\n', "look: no such thing"),
        (b"\xff\xfe{\n", "not JSON"),
        (b"[1]\n", "not an object"),
        (b"x" * (3 << 20), "QEMU's answer has no end"),
        (b"", r"no answer in 0\.3 s"),
    ],
)
def test_answers_that_are_none(peer: Peer, answer: bytes, told: str) -> None:
    """Refusals, nonsense, endless lines and silence are one error each, in bounded time."""
    monitor = peer.monitor(answer, limit=0.3)
    with pytest.raises(DeviceError, match=told):
        monitor.command("look")


@pytest.mark.parametrize("greeting", [b"SSH-2.0\n", b"{}\n", b'{"QMP": {"version": 3}}\n', b"[]\n"])
def test_a_greeting_that_is_none(peer: Peer, greeting: bytes) -> None:
    """Whatever else listens there is not taken for QEMU."""
    peer.theirs.sendall(greeting)
    with pytest.raises(DeviceError, match="what answers is no QEMU monitor"):
        Monitor.greeted(peer.channel(), time.monotonic() + 5)


def test_the_other_side_goes(peer: Peer) -> None:
    """A monitor that is closed is told at once, whether a command was on its way or not."""
    channel = peer.channel()
    peer.theirs.close()
    with pytest.raises(DeviceError, match="QEMU has closed its monitor"):
        channel.receive(time.monotonic() + 5)
    with pytest.raises(DeviceError, match="QEMU takes no command"):
        channel.send("x")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"OK aGk=\n", "2 bytes instead of 4"),
        (b"OK !\n", "not base64"),
        (b"FAIL Unknown command\n", "b64read 0x10 0x4: FAIL Unknown command"),
        (b"IRQ raise 1\n" * 3, r"no answer in 0\.3 s"),
    ],
)
def test_memory_that_is_not_as_asked(peer: Peer, answer: bytes, told: str) -> None:
    """Short, garbled and refused reads are errors, not data."""
    peer.answer(answer)
    with pytest.raises(DeviceError, match=told):
        Memory(peer.channel(0.3)).read(0x10, 4)


def test_memory_is_moved_in_pieces(peer: Peer) -> None:
    """A large range is several requests, each of a size that both sides can hold."""
    peer.answer(b"OK\n", b"OK\n")
    Memory(peer.channel()).write(0x100, bytes((1 << 20) + 3))
    heads = [line.rpartition(" ")[0] for line in peer.lines]
    assert heads == ["b64write 0x100 0x100000", "b64write 0x100100 0x3"]
