# SPDX-License-Identifier: Apache-2.0
"""The vHUK seed handshake between the RSEs: what a party knows, and which release does what.

RSE 0 is the server. 2.2.2 exchanges raw messages with a session-key phase of its own; from 2.3 on
SFCP carries and encrypts them. No release but `fixed` has a timeout: a missing peer is waited for
for ever, without a word on the UART.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from hil.virtual.ports import Fabric

SERVER = 0
SEED_SIZE = 32

_POLL_SECONDS = 0.005
_SLOW_POLL_SECONDS = 0.02
_SLOW_AFTER_SECONDS = 1.0

#: One 32-byte seed per RSE id.
Seeds = list[bytes]
#: A part of the handshake: yields seconds, ends in what it was for.
Wait = Generator[float, None, bytes]
Exchange = Generator[float, None, Seeds]


@dataclass
class Party:
    """One RSE in the handshake.

    Attributes:
        me: Own id, from OTP.
        amount: Number of RSEs.
        generation: "2.2" or "2.3", for error codes.
        routes: Next hop (physical chip) for each id, from OTP.
        guk: Group key.
        state: Boot state, the context of 2.2's session key.
        own_seed: Seed derived from the own HUK.
        stale: What the seed array holds before anything is written to it (a stack's leftovers).
        fabric: The links.
        random: The TRNG.
        delay: Firmware seconds to host seconds.
        waited: Firmware seconds spent waiting so far.
    """

    me: int
    amount: int
    generation: str
    routes: bytes
    guk: bytes = field(repr=False)
    state: bytes = field(repr=False)
    own_seed: bytes = field(repr=False)
    stale: bytes = field(repr=False)
    fabric: Fabric
    random: Callable[[int], bytes] = field(repr=False)
    delay: Callable[[float], float]
    waited: float = 0.0

    @property
    def others(self) -> range:
        """Ids of the clients."""
        return range(1, self.amount)

    def blank_array(self) -> Seeds:
        """The seed array before the handshake: own seed first, then leftovers."""
        slots = [self.stale[SEED_SIZE * i : SEED_SIZE * (i + 1)] for i in range(self.amount)]
        return [self.own_seed, *slots[1:]]

    def chip_of(self, node: int) -> int:
        """Physical chip at the other end of the link to `node`."""
        return self.routes[node] if node < len(self.routes) else node

    def send(self, node: int, frame: bytes) -> None:
        """Send to an id."""
        self.fabric.send(self.chip_of(node), frame)

    def poll(self, node: int) -> bytes | None:
        """The oldest frame on the link to an id, if there is one."""
        received = self.fabric.receive(self.chip_of(node))
        return received[1] if received else None

    def pause(self) -> float:
        """Let a little time pass: `yield` this."""
        step = _POLL_SECONDS if self.waited < _SLOW_AFTER_SECONDS else _SLOW_POLL_SECONDS
        self.waited += step
        return self.delay(step)

    def wait_for(self, node: int) -> Wait:
        """The next frame from an id, however long it takes."""
        while (frame := self.poll(node)) is None:
            yield self.pause()
        return frame


def stale_stack(chip: int, amount: int) -> bytes:
    """Leftovers of earlier calls: always the same on one chip, different from chip to chip."""
    words = (hashlib.sha256(f"stack of chip {chip}, {i}".encode()).digest() for i in range(amount))
    return b"".join(words)
