# SPDX-License-Identifier: Apache-2.0
"""The MHU links between virtual boards."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hil.virtual.board_loop import Loop
from hil.virtual.fabric_tcp import FabricTcp, port_file

LIMIT = 10


class Chip:
    """One end of the fabric with a loop of its own."""

    def __init__(self, folder: Path, number: int) -> None:
        self.loop = Loop()
        self.fabric = FabricTcp(self.loop, folder, number, 3)

    def close(self) -> None:
        self.fabric.close()
        self.loop.close()


class System:
    """Chips that are served in turn, as separate processes would be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chips: dict[int, Chip] = {}

    def start(self, number: int) -> FabricTcp:
        self.chips[number] = Chip(self.folder, number)
        return self.chips[number].fabric

    def serve(self, until: Callable[[], bool]) -> None:
        """Serve all chips until something is true."""
        deadline = time.monotonic() + LIMIT
        while not until():
            assert time.monotonic() < deadline, "nothing came"
            for chip in self.chips.values():
                chip.fabric.retry()
                for key, events in chip.loop._selector.select(0.001):
                    key.data(events)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    lab = System(tmp_path)
    yield lab
    for chip in lab.chips.values():
        chip.close()


def take(system: System, fabric: FabricTcp, sender: int | None = None) -> tuple[int, bytes]:
    """Wait for a frame."""
    found: list[tuple[int, bytes]] = []

    def look() -> bool:
        frame = fabric.receive(sender)
        found.extend([frame] if frame else [])
        return bool(found)

    system.serve(look)
    return found[0]


def test_frames_arrive_in_order_with_their_sender(system: System) -> None:
    """Every frame is delivered once, in the order it was sent."""
    zero, one = system.start(0), system.start(1)
    for text in (b"a", b"", b"c" * 5000):
        zero.send(1, text)
    assert [take(system, one) for _ in range(3)] == [(0, b"a"), (0, b""), (0, b"c" * 5000)]
    assert one.receive() is None


def test_a_frame_waits_for_a_peer_that_is_not_up(system: System) -> None:
    """Sending to a chip without power does not block; the frame is delivered when it comes up."""
    zero = system.start(0)
    zero.send(2, b"early")
    assert zero.retry() is not None
    two = system.start(2)
    assert take(system, two) == (0, b"early")


def test_receiving_from_one_sender_leaves_the_others(system: System) -> None:
    """`receive(sender)` takes that sender's oldest frame only."""
    zero, one, two = (system.start(n) for n in range(3))
    one.send(0, b"from one")
    system.serve(lambda: len(zero._inbox) == 1)
    two.send(0, b"from two")
    assert take(system, zero, 2) == (2, b"from two")
    assert zero.receive(2) is None
    assert zero.receive() == (1, b"from one")


def test_clear_forgets_frames_in_the_inbox_and_on_the_way(system: System) -> None:
    """What was sent before the clear never arrives, also what the receiver had not taken in."""
    zero, one = system.start(0), system.start(1)
    zero.send(1, b"old")
    system.serve(lambda: len(one._inbox) == 1)
    zero.send(1, b"on the way")  # in the socket; chip 1 has not looked
    one.clear()
    zero.send(1, b"new")
    assert take(system, one) == (0, b"new")
    assert one.receive() is None


def test_clear_takes_back_what_still_waits_for_a_peer(system: System) -> None:
    """A reset of the sender also forgets what it had not been able to deliver."""
    zero = system.start(0)
    zero.send(1, b"old")
    zero.clear()
    one = system.start(1)
    zero.send(1, b"new")
    assert take(system, one) == (0, b"new")


def test_a_restarted_peer_is_found_again(system: System) -> None:
    """A chip that lost power and came back gets what is sent afterwards."""
    zero, one = system.start(0), system.start(1)
    zero.send(1, b"first")
    assert take(system, one) == (0, b"first")
    system.chips.pop(1).close()
    again = system.start(1)
    system.serve(lambda: not any(box._connection for box in zero._outboxes.values()))
    zero.send(1, b"second")
    assert take(system, again) == (0, b"second")


def test_a_stranger_cannot_leave_frames(system: System) -> None:
    """A connection without the published token is closed and leaves nothing."""
    zero = system.start(0)
    port = int(port_file(system.folder, 0).read_text().split()[0])
    with socket.create_connection(("127.0.0.1", port), LIMIT) as stranger:
        stranger.sendall(b"RSEFABR1" + bytes(8) + bytes(4) + b"\x03\0\0\0abc")
        system.serve(lambda: bool(zero._senders))
        system.serve(lambda: not zero._senders)
        assert stranger.recv(1) == b""
    assert zero.receive() is None


def test_a_frame_to_itself_is_in_its_own_inbox(system: System) -> None:
    """A chip can send to itself."""
    zero = system.start(0)
    zero.send(0, b"me")
    assert zero.receive(0) == (0, b"me")
