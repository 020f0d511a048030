# SPDX-License-Identifier: Apache-2.0
"""NOR flash and its controller: programming only clears bits, erasing sets whole sectors.

The controller copies from RAM by itself (DMA); writes of the core or the debugger to the mapped
flash do nothing, as on a memory-mapped SPI flash.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hil.virtual.bus import Bus, BusFaultError
from hil.virtual.fault_counts import FaultCounts

SIZE = 0x800000
SECTOR_4K = 0x1000
SECTOR_16K = 0x4000

CONTROLLER_ID = 0x52534E46  # "FNSR"
UNLOCK_KEY = 0x5EC0DE01

# Registers of the controller.
REG_ID = 0x00
REG_KEY = 0x04
REG_ADDRESS = 0x08
REG_SOURCE = 0x0C
REG_LENGTH = 0x10
REG_COMMAND = 0x14
REG_STATUS = 0x18

CMD_ERASE_4K = 1
CMD_ERASE_16K = 2
CMD_ERASE_CHIP = 3
CMD_PROGRAM = 4

STATUS_BUSY = 1
STATUS_ERROR = 2
STATUS_LOCKED = 4

_ERASE_SIZES = {CMD_ERASE_4K: SECTOR_4K, CMD_ERASE_16K: SECTOR_16K}

#: Which byte of a programmed page `flash-bad-bit` spoils.
_BAD_BYTE = 100

#: Faults that the controller knows; the board offers them by name.
FAULTS = {
    "flash-erase-error": "every erase command ends with the error bit",
    "flash-program-error": "every program command ends with the error bit",
    "flash-hang": "the controller stays busy for ever after a program command",
    "flash-bad-bit": "every program command loses one bit without an error",
    "flash-protected": "sectors cannot be erased until the whole chip has been",
    "power-cut": "the supply fails for 0.4 s in the middle of a page; once",
}


class NorFlash:
    """NOR cells, kept in a file where one is given.

    Args:
        path: Its image up to the last byte ever programmed; what is beyond its end is erased.
        size: Bytes.
        base: What its first byte is to the controller.
    """

    def __init__(self, path: Path | None = None, size: int = SIZE, base: int = 0) -> None:
        self.cells = bytearray(b"\xff" * size)
        self.base = base
        self._path = path
        self._kept = 0
        if path is not None and path.exists():
            content = path.read_bytes()[:size]
            self._kept = len(content)
            self.cells[: len(content)] = content

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`."""
        return bytes(self.cells[offset : offset + size])

    def erase(self, offset: int, size: int) -> None:
        """Set all bits of a range."""
        self.cells[offset : offset + size] = b"\xff" * size
        self._keep(offset, min(offset + size, self._kept))

    def program(self, offset: int, data: bytes) -> None:
        """Clear the bits that are clear in `data`; a clear bit stays clear."""
        size = len(data)
        old = int.from_bytes(self.cells[offset : offset + size], "little")
        new = old & int.from_bytes(data, "little")
        self.cells[offset : offset + size] = new.to_bytes(size, "little")
        self._keep(offset, offset + size)

    def _keep(self, start: int, end: int) -> None:
        """Write a changed range through to the file."""
        if self._path is None or end <= start:
            return
        start = min(start, self._kept)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(handle, self.cells[start:end], start)
        finally:
            os.close(handle)
        self._kept = max(self._kept, end)


class FlashController:
    """The registers that erase and program the flash.

    Args:
        flash: The cells.
        bus: Where the data to program are fetched from.
        faults: When which of `FAULTS` hold, counted in commands of their kind.
        on_power_cut: Called in the middle of a page when the supply fails.
        on_page: Called with the number of each page whose programming begins, from 1.
    """

    def __init__(
        self,
        flash: NorFlash,
        bus: Bus,
        faults: FaultCounts | None = None,
        on_power_cut: Callable[[], None] = lambda: None,
        on_page: Callable[[int], None] = lambda _number: None,
    ) -> None:
        self._flash = flash
        self._bus = bus
        self._faults = faults or FaultCounts()
        self._on_power_cut = on_power_cut
        self._on_page = on_page
        self._erases = self._programs = 0
        self.reset()

    def reset(self) -> None:
        """Return to the state after a reset: idle and locked."""
        self._registers = dict.fromkeys((REG_ADDRESS, REG_SOURCE, REG_LENGTH), 0)
        self._status = STATUS_LOCKED

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == REG_ID:
            return CONTROLLER_ID
        if offset == REG_STATUS:
            return self._status
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register; writing the command register starts a command."""
        if offset == REG_KEY:
            self._status = 0 if value == UNLOCK_KEY else STATUS_LOCKED
        elif offset in self._registers:
            self._registers[offset] = value
        elif offset == REG_COMMAND and not self._status & (STATUS_LOCKED | STATUS_BUSY):
            self._status = self._execute(value)

    def _execute(self, command: int) -> int:
        address = self._registers[REG_ADDRESS] - self._flash.base
        if command == CMD_ERASE_CHIP:
            return self._erase(0, len(self._flash.cells))
        if command in _ERASE_SIZES:
            return self._erase(address, _ERASE_SIZES[command])
        if command == CMD_PROGRAM:
            return self._program(address, self._registers[REG_SOURCE], self._registers[REG_LENGTH])
        return STATUS_ERROR

    def _erase(self, address: int, size: int) -> int:
        self._erases += 1
        if self._faults.holds("flash-erase-error", self._erases):
            return STATUS_ERROR
        if size == len(self._flash.cells):
            self._faults.cure("flash-protected")
        elif self._faults.holds("flash-protected", self._erases):
            return STATUS_ERROR
        if not self._has(address, size) or address % size:
            return STATUS_ERROR
        self._flash.erase(address, size)
        return 0

    def _has(self, address: int, size: int) -> bool:
        return address >= 0 and address + size <= len(self._flash.cells)

    def _program(self, address: int, source: int, length: int) -> int:
        self._programs += 1
        number, holds = self._programs, self._faults.holds
        self._on_page(number)
        if holds("flash-hang", number):
            return STATUS_BUSY
        if holds("flash-program-error", number) or not self._has(address, length) or not length:
            return STATUS_ERROR
        try:
            data = bytearray(self._bus.read(source, length))
        except BusFaultError:
            return STATUS_ERROR
        if holds("flash-bad-bit", number):
            data[min(length - 1, _BAD_BYTE)] ^= 0x10
        if holds("power-cut", number):
            self._flash.program(address, bytes(data[: length // 2]))
            self._on_power_cut()
            return STATUS_BUSY
        self._flash.program(address, bytes(data))
        return 0
