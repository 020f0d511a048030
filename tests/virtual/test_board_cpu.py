# SPDX-License-Identifier: Apache-2.0
"""The ARMv6-M interpreter of a virtual board, judged by the manual and by real programs."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.virtual.bus import Bus
from hil.virtual.cpu_v6m import LR, PC, SP, CpuV6M, Stop

RAM = 0x30000000
STACK = RAM + 0x8000
BKPT = 0xBE00
WORD = st.integers(0, 0xFFFFFFFF)


def machine(*halfwords: int) -> tuple[CpuV6M, bytearray]:
    """A core about to execute the halfwords, followed by BKPT, and its RAM."""
    ram = bytearray(0x10000)
    code = (*halfwords, BKPT)
    struct.pack_into(f"<{len(code)}H", ram, 0, *code)
    bus = Bus()
    bus.map_memory(RAM, ram)
    cpu = CpuV6M(bus)
    cpu.reset(STACK, RAM | 1)
    return cpu, ram


def flags(cpu: CpuV6M) -> str:
    return "".join(name for name in "nzcv" if getattr(cpu, name))


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


@given(WORD, WORD)
def test_addition_sets_the_flags(a: int, b: int) -> None:
    """ADDS: N and Z of the result, C is unsigned overflow, V signed overflow."""
    cpu, _ = machine(0x1840)  # adds r0, r0, r1
    cpu.r[0], cpu.r[1] = a, b
    assert cpu.run(2) is Stop.BREAKPOINT
    assert cpu.r[0] == (a + b) % (1 << 32)
    assert (cpu.n, cpu.z) == (bool(cpu.r[0] >> 31), cpu.r[0] == 0)
    assert cpu.c == (a + b >= 1 << 32)
    assert cpu.v == (signed(a) + signed(b) != signed(cpu.r[0]))


@given(WORD, WORD)
def test_comparison_decides_every_condition(a: int, b: int) -> None:
    """CMP followed by each conditional branch goes the way that the numbers say."""
    taken = {
        0: a == b, 1: a != b, 2: a >= b, 3: a < b,
        4: (a - b) >> 31 & 1 == 1, 5: (a - b) >> 31 & 1 == 0,
        8: a > b, 9: a <= b,
        10: signed(a) >= signed(b), 11: signed(a) < signed(b),
        12: signed(a) > signed(b), 13: signed(a) <= signed(b),
    }  # fmt: skip
    for condition, expected in taken.items():
        cpu, _ = machine(0x4288, 0xD001 | condition << 8, 0x2201, BKPT, 0x2202)
        cpu.r[0], cpu.r[1] = a, b
        cpu.run(4)
        assert cpu.r[2] == (2 if expected else 1), condition


@pytest.mark.parametrize(
    ("opcode", "a", "b", "result", "expected"),
    [
        (0x0008, 0x80000001, 0, 0x80000001, "n"),  # lsls r0, r1, #0 is movs
        (0x0048, 0x80000001, 0, 0x00000002, "c"),  # lsls r0, r1, #1
        (0x0808, 0x80000001, 0, 0, "zc"),  # lsrs r0, r1, #32
        (0x1008, 0x80000001, 0, 0xFFFFFFFF, "nc"),  # asrs r0, r1, #32
        (0x4240, 0, 1, 0xFFFFFFFF, "n"),  # negs r0, r0 (b in r0)
        (0x4240, 0, 0, 0, "zc"),
        (0x43C0, 0, 0xFFFFFFFF, 0, "z"),  # mvns r0, r0
        (0x4348, 0x10001, 0x10001, 0x20001, ""),  # muls r0, r1, r0
        (0x41C8, 8, 0x000000FF, 0xFF000000, "nc"),  # rors r0, r1
        (0x4088, 33, 1, 0, "z"),  # lsls r0, r1 by more than 32
        (0x4108, 40, 0x80000000, 0xFFFFFFFF, "nc"),  # asrs r0, r1 by more than 32
        (0x4388, 0x0F, 0xFF, 0xF0, ""),  # bics r0, r1
        (0xBA08, 0x11223344, 0, 0x44332211, ""),  # rev r0, r1
        (0xBA48, 0x11223344, 0, 0x22114433, ""),  # rev16
        (0xBAC8, 0x000080FF, 0, 0xFFFFFF80, ""),  # revsh
        (0xB248, 0x80, 0, 0xFFFFFF80, ""),  # sxtb
        (0xB288, 0xFFFF1234, 0, 0x1234, ""),  # uxth
        (0x2005, 0, 0, 5, ""),  # movs r0, #5
        (0x3801, 0, 0, 0xFFFFFFFF, "n"),  # subs r0, #1
    ],
)
def test_instruction(opcode: int, a: int, b: int, result: int, expected: str) -> None:
    """One instruction with a in r1 and b in r0: its result and its flags."""
    cpu, _ = machine(opcode)
    cpu.r[1], cpu.r[0] = a, b
    assert cpu.run(2) is Stop.BREAKPOINT
    assert (cpu.r[0], flags(cpu)) == (result, expected)


def test_stack_and_calls() -> None:
    """PUSH, BL, POP to PC: the stack is balanced and the call comes back."""
    # bl +6 (to push); bkpt; nop; push {r4, lr}; movs r4, #7; pop {r4, pc}
    cpu, _ = machine(0xF000, 0xF802, BKPT, 0xBF00, 0xB510, 0x2407, 0xBD10)
    cpu.r[4] = 99
    assert cpu.run(10) is Stop.BREAKPOINT
    assert (cpu.r[PC], cpu.r[SP], cpu.r[4]) == (RAM + 4, STACK, 99)
    assert cpu.r[LR] == RAM + 5


def test_multiple_transfers_write_back() -> None:
    """STMIA and LDMIA move registers in order and advance the base."""
    cpu, ram = machine(0xC706, 0x3F08, 0xCF30)  # stmia r7!,{r1,r2}; subs r7,#8; ldmia r7!,{r4,r5}
    cpu.r[1], cpu.r[2], cpu.r[7] = 0x11111111, 0x22222222, RAM + 0x100
    assert cpu.run(5) is Stop.BREAKPOINT
    assert ram[0x100:0x108] == bytes.fromhex("11111111 22222222")
    assert (cpu.r[4], cpu.r[5], cpu.r[7]) == (0x11111111, 0x22222222, RAM + 0x108)


@pytest.mark.parametrize(
    "halfwords",
    [
        (0x6808,),  # ldr r0, [r1] at an odd address
        (0xDF00,),  # svc
        (0xDE00,),  # udf
        (0xBF08,),  # it eq: not on ARMv6-M
        (0xF8D1, 0x0000),  # ldr.w: not on ARMv6-M
        (0x4708,),  # bx r1 to an even address: there is no Arm state
    ],
)
def test_what_cannot_be_executed_is_a_fault(halfwords: tuple[int, ...]) -> None:
    """The run ends, with PC at the offending instruction."""
    cpu, _ = machine(*halfwords)
    cpu.r[1] = RAM + 0x102 if halfwords == (0x4708,) else RAM + 0x101
    assert cpu.run(3) is Stop.FAULT


def test_a_hardware_breakpoint_stops_before_its_instruction() -> None:
    """The instruction at the breakpoint has not been executed; stepping over it executes it."""
    cpu, _ = machine(0x2001, 0x2002)
    cpu.breakpoints = {RAM + 2}
    assert cpu.run(10) is Stop.BREAKPOINT
    assert (cpu.r[PC], cpu.r[0]) == (RAM + 2, 1)
    assert cpu.run(1, step_over=True) is Stop.LIMIT
    assert cpu.r[0] == 2


def test_slices_do_not_change_the_result() -> None:
    """A program cut into single instructions ends as one that runs through."""
    program = (0x2000, 0x2164, 0x1840, 0x3901, 0xD1FC)  # r0 = 100 + 99 + ... + 1
    whole, _ = machine(*program)
    assert whole.run(1000) is Stop.BREAKPOINT
    cut, _ = machine(*program)
    while cut.run(1) is Stop.LIMIT:
        pass
    assert whole.r == cut.r
    assert whole.r[0] == 5050


def test_runs_pyocds_crc_analyzer() -> None:
    """A program that others wrote and compiled, pyOCD's CRC32 analyzer, computes right CRCs."""
    code = pytest.importorskip("pyocd.flash.flash")._ANALYZER_CODE
    size = 0x400
    content = bytes((i * 37 + i // 7) & 0xFF for i in range(size))
    cpu, ram = machine()
    flash = bytearray(content.ljust(0x10000, b"\xff"))
    cpu._bus.map_memory(0x00010000, flash)
    struct.pack_into(f"<{len(code)}I", ram, 0, *code)
    struct.pack_into("<H", ram, 0x2000, BKPT)
    struct.pack_into("<I", ram, 0x3000, 0x00010000 // size << 16 | size.bit_length() - 1)
    cpu.r[0], cpu.r[1], cpu.r[LR] = RAM + 0x3000, 1, RAM + 0x2001
    assert cpu.run(200_000) is Stop.BREAKPOINT
    assert struct.unpack_from("<I", ram, 0x3000)[0] == zlib.crc32(content)
