# SPDX-License-Identifier: Apache-2.0
"""The machines of QEMU that TF-M runs on, as a table: their memories and their UARTs.

Source: QEMU 7.2 hw/arm/mps2-tz.c and armsse.c. Every memory is seen twice, secure with bit 28 of
the address set and non-secure without it; after reset all of it is secure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from hil.images.placement import PlacedImage

MachineName = Literal["mps2-an505", "mps2-an521", "mps3-an524"]

_SECURE = 1 << 28


@dataclass(frozen=True)
class Ram:
    """A memory that images and kept regions may be in."""

    name: str
    #: As the non-secure side sees it.
    start: int
    size: int

    def holds(self, address: int, size: int) -> bool:
        """Return whether a range is in it, by either of its addresses."""
        offset = (address & ~_SECURE) - self.start
        return offset >= 0 and offset + size <= self.size


@dataclass(frozen=True)
class Machine:
    """One machine."""

    name: MachineName
    uarts: int
    rams: tuple[Ram, ...]

    def ram_of(self, address: int, size: int) -> Ram | None:
        """Return the memory that holds a whole range, None if none does."""
        return next((ram for ram in self.rams if ram.holds(address, size)), None)

    def describe(self) -> str:
        """Return the secure addresses of the memories, for messages."""
        return ", ".join(
            f"{ram.name} {ram.start | _SECURE:#x} to {(ram.start | _SECURE) + ram.size - 1:#x}"
            for ram in self.rams
        )


_MPS2 = (Ram("SSRAM2 and 3", 0x28000000, 0x400000), Ram("PSRAM", 0x80000000, 0x1000000))
_MPS3 = (Ram("QSPI", 0x28000000, 0x800000), Ram("DDR", 0x60000000, 0x80000000))

# fmt: off
MACHINES: dict[MachineName, Machine] = {
    row.name: row
    for row in (
        Machine("mps2-an505", 5, (Ram("SSRAM1", 0, 0x400000), Ram("SRAM", 0x20000000, 0x8000), *_MPS2)),
        Machine("mps2-an521", 5, (Ram("SSRAM1", 0, 0x400000), Ram("SRAM", 0x20000000, 0x20000), *_MPS2)),
        Machine("mps3-an524", 6, (Ram("BRAM", 0, 0x80000), Ram("SRAM", 0x20000000, 0x20000), *_MPS3)),
    )
}
# fmt: on


def misplaced(images: Iterable[PlacedImage], machine: MachineName) -> Iterator[str]:
    """Yield what is wrong with the places of images on a machine, a sentence each."""
    there = MACHINES[machine]
    for image in images:
        if there.ram_of(image.address, image.size) is None:
            yield (
                f"RSE {image.rse}: {image.name} ({image.path}) at {image.address:#x} to "
                f"{image.end - 1:#x}: no memory of {machine} holds it; it has {there.describe()}"
            )
