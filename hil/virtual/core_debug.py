# SPDX-License-Identifier: Apache-2.0
"""The debug side of a virtual Cortex-M55: system control space, halting, resets, breakpoints.

Register layouts are those of the Armv8-M Architecture Reference Manual. The core itself is the
ARMv6-M interpreter; while its PC stands in the boot ROM it executes the ROM's endless loop, which
the board takes as "the firmware runs".
"""

from __future__ import annotations

from collections.abc import Callable

from hil.virtual.bus import Bus
from hil.virtual.core_registers import CoreRegisters
from hil.virtual.cpu_v6m import PC, CpuV6M, Stop
from hil.virtual.ppb_table import FIXED_REGISTERS, STORED_REGISTERS

#: Instructions that one slice of a running core executes at most.
SLICE = 20_000

_DHCSR, _DCRSR, _DCRDR, _DEMCR = 0xEDF0, 0xEDF4, 0xEDF8, 0xEDFC
_AIRCR, _VTOR, _DFSR = 0xED0C, 0xED08, 0xED30
_FP_CTRL, _FP_COMP0, _FP_COMPARATORS = 0x2000, 0x2008, 8

_DEBUG_KEY, _AIRCR_KEY, _AIRCR_KEY_READ = 0xA05F, 0x05FA, 0xFA05
_SYSRESETREQ = 1 << 2

_C_DEBUGEN, _C_HALT, _C_STEP, _C_WRITABLE = 1, 2, 4, 0xF
_S_REGRDY, _S_HALT, _S_LOCKUP, _S_SDE = 1 << 16, 1 << 17, 1 << 19, 1 << 20
_S_RETIRE_ST, _S_RESET_ST = 1 << 24, 1 << 25

_VC_CORERESET, _VC_HARDERR = 1, 1 << 10
_HALTED, _BKPT, _VCATCH = 1, 2, 8

_LOCKUP_PC = 0xEFFFFFFE


class Core:
    """One core and everything that a debugger sees of it; the device behind the PPB.

    Args:
        bus: The system bus.
        rom_base: Address of the boot ROM, which starts with the vector table.
        rom_size: Its size.
        vectors: Address of the vector table at reset (INITSVTOR); the boot ROM by default.
        on_reset: Called after every reset of the core, with the core at its reset vector.
        on_hold: Called when the reset line is asserted.
        secure_debug: Whether a debugger may halt the core, all of whose code is secure.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        rom_base: int,
        rom_size: int,
        on_reset: Callable[[], None],
        on_hold: Callable[[], None],
        vectors: int | None = None,
        secure_debug: bool = True,
    ) -> None:
        self._bus = bus
        self._secure_debug = secure_debug
        self._vectors = rom_base if vectors is None else vectors
        self._rom = range(rom_base, rom_base + rom_size)
        self._on_reset = on_reset
        self._on_hold = on_hold
        self.cpu = CpuV6M(bus)
        self._registers = CoreRegisters(self.cpu)
        self.halted = False
        self.lockup = False
        self.held = False
        self._control = 0
        self._demcr = 0
        self._dfsr = 0
        self._dcrdr = 0
        self._retired = False
        self._was_reset = True
        self._fp_enabled = False
        self._comparators = [0] * _FP_COMPARATORS
        self._stored: dict[int, int] = {}

    # Resets ------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Assert the reset line: nothing runs until `release`."""
        if not self.held:
            self.held = self._was_reset = True
            self.halted = self.lockup = False
            self._on_hold()

    def release(self) -> None:
        """Deassert the reset line."""
        if self.held:
            self.held = False
            self.reset()

    def power_on(self) -> None:
        """Begin anew, without anything that a debugger has set."""
        self._control = self._demcr = self._dfsr = 0
        self.held = True
        self.release()

    def reset(self) -> None:
        """Take the core to its reset vector; debug settings and memories survive."""
        base = self._vectors
        self.cpu.reset(self._bus.load(base, 4), self._bus.load(base + 4, 4))
        self._stored = {_VTOR: base}
        self._control &= _C_DEBUGEN
        self.halted = self.lockup = self._retired = False
        self._was_reset = True
        if self._control and self._demcr & _VC_CORERESET:
            self._halt(_VCATCH)
        self._on_reset()

    # Running -----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the core executes instructions."""
        return not (self.held or self.halted or self.lockup)

    @property
    def in_rom(self) -> bool:
        """Whether the core stands in the boot ROM, where the firmware lives."""
        return self.cpu.r[PC] in self._rom

    @property
    def runs_code(self) -> bool:
        """Whether the interpreter has something to do."""
        return self.running and not self.in_rom

    def slice(self, limit: int = SLICE) -> None:
        """Execute up to `limit` instructions of code outside the boot ROM."""
        if self.running and self.cpu.r[PC] in self.cpu.breakpoints:
            self._stopped(Stop.BREAKPOINT)
        elif self.runs_code:
            self._retired = True
            self._stopped(self.cpu.run(limit))

    def _stopped(self, stop: Stop) -> None:
        if stop is Stop.LIMIT:
            return
        if stop is Stop.BREAKPOINT and self._control & _C_DEBUGEN:
            self._halt(_BKPT)
        elif self._control & _C_DEBUGEN and self._demcr & _VC_HARDERR:
            self._halt(_VCATCH)
        else:
            self.lockup = True
            self.cpu.r[PC] = _LOCKUP_PC

    def _halt(self, reason: int) -> None:
        if not self._secure_debug:
            return
        self.halted = True
        self.lockup = False
        self._control |= _C_HALT
        self._dfsr |= reason

    # Registers ---------------------------------------------------------------------------------

    def read(self, offset: int) -> int:
        """Return a register of the private peripheral bus."""
        if offset == _DHCSR:
            return self._read_dhcsr()
        if offset == _DCRDR:
            return self._dcrdr
        if offset == _DEMCR:
            return self._demcr
        if offset == _DFSR:
            return self._dfsr
        if offset == _AIRCR:
            return _AIRCR_KEY_READ << 16
        if offset == _FP_CTRL:
            return 1 << 28 | _FP_COMPARATORS << 4 | self._fp_enabled
        if _FP_COMP0 <= offset < _FP_COMP0 + 4 * _FP_COMPARATORS:
            return self._comparators[(offset - _FP_COMP0) // 4]
        return self._stored.get(offset, FIXED_REGISTERS.get(offset, 0))

    def write(self, offset: int, value: int) -> None:
        """Write a register of the private peripheral bus."""
        if offset == _DHCSR:
            self._write_dhcsr(value)
        elif offset == _DCRSR:
            self._select_register(value)
        elif offset == _DCRDR:
            self._dcrdr = value
        elif offset == _DEMCR:
            self._demcr = value & 0x01010FF1
        elif offset == _DFSR:
            self._dfsr &= ~value
        elif offset == _AIRCR:
            if value >> 16 == _AIRCR_KEY and value & _SYSRESETREQ and not self.held:
                self.reset()
        elif offset == _FP_CTRL:
            if value & 2:
                self._fp_enabled = bool(value & 1)
                self._update_breakpoints()
        elif _FP_COMP0 <= offset < _FP_COMP0 + 4 * _FP_COMPARATORS:
            self._comparators[(offset - _FP_COMP0) // 4] = value
            self._update_breakpoints()
        elif offset in STORED_REGISTERS:
            self._stored[offset] = value

    def _read_dhcsr(self) -> int:
        self.slice()
        value = self._control | _S_REGRDY
        value |= _S_SDE if self._secure_debug else 0
        value |= _S_HALT if self.halted else 0
        value |= _S_LOCKUP if self.lockup else 0
        value |= _S_RESET_ST if self._was_reset else 0
        value |= _S_RETIRE_ST if self._retired or (self.running and self.in_rom) else 0
        self._was_reset = self.held
        self._retired = False
        return value

    def _write_dhcsr(self, value: int) -> None:
        if value >> 16 != _DEBUG_KEY:
            return
        control = value & _C_WRITABLE if value & _C_DEBUGEN else 0
        self._control = control
        if self.held:
            return
        if control & _C_HALT:
            if not self.halted:
                self._halt(_HALTED)
        elif self.halted:
            self.halted = False
            if control & _C_STEP:
                self._step()
            else:
                self.slice()

    def _step(self) -> None:
        stop = self.cpu.run(1, step_over=True)
        self._retired = stop is Stop.LIMIT
        if stop is Stop.LIMIT:
            self._halt(_HALTED)
        else:
            self._stopped(stop)

    def _select_register(self, value: int) -> None:
        if not self.halted:
            return
        selector = value & 0x7F
        if value & 1 << 16:
            self._registers.write(selector, self._dcrdr)
        else:
            self._dcrdr = self._registers.read(selector)

    def _update_breakpoints(self) -> None:
        enabled = self._comparators if self._fp_enabled else []
        self.cpu.breakpoints = {value & ~1 for value in enabled if value & 1}
