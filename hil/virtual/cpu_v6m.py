# SPDX-License-Identifier: Apache-2.0
"""An interpreter of the ARMv6-M instruction set: enough core to run a real flash algorithm.

Thread mode only: there are no exceptions; what would raise one ends the run with a `Stop`.
Instruction semantics follow the ARMv6-M Architecture Reference Manual, chapter A6.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from hil.virtual.bus import Bus, BusFaultError

_MASK = 0xFFFFFFFF
SP, LR, PC = 13, 14, 15

_STATUS = range(4)  # APSR, IAPSR, EAPSR, XPSR
_MSP, _PSP, _PRIMASK, _CONTROL = 8, 9, 16, 20


class Stop(Enum):
    """Why a run ended."""

    LIMIT = auto()  # the instructions that were allowed have been executed
    BREAKPOINT = auto()  # BKPT or a hardware breakpoint; PC is at it
    FAULT = auto()  # undefined instruction, SVC, bus error or Arm state; PC is at it


class _UndefinedError(Exception):
    """An instruction that raises an exception on a real core."""


class _BkptError(Exception):
    """A BKPT instruction was reached."""


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value & (1 << (bits - 1)) else value


class CpuV6M:
    """Registers and instructions of one core.

    Args:
        bus: Where instructions and data come from.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.r = [0] * 16
        self.n = self.z = self.c = self.v = False
        self.thumb = True
        self.primask = 0
        self.control = 0
        self.psp = 0
        #: Addresses of enabled hardware breakpoints.
        self.breakpoints: set[int] = set()
        table: list[tuple[int, int, Callable[[int], None]]] = [
            # first and last value of the upper 8 bits of the halfword
            (0x00, 0x17, self._shift_immediate),
            (0x18, 0x1F, self._add_subtract),
            (0x20, 0x3F, self._immediate8),
            (0x40, 0x43, self._data_processing),
            (0x44, 0x47, self._high_registers),
            (0x48, 0x4F, self._load_literal),
            (0x50, 0x5F, self._transfer_register_offset),
            (0x60, 0x8F, self._transfer_immediate_offset),
            (0x90, 0x9F, self._transfer_stack),
            (0xA0, 0xAF, self._address),
            (0xB0, 0xB0, self._adjust_stack),
            (0xB2, 0xB2, self._extend),
            (0xB4, 0xB5, self._push),
            (0xB6, 0xB6, self._change_state),
            (0xBA, 0xBA, self._reverse),
            (0xBC, 0xBD, self._pop),
            (0xBE, 0xBE, self._bkpt),
            (0xBF, 0xBF, self._hint),
            (0xC0, 0xCF, self._multiple),
            (0xD0, 0xDD, self._branch_conditional),
            (0xE0, 0xE7, self._branch),
            (0xF0, 0xF7, self._wide),
        ]
        self._decode: list[Callable[[int], None]] = [self._undefined] * 256
        for first, last, handler in table:
            for upper in range(first, last + 1):
                self._decode[upper] = handler

    def reset(self, stack: int, entry: int) -> None:
        """Start again at a reset vector (bit 0 of `entry` is the Thumb bit)."""
        self.r = [0] * 16
        self.r[SP] = stack & ~3
        self.r[LR] = _MASK
        self.r[PC] = entry & ~1
        self.thumb = bool(entry & 1)
        self.n = self.z = self.c = self.v = False
        self.primask = self.control = self.psp = 0

    @property
    def xpsr(self) -> int:
        """Program status: flags and Thumb bit (there are no exceptions)."""
        flags = self.n << 31 | self.z << 30 | self.c << 29 | self.v << 28
        return flags | self.thumb << 24

    @xpsr.setter
    def xpsr(self, value: int) -> None:
        self.n, self.z = bool(value >> 31 & 1), bool(value >> 30 & 1)
        self.c, self.v = bool(value >> 29 & 1), bool(value >> 28 & 1)
        self.thumb = bool(value >> 24 & 1)

    def run(self, limit: int, *, step_over: bool = False) -> Stop:
        """Execute at most `limit` instructions; `step_over` ignores a breakpoint at the first."""
        r, load, decode = self.r, self._bus.load, self._decode
        breakpoints = self.breakpoints
        for count in range(limit):
            pc = r[PC]
            if breakpoints and pc in breakpoints and not (step_over and count == 0):
                return Stop.BREAKPOINT
            try:
                if not self.thumb:
                    return Stop.FAULT
                op = load(pc, 2)
                r[PC] = pc + 2
                decode[op >> 8](op)
            except (BusFaultError, _UndefinedError):
                r[PC] = pc
                return Stop.FAULT
            except _BkptError:
                r[PC] = pc
                return Stop.BREAKPOINT
        return Stop.LIMIT

    # Helpers -----------------------------------------------------------------------------------

    def _nz(self, result: int) -> int:
        self.n, self.z = result >= 0x80000000, result == 0
        return result

    def _add(self, a: int, b: int, carry: int) -> int:
        total = a + b + carry
        result = total & _MASK
        self.c = total > _MASK
        self.v = bool(~(a ^ b) & (a ^ result) & 0x80000000)
        return self._nz(result)

    def _shift(self, kind: int, value: int, amount: int) -> int:
        """Shift by 0..255: LSL (0), LSR (1), ASR (2) or ROR (3), with carry out."""
        if amount == 0:
            return self._nz(value)
        if kind == 0:
            wide = value << amount
            self.c = bool(wide >> 32 & 1)
        elif kind == 1:
            self.c = bool(value >> (amount - 1) & 1)
            wide = value >> amount
        elif kind == 2:
            extended = _signed(value, 32)
            self.c = bool(extended >> (amount - 1) & 1)
            wide = extended >> amount
        else:
            turn = amount & 31
            wide = value >> turn | value << (32 - turn)
            self.c = bool(wide >> 31 & 1)
        return self._nz(wide & _MASK)

    def _aligned(self, address: int, size: int) -> int:
        address &= _MASK
        if address & (size - 1):
            raise BusFaultError(address)
        return address

    def _load(self, address: int, size: int) -> int:
        return self._bus.load(self._aligned(address, size), size)

    def _store(self, address: int, size: int, value: int) -> None:
        self._bus.store(self._aligned(address, size), size, value & ((1 << (8 * size)) - 1))

    def _jump(self, address: int) -> None:
        self.thumb = bool(address & 1)
        self.r[PC] = address & ~1 & _MASK

    def _register(self, number: int) -> int:
        return (self.r[PC] + 2) & _MASK if number == PC else self.r[number]

    # Instructions ------------------------------------------------------------------------------

    def _undefined(self, _op: int) -> None:
        raise _UndefinedError

    def _shift_immediate(self, op: int) -> None:
        kind, amount, value = op >> 11 & 3, op >> 6 & 31, self.r[op >> 3 & 7]
        if kind and amount == 0:
            amount = 32
        self.r[op & 7] = self._shift(kind, value, amount)

    def _add_subtract(self, op: int) -> None:
        operand = op >> 6 & 7
        if not op & 0x400:
            operand = self.r[operand]
        first = self.r[op >> 3 & 7]
        subtract = op >> 9 & 1
        self.r[op & 7] = self._add(first, operand ^ _MASK if subtract else operand, subtract)

    def _immediate8(self, op: int) -> None:
        kind, d, value = op >> 11 & 3, op >> 8 & 7, op & 0xFF
        if kind == 0:
            self.r[d] = self._nz(value)
        elif kind == 1:
            self._add(self.r[d], value ^ _MASK, 1)
        elif kind == 2:
            self.r[d] = self._add(self.r[d], value, 0)
        else:
            self.r[d] = self._add(self.r[d], value ^ _MASK, 1)

    def _data_processing(self, op: int) -> None:
        kind, d = op >> 6 & 15, op & 7
        a, b = self.r[d], self.r[op >> 3 & 7]
        match kind:
            case 0:
                self.r[d] = self._nz(a & b)
            case 1:
                self.r[d] = self._nz(a ^ b)
            case 2 | 3 | 4 | 7:
                self.r[d] = self._shift({2: 0, 3: 1, 4: 2, 7: 3}[kind], a, b & 0xFF)
            case 5:
                self.r[d] = self._add(a, b, int(self.c))
            case 6:
                self.r[d] = self._add(a, b ^ _MASK, int(self.c))
            case 8:
                self._nz(a & b)
            case 9:
                self.r[d] = self._add(b ^ _MASK, 0, 1)
            case 10:
                self._add(a, b ^ _MASK, 1)
            case 11:
                self._add(a, b, 0)
            case 12:
                self.r[d] = self._nz(a | b)
            case 13:
                self.r[d] = self._nz(a * b & _MASK)
            case 14:
                self.r[d] = self._nz(a & ~b & _MASK)
            case _:
                self.r[d] = self._nz(~b & _MASK)

    def _high_registers(self, op: int) -> None:
        kind, d, value = op >> 8 & 3, op & 7 | op >> 4 & 8, self._register(op >> 3 & 15)
        if kind == 1:
            self._add(self._register(d), value ^ _MASK, 1)
            return
        if kind == 3:
            if op & 0x80:
                self.r[LR] = self.r[PC] | 1
            self._jump(value)
            return
        if kind == 0:
            value = (value + self._register(d)) & _MASK
        if d == PC:
            value &= ~1
        elif d == SP:
            value &= ~3
        self.r[d] = value

    def _load_literal(self, op: int) -> None:
        address = ((self.r[PC] + 2) & ~3) + (op & 0xFF) * 4
        self.r[op >> 8 & 7] = self._load(address, 4)

    def _transfer_register_offset(self, op: int) -> None:
        address = self.r[op >> 3 & 7] + self.r[op >> 6 & 7]
        t = op & 7
        match op >> 9 & 7:
            case 0:
                self._store(address, 4, self.r[t])
            case 1:
                self._store(address, 2, self.r[t])
            case 2:
                self._store(address, 1, self.r[t])
            case 3:
                self.r[t] = _signed(self._load(address, 1), 8) & _MASK
            case 4:
                self.r[t] = self._load(address, 4)
            case 5:
                self.r[t] = self._load(address, 2)
            case 6:
                self.r[t] = self._load(address, 1)
            case _:
                self.r[t] = _signed(self._load(address, 2), 16) & _MASK

    def _transfer_immediate_offset(self, op: int) -> None:
        size = {6: 4, 7: 1, 8: 2}[op >> 12]
        address = self.r[op >> 3 & 7] + (op >> 6 & 31) * size
        if op & 0x800:
            self.r[op & 7] = self._load(address, size)
        else:
            self._store(address, size, self.r[op & 7])

    def _transfer_stack(self, op: int) -> None:
        address, t = self.r[SP] + (op & 0xFF) * 4, op >> 8 & 7
        if op & 0x800:
            self.r[t] = self._load(address, 4)
        else:
            self._store(address, 4, self.r[t])

    def _address(self, op: int) -> None:
        base = self.r[SP] if op & 0x800 else (self.r[PC] + 2) & ~3
        self.r[op >> 8 & 7] = (base + (op & 0xFF) * 4) & _MASK

    def _adjust_stack(self, op: int) -> None:
        amount = (op & 0x7F) * 4
        self.r[SP] = (self.r[SP] + (-amount if op & 0x80 else amount)) & _MASK

    def _extend(self, op: int) -> None:
        value = self.r[op >> 3 & 7]
        match op >> 6 & 3:
            case 0:
                value = _signed(value & 0xFFFF, 16) & _MASK
            case 1:
                value = _signed(value & 0xFF, 8) & _MASK
            case 2:
                value &= 0xFFFF
            case _:
                value &= 0xFF
        self.r[op & 7] = value

    def _reverse(self, op: int) -> None:
        raw = self.r[op >> 3 & 7].to_bytes(4, "little")
        match op >> 6 & 3:
            case 0:
                value = int.from_bytes(raw, "big")
            case 1:
                value = int.from_bytes(bytes((raw[1], raw[0], raw[3], raw[2])), "little")
            case 3:
                value = _signed(int.from_bytes(raw[:2], "big"), 16) & _MASK
            case _:
                raise _UndefinedError
        self.r[op & 7] = value

    def _push(self, op: int) -> None:
        registers = [i for i in range(8) if op >> i & 1] + ([LR] if op & 0x100 else [])
        address = (self.r[SP] - 4 * len(registers)) & _MASK
        self.r[SP] = address
        for number in registers:
            self._store(address, 4, self.r[number])
            address += 4

    def _pop(self, op: int) -> None:
        address = self.r[SP]
        for number in range(8):
            if op >> number & 1:
                self.r[number] = self._load(address, 4)
                address += 4
        if op & 0x100:
            self._jump(self._load(address, 4))
            address += 4
        self.r[SP] = address & _MASK

    def _multiple(self, op: int) -> None:
        base = op >> 8 & 7
        address = self.r[base]
        registers = [i for i in range(8) if op >> i & 1]
        for number in registers:
            if op & 0x800:
                self.r[number] = self._load(address, 4)
            else:
                self._store(address, 4, self.r[number])
            address += 4
        if not (op & 0x800 and base in registers):
            self.r[base] = address & _MASK

    def _change_state(self, op: int) -> None:
        if op & 0xFFEF != 0xB662:
            raise _UndefinedError
        self.primask = op >> 4 & 1

    def _bkpt(self, _op: int) -> None:
        raise _BkptError

    def _hint(self, op: int) -> None:
        if op & 0xF:
            raise _UndefinedError  # IT does not exist on ARMv6-M

    def _branch_conditional(self, op: int) -> None:
        n, z, c, v = self.n, self.z, self.c, self.v
        test = (z, c, n, v, c and not z, n == v, not z and n == v)[op >> 9 & 7]
        if test != bool(op & 0x100):
            self.r[PC] = (self.r[PC] + 2 + _signed(op & 0xFF, 8) * 2) & _MASK

    def _branch(self, op: int) -> None:
        self.r[PC] = (self.r[PC] + 2 + _signed(op & 0x7FF, 11) * 2) & _MASK

    def _wide(self, op: int) -> None:
        """BL, MSR, MRS and the barriers: the 32-bit instructions of ARMv6-M."""
        second = self._bus.load(self.r[PC], 2)
        self.r[PC] += 2
        if second & 0xD000 == 0xD000:
            sign = op >> 10 & 1
            j1, j2 = second >> 13 & 1, second >> 11 & 1
            high = sign << 24 | (1 ^ j1 ^ sign) << 23 | (1 ^ j2 ^ sign) << 22
            offset = _signed(high | (op & 0x3FF) << 12 | (second & 0x7FF) << 1, 25)
            self.r[LR] = self.r[PC] | 1
            self.r[PC] = (self.r[PC] + offset) & _MASK
        elif op & 0xFFF0 == 0xF380:
            self._write_special(second & 0xFF, self.r[op & 15])
        elif op == 0xF3EF:
            self.r[second >> 8 & 15] = self._read_special(second & 0xFF)
        elif op != 0xF3BF:
            raise _UndefinedError

    def _read_special(self, number: int) -> int:
        values = {_MSP: self.r[SP], _PSP: self.psp, _PRIMASK: self.primask, _CONTROL: self.control}
        return self.xpsr & 0xF0000000 if number in _STATUS else values.get(number, 0)

    def _write_special(self, number: int, value: int) -> None:
        if number in _STATUS:
            self.xpsr = value & 0xF0000000 | self.thumb << 24
        elif number == _MSP:
            self.r[SP] = value & ~3
        elif number == _PSP:
            self.psp = value & ~3
        elif number == _PRIMASK:
            self.primask = value & 1
