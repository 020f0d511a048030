# SPDX-License-Identifier: Apache-2.0
"""What a host (a virtual board, a virtual FVP) must give to a virtual RSE.

The firmware is a state machine without threads, files or sockets: these four small protocols are
everything that it can touch.
"""

from __future__ import annotations

from typing import Protocol


class UartPort(Protocol):
    """The RSE's own UART, output only."""

    def write(self, data: bytes) -> None:
        """Send bytes; never blocks."""


class FlashPort(Protocol):
    """The flash that the RSE boots from."""

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` (erased flash reads FF), less where the flash ends."""
        ...


class SramPort(Protocol):
    """VM0 and VM1; their content survives core resets."""

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from the absolute address."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Store bytes at the absolute address."""


class Fabric(Protocol):
    """The MHU links between the RSEs, addressed by physical chip number."""

    def send(self, to: int, frame: bytes) -> None:
        """Leave a frame in the inbox of chip `to`; never blocks, the frame waits until read."""

    def receive(self, sender: int | None = None) -> tuple[int, bytes] | None:
        """Take the oldest waiting frame (from `sender`) with its physical sender; None if none."""
        ...
