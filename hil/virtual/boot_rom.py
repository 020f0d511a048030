# SPDX-License-Identifier: Apache-2.0
"""The boot ROM of a virtual board: a vector table, an endless loop, and the firmware behind it.

While the core runs in the loop, the firmware advances; a halted core freezes it, a reset starts it
anew. Firmware time that was left when the core halted is still to go when the core runs on.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Generator

from hil.virtual.core_debug import Core
from hil.virtual.firmware import BootEnd

ROM_BASE, ROM_SIZE = 0x11000000, 0x20000
_INITIAL_STACK = 0x30010000
_ENTRY = ROM_BASE + 0x400
_LOOP = 0xE7FE  # b .

#: Seconds that the firmware may work before the debugger gets its turn.
_BUDGET = 0.005


def rom_image() -> bytearray:
    """Return the content of the ROM: a vector table whose every vector is the endless loop."""
    image = bytearray(struct.pack("<H", _LOOP) * (ROM_SIZE // 2))
    struct.pack_into("<16I", image, 0, _INITIAL_STACK, *[_ENTRY | 1] * 15)
    return image


class FirmwareHost:
    """Advances the firmware while the core runs in the boot ROM.

    Args:
        core: The core.
        boot: Starts one boot.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        core: Core,
        boot: Callable[[], Generator[float, None, BootEnd]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core = core
        self._boot = boot
        self._clock = clock
        self._firmware: Generator[float, None, BootEnd] | None = None
        self._left = 0.0
        self._deadline: float | None = None

    def restart(self) -> None:
        """Begin a new boot, from the reset vector."""
        self.drop()
        self._firmware = self._boot()

    def drop(self) -> None:
        """Stop the firmware where it is; it does not come back."""
        if self._firmware is not None:
            self._firmware.close()
        self._firmware = None
        self._left = 0.0
        self._deadline = None

    def advance(self) -> float | None:
        """Do what is due; return the seconds until more is, None while the firmware rests."""
        if self._firmware is None:
            return None
        now = self._clock()
        if not (self._core.running and self._core.in_rom):
            if self._deadline is not None:
                self._left = max(0.0, self._deadline - now)
                self._deadline = None
            return None
        if self._deadline is None:
            self._deadline = now + self._left
        limit = now + _BUDGET
        while self._deadline <= now < limit:
            if not self._step(now):
                return None if self._firmware is None else 0.0
            now = self._clock()
        return max(0.0, self._deadline - now)

    def _step(self, now: float) -> bool:
        """Run the firmware to its next pause; False when this boot is over."""
        firmware = self._firmware
        if firmware is None:
            return False
        try:
            self._deadline = now + next(firmware)
        except StopIteration as end:
            self.drop()
            if end.value is BootEnd.RESET:
                self._core.reset()
            return False
        return True
