# SPDX-License-Identifier: Apache-2.0
"""One chip of the virtual FVP: what its firmware does, and its links to the other chips."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

from hil.virtual.firmware import BootEnd, VirtualRse
from hil.virtual.fvp_uart import Uart

_NOISE_BYTES = 256
_RESET_SECONDS = 0.01
_CHARACTER_SECONDS = 0.005


class Mesh:
    """Inboxes of all chips; frames wait until they are read, also over a reset of the reader."""

    def __init__(self, chips: int) -> None:
        self.inboxes: list[deque[tuple[int, bytes]]] = [deque() for _ in range(chips)]


class Link:
    """One chip's end of the mesh."""

    def __init__(self, mesh: Mesh, chip: int) -> None:
        self._mesh = mesh
        self._chip = chip

    def send(self, to: int, frame: bytes) -> None:
        """Leave a frame in the peer's inbox; a frame to a chip that does not exist is lost."""
        if 0 <= to < len(self._mesh.inboxes):
            self._mesh.inboxes[to].append((self._chip, frame))

    def receive(self, sender: int | None = None) -> tuple[int, bytes] | None:
        """Oldest waiting frame, of one sender if named."""
        inbox = self._mesh.inboxes[self._chip]
        for index, (source, frame) in enumerate(inbox):
            if sender is None or source == sender:
                del inbox[index]
                return source, frame
        return None


def chatter(uart: Uart, *, chip: int, flood: int) -> Generator[float, None, None]:
    """What the SCP of a chip says: noise."""
    noise = f"[SCP] noise of chip {chip} ".encode().ljust(_NOISE_BYTES - 2, b".") + b"\r\n"
    for _ in range(0, flood, _NOISE_BYTES):
        uart.write(noise)
        yield 0.0


def life(
    rse: VirtualRse, uart: Uart, *, chip: int, time_scale: float, flood: int, echo: bool
) -> Generator[float, None, None]:
    """Everything one chip does from power-on; yields seconds of paced time between its steps."""
    noise = f"[VER] noise of chip {chip} ".encode().ljust(_NOISE_BYTES - 2, b".") + b"\r\n"
    for _ in range(0, flood, _NOISE_BYTES):
        uart.write(noise)
        yield 0.0
    while (yield from rse.boot()) is BootEnd.RESET:
        yield _RESET_SECONDS * time_scale
    while echo:
        data = uart.read(1)
        if data:
            uart.write(data)
        yield _CHARACTER_SECONDS
