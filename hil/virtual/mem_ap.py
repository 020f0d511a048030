# SPDX-License-Identifier: Apache-2.0
"""The AHB5 memory access port (ADIv6 MEM-APv2, IDR 0x34770008) of a virtual board."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from hil.virtual.bus import Bus, BusFaultError
from hil.virtual.core_debug import Core
from hil.virtual.ppb_table import component_ids
from hil.virtual.probe_errors import FaultError

IDR = 0x34770008
_REGISTERS = 0xD00
_CSW, _TAR, _DRW, _BD0, _BD3 = 0xD00, 0xD04, 0xD0C, 0xD10, 0xD1C
_CFG_VALUE = 7 << 16  # TAR increments within 64 KiB
_WRAP = 0xFFFF

_CSW_SIZE, _CSW_INCREMENT, _CSW_SINGLE = 7, 0x30, 0x10
_CSW_DEVICE_ENABLE, _CSW_SECURE_ENABLE, _CSW_NONSECURE = 1 << 6, 1 << 23, 1 << 30
_CSW_WRITABLE = 0x1F008000 | _CSW_NONSECURE | _CSW_INCREMENT
_SIZE_WORD = 2

_PPB_BASE, _PPB_END = 0xE0000000, 0xE0100000

#: Faults of the debug authentication; the board offers them by name.
FAULTS = {
    "debug-locked": "the memory access port refuses every memory access, as on a locked device",
    "debug-nonsecure": "only non-secure debug accesses are allowed",
    "debug-asleep": "no memory access while the core runs, as with a sleeping power domain",
}


def _words(data: bytes) -> list[int]:
    values = array("I", data)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


def _bytes(words: Sequence[int]) -> bytes:
    values = array("I", [word & 0xFFFFFFFF for word in words])
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


class MemAp:
    """Turns register accesses into accesses of the system bus.

    Args:
        bus: The system bus.
        core: The core, whose reset line makes the bus unreachable.
        faults: Names out of `FAULTS`.
    """

    def __init__(self, bus: Bus, core: Core, faults: AbstractSet[str] = frozenset()) -> None:
        self._bus = bus
        self._core = core
        self._ids = dict(component_ids(0, part=0x9E3, devarch=0x47700A17))
        self._tar = 0
        enables = _CSW_DEVICE_ENABLE | _CSW_SECURE_ENABLE
        if "debug-nonsecure" in faults:
            enables = _CSW_DEVICE_ENABLE
        if "debug-locked" in faults:
            enables = 0
        self._enables = enables
        self._sleeps = "debug-asleep" in faults
        self._csw = 0x03000000 | _SIZE_WORD

    def read(self, offset: int) -> int:
        """Return the register at `offset` of the 4 KiB of this port."""
        if offset == _CSW:
            return self._csw | self._enables
        if offset == _TAR:
            return self._tar
        if offset == _DRW:
            return self._read_data()
        if _BD0 <= offset <= _BD3:
            return self._load((self._tar & ~0xF) | (offset & 0xC), 4)
        if offset == _REGISTERS + 0xF4:
            return _CFG_VALUE
        if offset == _REGISTERS + 0xF8:
            return 0xE00FF003
        if offset == _REGISTERS + 0xFC:
            return IDR
        return self._ids.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == _CSW:
            size = value & _CSW_SIZE
            self._csw = value & _CSW_WRITABLE | (size if size <= _SIZE_WORD else _SIZE_WORD)
        elif offset == _TAR:
            self._tar = value
        elif offset == _DRW:
            self._write_data(value)
        elif _BD0 <= offset <= _BD3:
            self._store((self._tar & ~0xF) | (offset & 0xC), 4, value)

    def read_many(self, offset: int, count: int) -> list[int]:
        """Read one register many times; blocks of memory words go the short way."""
        if offset == _DRW and self._is_block(count):
            self._check(self._tar)
            data = self._bus.read(self._tar, 4 * count)
            self._advance(4 * count)
            return _words(data)
        return [self.read(offset) for _ in range(count)]

    def write_many(self, offset: int, values: Sequence[int]) -> None:
        """Write one register many times; blocks of memory words go the short way."""
        if offset == _DRW and self._is_block(len(values)):
            self._check(self._tar)
            self._bus.write(self._tar, _bytes(values))
            self._advance(4 * len(values))
            return
        for value in values:
            self.write(offset, value)

    def _is_block(self, count: int) -> bool:
        words = self._csw & (_CSW_SIZE | _CSW_INCREMENT) == _SIZE_WORD | _CSW_SINGLE
        inside = (self._tar & _WRAP) + 4 * count <= _WRAP + 1
        return words and inside and not self._tar & 3 and self._bus.is_memory(self._tar)

    def _read_data(self) -> int:
        size = 1 << (self._csw & _CSW_SIZE)
        value = self._load(self._tar, size) << (8 * (self._tar & 3 & -size))
        self._advance(size)
        return value

    def _write_data(self, value: int) -> None:
        size = 1 << (self._csw & _CSW_SIZE)
        lane = value >> (8 * (self._tar & 3 & -size))
        self._store(self._tar, size, lane & ((1 << (8 * size)) - 1))
        self._advance(size)

    def _load(self, address: int, size: int) -> int:
        self._check(address)
        return self._bus.load(address & -size, size)

    def _store(self, address: int, size: int, value: int) -> None:
        self._check(address)
        self._bus.store(address & -size, size, value)

    def _check(self, address: int) -> None:
        """Refuse what the authentication or a reset in progress does not let through."""
        if not self._enables:
            raise FaultError("debug access is disabled")
        if self._sleeps and self._core.running:
            raise FaultError("the core's power domain sleeps")
        if _PPB_BASE <= address < _PPB_END:
            return
        nonsecure = self._csw & _CSW_NONSECURE or not self._enables & _CSW_SECURE_ENABLE
        if nonsecure:
            raise FaultError(f"no non-secure memory at {address:#010x}")
        if self._core.held:
            raise BusFaultError(address)

    def _advance(self, amount: int) -> None:
        if self._csw & _CSW_INCREMENT == _CSW_SINGLE:
            self._tar = self._tar & ~_WRAP | (self._tar + amount) & _WRAP
