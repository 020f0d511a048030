# SPDX-License-Identifier: Apache-2.0
"""Which TCP port a terminal of an FVP really got.

A model announces its terminals in one of three spellings, several on one line at times, in no
stable order, by leaf name only, so that all chips print the same name; a busy port makes it take
the next one. So each terminal gets its own range of ports to start in, far from the others: the
announced number alone tells which terminal it is.
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from hil.errors import DeviceError

#: Ports between two terminals: how often a busy port may push one up.
SPACING = 16
#: Below the range from which Linux takes ports of clients.
_FIRST, _LAST = 18000, 32000

#: Output without a line end is kept no longer than this.
_LONGEST_LINE = 65536

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# All spellings end alike; a digit must not be the last thing seen, more may follow.
_ANNOUNCEMENT = re.compile(
    r"([A-Za-z_][\w\[\]-]*): ?Listening for serial connection on port:? ?(\d+)(?=\D)", re.IGNORECASE
)


@dataclass(frozen=True)
class Announcement:
    """One terminal as the model announced it; several may have the same name."""

    leaf: str
    port: int


class AnnouncementScanner:
    """Finds announcements in the model's output, however it is cut into pieces."""

    def __init__(self) -> None:
        self._rest = ""
        self.seen: list[Announcement] = []

    def feed(self, text: str) -> list[Announcement]:
        """Take more output; returns what was announced in it."""
        known = len(self.seen)
        text = _ANSI.sub("", self._rest + text)
        end = 0
        for match in _ANNOUNCEMENT.finditer(text):
            self.seen.append(Announcement(match[1], int(match[2])))
            end = match.end()
        # Only an unfinished line can still become an announcement.
        self._rest = text[max(end, text.rfind("\n") + 1) :][-_LONGEST_LINE:]
        return self.seen[known:]


class PortPlan:
    """Start ports of terminals, one range of `SPACING` ports each.

    Args:
        keys: What the terminals are for (RSE ids), in any order.
        base: First port of the first range; a free one, reserved until `close`, when None.
    """

    def __init__(self, keys: Iterable[int], *, base: int | None = None) -> None:
        self._keys = list(keys)
        self.reservation = Reservation()
        if base is None:
            base = _free_base(len(self._keys), self.reservation)
        self.start_ports = {key: base + i * SPACING for i, key in enumerate(self._keys)}

    def key_of(self, port: int) -> int | None:
        """Whose range a port is in."""
        for key, start in self.start_ports.items():
            if start <= port < start + SPACING:
                return key
        return None

    def assign(self, seen: Iterable[Announcement]) -> dict[int, int]:
        """Announced port by key, for those that are announced.

        Raises:
            DeviceError: Two terminals are in one range, so that a busy port has pushed one out of
                its own.
        """
        ports: dict[int, int] = {}
        leaves: dict[int, str] = {}
        for announcement in seen:
            key = self.key_of(announcement.port)
            if key is None:
                continue
            if ports.setdefault(key, announcement.port) != announcement.port:
                raise DeviceError(
                    f"{announcement.leaf} on port {announcement.port} and {leaves[key]} on "
                    f"{ports[key]} are both in the range of RSE {key}: which is its console?",
                    operation="start the model",
                    hint="start again: other ports are taken then",
                )
            leaves[key] = announcement.leaf
        return ports

    def close(self) -> None:
        """Let other runs have the ports."""
        self.reservation.close()


class Reservation:
    """Ports that other runs on this host leave alone, as long as this process lives.

    A name in the kernel's abstract socket space stands for each: no file, gone with its holder.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self, ports: Iterable[int]) -> bool:
        """Reserve all of them, or none; whether it did. Only ports that nobody listens on."""
        taken: list[socket.socket] = []
        for port in ports:
            taken.append(socket.socket(socket.AF_UNIX))
            try:
                taken[-1].bind(f"\0rse-hil/port/{port}")
                free = is_free(port)
            except OSError:
                free = False
            if not free:
                for mark in taken:
                    mark.close()
                return False
        self._held += taken
        return True

    def take_one(self) -> int:
        """Reserve any one port; raises DeviceError if there is none."""
        for port in _shuffled(1):
            if self.take([port]):
                return port
        raise _none_free(1)

    def close(self) -> None:
        """Let them go; may be called twice."""
        while self._held:
            self._held.pop().close()


def _free_base(terminals: int, reservation: Reservation) -> int:
    """Reserve ranges whose first ports are free now; returns the first port."""
    for base in _shuffled(terminals * SPACING):
        if reservation.take(base + i * SPACING for i in range(terminals)):
            return base
    raise _none_free(terminals)


def _shuffled(span: int) -> list[int]:
    choices = list(range(_FIRST, _LAST - span, SPACING))
    random.shuffle(choices)
    return choices


def _none_free(count: int) -> DeviceError:
    return DeviceError(
        f"no {count} free TCP ports between {_FIRST} and {_LAST}", operation="start the model"
    )


def is_free(port: int) -> bool:
    """Whether nobody listens on a port, on any address of this host: models bind to all of them."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
