# SPDX-License-Identifier: Apache-2.0
"""The look-out for probe servers that end the connection."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from hil.targets.pyocd_watch import Connections

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the state is known on Linux only")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection; the first is ours, the second the probe server's."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
    ):
        theirs, _ = server.accept()
        with theirs:
            yield ours, theirs


def looks(connections: Connections) -> list[bool]:
    return [connections.ended_by_peer() for _ in range(3)]


def test_a_live_connection_is_left_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    """As long as both ends are open nothing is reported."""
    assert looks(Connections()) == [False, False, False]
    assert ends[0].fileno() > 0


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_an_end_by_the_peer_is_noticed(
    ends: tuple[socket.socket, socket.socket], reset: bool
) -> None:
    """Whether the server closed or was killed with data unread, the second look knows."""
    ours, theirs = ends
    connections = Connections()
    assert not connections.ended_by_peer()
    if reset:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert looks(connections) == [False, True, True]
    assert ours.fileno() > 0


def test_closing_our_own_end_is_no_alarm(ends: tuple[socket.socket, socket.socket]) -> None:
    """A session that ends in order is not taken for a lost one."""
    connections = Connections()
    assert not connections.ended_by_peer()
    ours, theirs = ends
    ours.close()
    theirs.close()
    assert looks(connections) == [False, False, False]
