# SPDX-License-Identifier: Apache-2.0
"""Memory of one RSE as `--data` and the firmware see it; SRAM survives resets."""

from __future__ import annotations

from dataclasses import dataclass

from hil.errors import UsageError

FLASH_BASE = 0xB0000000
FLASH_SIZE = 0x800000
VM0_BASE = 0x31000000
VM1_BASE = 0x31080000


@dataclass(frozen=True)
class _Region:
    name: str
    base: int
    size: int
    erased: int = 0


_REGIONS = (
    _Region("ROM", 0x11000000, 0x20000),
    _Region("ITCM", 0x10000000, 0x10000),
    _Region("DTCM", 0x30000000, 0x10000),
    _Region("VM0 and VM1", VM0_BASE, 0x100000),
    _Region("boot flash", FLASH_BASE, FLASH_SIZE, 0xFF),
)


class Memory:
    """All memories of one RSE; regions come to life when touched."""

    def __init__(self) -> None:
        self._content: dict[str, bytearray] = {}

    def read(self, address: int, size: int) -> bytes:
        """Read bytes at an absolute address."""
        content, offset = self._find(address, size)
        return bytes(content[offset : offset + size])

    def write(self, address: int, data: bytes) -> None:
        """Write bytes at an absolute address."""
        content, offset = self._find(address, len(data))
        content[offset : offset + len(data)] = data

    def _find(self, address: int, size: int) -> tuple[bytearray, int]:
        for region in _REGIONS:
            if region.base <= address and address + size <= region.base + region.size:
                content = self._content.get(region.name)
                if content is None:
                    content = bytearray([region.erased]) * region.size
                    self._content[region.name] = content
                return content, address - region.base
        known = ", ".join(f"{r.name} {r.base:#010x}+{r.size:#x}" for r in _REGIONS)
        raise UsageError(f"no memory for {size} bytes at {address:#010x}; there is {known}")


class BootFlash:
    """The boot flash by offset, as the firmware reads it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes at an offset in the flash."""
        return self._memory.read(FLASH_BASE + offset, size)
