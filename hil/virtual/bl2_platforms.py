# SPDX-License-Identifier: Apache-2.0
"""Which images BL2 loads, from where and to where, and what it says about it: one row a platform.

Sources: TF-M neoverse_rd/common/flash_layout.h and rdv3/bl2/boot_hal_bl2.c; kronos/flash_layout.h,
bl2/flash_map_bl2.c and bl2/boot_hal_bl2.c, built without a non-secure image; 2.2.2 and 2.3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hil.virtual.console_text import POST_LOAD, POST_LOAD_START, PRE_LOAD, rows

SECURE = 0


@dataclass(frozen=True)
class Slots:
    """Where the two slots of an image are, and where it may be loaded to.

    Attributes:
        offsets: In the flash; of an image in a package they are looked up.
        size: Of a slot.
        ram: Addresses that it may be loaded to.
        uuid: In a package.
        in_sram: Loaded to the RSE's own memory.
        rses: Ids of the RSEs that load it; all, where it is None.
        copies: How often it is loaded.
    """

    offsets: tuple[int, int]
    size: int
    ram: range
    uuid: bytes = b""
    in_sram: bool = False
    rses: frozenset[int] | None = None
    copies: int = 1


@dataclass(frozen=True)
class Platform:
    """What BL2 of one platform does.

    Attributes:
        images: In the order of loading, the secure one last.
        first: Lines after the platform's initialisation.
        before: Lines before an image is looked for.
        loaded: Lines after the first copy of it, before the others.
        after: Lines after all of it.
        names_chip: Whether it prints the id of its chip.
        window: Size of a window of the ATU, where the flash is the host's.
    """

    images: Mapping[int, Slots]
    first: tuple[str, ...] = ()
    before: Mapping[tuple[int, str], list[str]] = field(default_factory=dict)
    loaded: Mapping[int, str] = field(default_factory=dict)
    after: Mapping[tuple[int, str], list[str]] = field(default_factory=dict)
    names_chip: bool = False
    window: int | None = None

    def chain_offset(self, slot: int, offset: int) -> int:
        """Offset that it says to jump to: in the flash, or in the windows of the ATU to it."""
        if self.window is None:
            return offset
        return self.window * (_FIRST_IMAGE_WINDOW + slot) + offset % _ATU_PAGE


_FIRST_IMAGE_WINDOW, _ATU_PAGE = 3, 0x2000
_GENERATIONS = ("2.2", "2.3")
_SRAM = range(0x31000000, 0x31100000)
_HOST_WINDOW = range(0x70000000, 0x70198000)

RDV3 = Platform(
    {
        5: Slots((0x1C0000, 0x240000), 0x80000, _HOST_WINDOW),
        4: Slots((0x2C0000, 0x340000), 0x80000, _HOST_WINDOW),
        3: Slots((0x3C0000, 0x3D0000), 0x10000, _HOST_WINDOW, copies=4),
        2: Slots((0x3E0000, 0x460000), 0x80000, _HOST_WINDOW, rses=frozenset({0})),
        SECURE: Slots((0x040000, 0x100000), 0x60000, _SRAM, in_sram=True),
    },
    before={(i, g): rows(PRE_LOAD, i, g) for i in PRE_LOAD for g in _GENERATIONS},
    loaded={image: f"BL2: {text}" for image, text in POST_LOAD_START.items()},
    after={(i, g): rows(POST_LOAD, i, g) for i in POST_LOAD for g in _GENERATIONS},
    names_chip=True,
)

_KRONOS_AFTER = {
    3: ["Waiting for SCP BL1 started event", "Got SCP BL1 started event"],
    2: ["Telling SCP to start AP cores"],
}

#: Images are in packages in the host's flash.
KRONOS = Platform(
    {
        3: Slots(
            (0, 0),
            0x80000,
            range(0x71000000, 0x71080000),
            bytes.fromhex("bfd5098da7074f15891c372210cb51e2"),
        ),
        2: Slots(
            (0, 0),
            0x80000,
            range(0x70000000, 0x70080000),
            bytes.fromhex("124c50e0f2da45e985c8dad9609b7a11"),
        ),
        SECURE: Slots(
            (0, 0),
            0x60000,
            range(0x31000000, 0x31060000),
            bytes.fromhex("22ea3385f86e4793968a2fe3dd5033cc"),
            in_sram=True,
        ),
    },
    first=(
        "SCP->RSE MHU driver initialized successfully",
        "RSE->SCP MHU driver initialized successfully",
        "DMA350 driver initialized successfully.",
    ),
    after={(i, g): lines for i, lines in _KRONOS_AFTER.items() for g in _GENERATIONS},
    window=0x1000000,
)
