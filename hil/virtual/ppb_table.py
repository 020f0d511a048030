# SPDX-License-Identifier: Apache-2.0
"""What a Cortex-M55 identifies itself with on its private peripheral bus, as a table.

Offsets are from 0xE0000000. Component and peripheral ids follow the CoreSight architecture;
values of the feature registers are those of a Cortex-M55 r1p1 with FPU, without MVE and caches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_SCS, _DWT, _FPB, _ROM_TABLE = 0xE000, 0x1000, 0x2000, 0xFF000

_PART_M55 = 0xD22
_PART_ROM_TABLE = 0x4D2
_DESIGNER_ARM = 0x43B


def component_ids(base: int, *, part: int, devarch: int | None) -> Iterator[tuple[int, int]]:
    """Yield the id registers of a component: class 9 with an architecture, else class 1."""
    component_class = 9 if devarch is not None else 1
    if devarch is not None:
        yield base + 0xFBC, devarch
    pidr0 = part & 0xFF
    pidr1 = (_DESIGNER_ARM & 0xF) << 4 | part >> 8
    pidr2 = 1 << 3 | _DESIGNER_ARM >> 4 & 7
    pidr4 = _DESIGNER_ARM >> 8
    yield base + 0xFD0, pidr4
    for index, value in enumerate((pidr0, pidr1, pidr2, 0)):
        yield base + 0xFE0 + 4 * index, value
    for index, value in enumerate((0x0D, component_class << 4, 0x05, 0xB1)):
        yield base + 0xFF0 + 4 * index, value


#: Read-only registers.
FIXED_REGISTERS: Mapping[int, int] = {
    0xED00: 0x411FD221,  # CPUID: Arm, Cortex-M55 r1p1
    0xED40: 0x20000030,  # ID_PFR0: RAS
    0xED44: 0x00000230,  # ID_PFR1: security extension of Armv8.1-M
    0xED60: 0x01143110,  # ID_ISAR0: low-overhead loops, hence Armv8.1-M
    0xED6C: 0x01111131,  # ID_ISAR3: DSP
    0xED90: 0x00000800,  # MPU_TYPE: 8 regions
    0xEE08: 0x00010000,  # DSCSR: the core is Secure
    0xEF40: 0x10110221,  # MVFR0: single and double precision
    0xEF44: 0x12100011,  # MVFR1: half precision, no MVE
    0xEF48: 0x00000040,  # MVFR2: FPv5
    0x1000: 0x02000000,  # DWT_CTRL: no comparators, no cycle counter
    _ROM_TABLE + 0: (_SCS - _ROM_TABLE & 0xFFFFF000) | 3,
    _ROM_TABLE + 4: (_DWT - _ROM_TABLE & 0xFFFFF000) | 3,
    _ROM_TABLE + 8: (_FPB - _ROM_TABLE & 0xFFFFF000) | 3,
    **dict(component_ids(_ROM_TABLE, part=_PART_ROM_TABLE, devarch=None)),
    **dict(component_ids(_SCS, part=_PART_M55, devarch=0x47702A04)),
    **dict(component_ids(_DWT, part=_PART_M55, devarch=0x47701A02)),
    **dict(component_ids(_FPB, part=_PART_M55, devarch=0x47701A03)),
}

#: Registers that keep what is written until the next reset: SysTick, VTOR, SCR, CCR, SHPR, CPACR.
STORED_REGISTERS = frozenset(
    (0xE010, 0xE014, 0xE018, 0xED08, 0xED10, 0xED14, 0xED18, 0xED1C, 0xED20, 0xED24, 0xED88)
)
