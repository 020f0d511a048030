# SPDX-License-Identifier: Apache-2.0
"""NOR flash and its controller: programming only clears bits, erasing sets whole sectors.

The controller copies from RAM by itself (DMA); writes of the core or the debugger to the mapped
flash do nothing, as on a memory-mapped SPI flash.
"""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from hil.virtual.bus import Bus, BusFaultError

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

_ERASE_SIZES = {CMD_ERASE_4K: SECTOR_4K, CMD_ERASE_16K: SECTOR_16K, CMD_ERASE_CHIP: SIZE}

#: Which byte of a programmed page `flash-bad-bit` spoils.
_BAD_BYTE = 100

#: Faults that the controller knows; the board offers them by name.
FAULTS = {
    "flash-erase-error": "every erase command ends with the error bit",
    "flash-program-error": "every program command ends with the error bit",
    "flash-hang": "the controller stays busy for ever after a program command",
    "flash-bad-bit": "every program command loses one bit without an error",
}


class NorFlash:
    """8 MiB of NOR cells, kept in a file where one is given.

    Args:
        path: Its image up to the last byte ever programmed; what is beyond its end is erased.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.cells = bytearray(b"\xff" * SIZE)
        self._path = path
        self._kept = 0
        if path is not None and path.exists():
            content = path.read_bytes()[:SIZE]
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
        faults: Names out of `FAULTS`.
    """

    def __init__(self, flash: NorFlash, bus: Bus, faults: AbstractSet[str] = frozenset()) -> None:
        self._flash = flash
        self._bus = bus
        self._faults = faults
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
        address = self._registers[REG_ADDRESS]
        if command in _ERASE_SIZES:
            return self._erase(address, _ERASE_SIZES[command])
        if command == CMD_PROGRAM:
            return self._program(address, self._registers[REG_SOURCE], self._registers[REG_LENGTH])
        return STATUS_ERROR

    def _erase(self, address: int, size: int) -> int:
        if "flash-erase-error" in self._faults or address + size > SIZE or address % size:
            return STATUS_ERROR
        self._flash.erase(address, size)
        return 0

    def _program(self, address: int, source: int, length: int) -> int:
        if "flash-hang" in self._faults:
            return STATUS_BUSY
        if "flash-program-error" in self._faults or address + length > SIZE or not length:
            return STATUS_ERROR
        try:
            data = bytearray(self._bus.read(source, length))
        except BusFaultError:
            return STATUS_ERROR
        if "flash-bad-bit" in self._faults:
            data[min(length - 1, _BAD_BYTE)] ^= 0x10
        self._flash.program(address, bytes(data))
        return 0
