# SPDX-License-Identifier: Apache-2.0
"""The core registers as DCRSR selects them (Armv8-M ARM, "Debug Core Register Selector")."""

from __future__ import annotations

from hil.virtual.cpu_v6m import PC, SP, CpuV6M

_XPSR, _MSP, _PSP, _SPECIAL = 16, 17, 18, 20
_MSP_S, _PSP_S = 26, 27


class CoreRegisters:
    """Maps selectors to the interpreter; what it does not have is merely kept.

    Args:
        cpu: The interpreter.
    """

    def __init__(self, cpu: CpuV6M) -> None:
        self._cpu = cpu
        self._kept: dict[int, int] = {}

    def read(self, selector: int) -> int:
        """Return a register."""
        cpu = self._cpu
        if selector < _XPSR:
            return cpu.r[selector]
        if selector == _XPSR:
            return cpu.xpsr
        if selector in (_MSP, _MSP_S):
            return cpu.r[SP]
        if selector in (_PSP, _PSP_S):
            return cpu.psp
        if selector == _SPECIAL:
            return cpu.control << 24 | cpu.primask
        return self._kept.get(selector, 0)

    def write(self, selector: int, value: int) -> None:
        """Change a register."""
        cpu = self._cpu
        if selector == PC:
            cpu.r[PC] = value & ~1
        elif selector == SP or selector in (_MSP, _MSP_S):
            cpu.r[SP] = value & ~3
        elif selector < _XPSR:
            cpu.r[selector] = value
        elif selector == _XPSR:
            cpu.xpsr = value
        elif selector in (_PSP, _PSP_S):
            cpu.psp = value & ~3
        elif selector == _SPECIAL:
            cpu.control, cpu.primask = value >> 24 & 3, value & 1
        else:
            self._kept[selector] = value
