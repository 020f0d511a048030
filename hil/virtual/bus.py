# SPDX-License-Identifier: Apache-2.0
"""The system bus of a virtual board: which address belongs to which memory or device.

Memories are looked up by 64 KiB page, so that the core and the debugger share one bytearray each.
"""

from __future__ import annotations

from typing import Literal, Protocol

PAGE = 0x10000
_PAGE_MASK = PAGE - 1

#: What a write from the bus does: store, raise a bus error, or vanish (memory-mapped NOR flash).
WriteAccess = Literal["store", "error", "ignore"]


class BusFaultError(Exception):
    """Raised for an access that nothing answers; becomes a FAULT or a HardFault.

    Args:
        address: Where the access went.
    """

    def __init__(self, address: int) -> None:
        self.address = address
        super().__init__(f"no answer on the bus at {address:#010x}")


class Device(Protocol):
    """Word-wide registers behind an address range."""

    def read(self, offset: int) -> int:
        """Return the register at `offset`."""
        ...

    def write(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""


class Bus:
    """Routes accesses; raises BusFaultError where there is nothing."""

    def __init__(self) -> None:
        self._pages: dict[int, tuple[bytearray, int, WriteAccess]] = {}
        self._devices: list[tuple[int, int, Device]] = []

    def map_memory(self, base: int, memory: bytearray, writes: WriteAccess = "store") -> None:
        """Put a memory at `base`; base and size are multiples of 64 KiB."""
        if base & _PAGE_MASK or len(memory) & _PAGE_MASK:
            message = f"memory of {len(memory):#x} bytes at {base:#x} is not in units of {PAGE:#x}"
            raise ValueError(message)
        for offset in range(0, len(memory), PAGE):
            self._pages[(base + offset) // PAGE] = (memory, base, writes)

    def map_device(self, base: int, size: int, device: Device) -> None:
        """Put word registers at `base`."""
        self._devices.append((base, base + size, device))

    def read(self, address: int, size: int) -> bytes:
        """Read a block of memory."""
        parts = []
        while size:
            memory, base, _ = self._memory(address)
            count = min(size, PAGE - (address & _PAGE_MASK))
            parts.append(bytes(memory[address - base : address - base + count]))
            address += count
            size -= count
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Write a block of memory."""
        start = 0
        while start < len(data):
            memory, base, writes = self._memory(address)
            count = min(len(data) - start, PAGE - (address & _PAGE_MASK))
            if writes == "error":
                raise BusFaultError(address)
            if writes == "store":
                memory[address - base : address - base + count] = data[start : start + count]
            address += count
            start += count

    def is_memory(self, address: int) -> bool:
        """Whether a memory (not a device, not nothing) answers at `address`."""
        return address // PAGE in self._pages

    def load(self, address: int, size: int) -> int:
        """Read 1, 2 or 4 bytes, from a memory or a device."""
        page = self._pages.get(address >> 16)
        if page is not None:
            offset = address - page[1]
            return int.from_bytes(page[0][offset : offset + size], "little")
        device, offset = self._device(address)
        word = device.read(offset & ~3)
        return (word >> (8 * (address & 3))) & ((1 << (8 * size)) - 1)

    def store(self, address: int, size: int, value: int) -> None:
        """Write 1, 2 or 4 bytes, to a memory or (whole words only) to a device."""
        page = self._pages.get(address >> 16)
        if page is not None:
            if page[2] == "error":
                raise BusFaultError(address)
            if page[2] == "store":
                offset = address - page[1]
                page[0][offset : offset + size] = value.to_bytes(size, "little")
            return
        device, offset = self._device(address)
        if size != 4:
            raise BusFaultError(address)
        device.write(offset, value)

    def _memory(self, address: int) -> tuple[bytearray, int, WriteAccess]:
        try:
            return self._pages[address // PAGE]
        except KeyError:
            raise BusFaultError(address) from None

    def _device(self, address: int) -> tuple[Device, int]:
        for base, end, device in self._devices:
            if base <= address < end:
                return device, address - base
        raise BusFaultError(address)
