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

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# All spellings end alike; a digit must not be the last thing seen, more may follow.
_ANNOUNCEMENT = re.compile(
    r"([A-Za-z_][\w\[\]-]*): ?Listening for serial connection on port (\d+)(?=\D)"
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

    def feed(self, text: str) -> None:
        """Take more output."""
        text = _ANSI.sub("", self._rest + text)
        end = 0
        for match in _ANNOUNCEMENT.finditer(text):
            self.seen.append(Announcement(match[1], int(match[2])))
            end = match.end()
        # Only an unfinished line can still become an announcement.
        self._rest = text[max(end, text.rfind("\n") + 1) :]


class PortPlan:
    """Start ports of terminals, one range of `SPACING` ports each.

    Args:
        keys: What the terminals are for (RSE ids), in any order.
        base: First port of the first range; found when None.
    """

    def __init__(self, keys: Iterable[int], *, base: int | None = None) -> None:
        self._keys = list(keys)
        first = _free_base(len(self._keys)) if base is None else base
        self.start_ports = {key: first + i * SPACING for i, key in enumerate(self._keys)}

    def assign(self, seen: Iterable[Announcement]) -> dict[int, int]:
        """Announced port by key, for those that are announced."""
        ports: dict[int, int] = {}
        for announcement in seen:
            for key, start in self.start_ports.items():
                if start <= announcement.port < start + SPACING:
                    ports.setdefault(key, announcement.port)
        return ports


def _free_base(terminals: int) -> int:
    """First port of ranges whose first ports are free now.

    Two benches that start together may still choose the same ports; the spacing takes that.
    """
    span = terminals * SPACING
    choices = list(range(_FIRST, _LAST - span, SPACING))
    random.shuffle(choices)
    for base in choices:
        if all(_is_free(base + i * SPACING) for i in range(terminals)):
            return base
    raise DeviceError(
        f"no {terminals} free TCP ports between {_FIRST} and {_LAST}", operation="start the model"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
