# SPDX-License-Identifier: Apache-2.0
"""The UART of a virtual board: a pseudo terminal that any serial program opens."""

from __future__ import annotations

import os
import selectors
import tty

from hil.virtual.board_loop import Loop

_REG_DATA = 0


class PtyUart:
    """Sends into a pty in raw mode; bytes without room are lost, as on a wire.

    The far end is kept open here too: otherwise a reader that closes it would end the line for the
    next one.

    Args:
        loop: The event loop; what comes in is thrown away.
        silent: Whether nothing comes out.
    """

    def __init__(self, loop: Loop, *, silent: bool = False) -> None:
        self._silent = silent
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.path = os.ttyname(self._far)
        loop.watch(self._near, selectors.EVENT_READ, self._discard)

    def write(self, data: bytes) -> None:
        """Send bytes, as many as there is room for."""
        if self._silent:
            return
        try:
            os.write(self._near, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Close both ends."""
        os.close(self._near)
        os.close(self._far)

    def _discard(self, _events: int) -> None:
        try:
            os.read(self._near, 4096)
        except BlockingIOError:
            return


class UartRegisters:
    """The CMSDK UART as code on the core sees it: writing the data register sends a byte.

    Args:
        uart: Where the bytes go.
    """

    def __init__(self, uart: PtyUart) -> None:
        self._uart = uart

    def read(self, _offset: int) -> int:
        """Return 0: never busy, nothing received."""
        return 0

    def write(self, offset: int, value: int) -> None:
        """Send a byte through the data register."""
        if offset == _REG_DATA:
            self._uart.write(bytes((value & 0xFF,)))
