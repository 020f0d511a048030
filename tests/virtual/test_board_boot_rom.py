# SPDX-License-Identifier: Apache-2.0
"""How the core and the firmware behind the boot ROM go together."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from hil.virtual.boot_rom import ROM_BASE, ROM_SIZE, FirmwareHost, rom_image
from hil.virtual.bus import Bus
from hil.virtual.core_debug import Core
from hil.virtual.cpu_v6m import PC
from hil.virtual.firmware import BootEnd

AIRCR, DFSR, DHCSR, DEMCR = 0xED0C, 0xED30, 0xEDF0, 0xEDFC
HALT, RUN = 0xA05F0003, 0xA05F0001
S_HALT, S_LOCKUP = 1 << 17, 1 << 19
RAM = 0x30000000


class Chip:
    """A core with a ROM, and a firmware that writes down what it does."""

    def __init__(self, *stages: float | BootEnd) -> None:
        self.now = 100.0
        self.done: list[object] = []
        self._stages = stages
        bus = Bus()
        bus.map_memory(ROM_BASE, rom_image(), "error")
        self.ram = bytearray(0x10000)
        bus.map_memory(RAM, self.ram)
        self.core = Core(
            bus,
            rom_base=ROM_BASE,
            rom_size=ROM_SIZE,
            on_reset=self._was_reset,
            on_hold=self._was_held,
        )
        self.host = FirmwareHost(self.core, self._boot, clock=lambda: self.now)
        self.core.reset()

    def _was_reset(self) -> None:
        self.host.restart()

    def _was_held(self) -> None:
        self.host.drop()

    def _boot(self) -> Generator[float, None, BootEnd]:
        self.done.append("boot")
        for stage in self._stages:
            if isinstance(stage, BootEnd):
                return stage
            yield stage
            self.done.append(stage)
        return BootEnd.RUNNING

    def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.01)):
            self.host.advance()
            self.now += 0.01
        self.host.advance()


def test_the_firmware_advances_with_time() -> None:
    """A stage is done when its delay has passed, not before."""
    chip = Chip(0.1, 0.2)
    chip.pass_time(0.05)
    assert chip.done == ["boot"]
    chip.pass_time(0.1)
    assert chip.done == ["boot", 0.1]
    chip.pass_time(0.3)
    assert chip.done == ["boot", 0.1, 0.2]


def test_halting_freezes_the_firmware_with_the_time_it_had_left() -> None:
    """However long the core is halted, the rest of the delay is still to go."""
    chip = Chip(0.1)
    chip.pass_time(0.06)
    chip.core.write(DHCSR, HALT)
    chip.pass_time(5)
    chip.core.write(DHCSR, RUN)
    chip.pass_time(0.02)
    assert chip.done == ["boot"]
    chip.pass_time(0.05)
    assert chip.done == ["boot", 0.1]


@pytest.mark.parametrize(
    "reset",
    [
        lambda core: core.write(AIRCR, 0x05FA0004),
        lambda core: (core.hold(), core.release()),
    ],
    ids=["sysresetreq", "reset line"],
)
def test_a_reset_starts_the_firmware_anew(reset: Callable[[Core], object]) -> None:
    """Both kinds of reset begin at the first stage again."""
    chip = Chip(0.1, 0.1)
    chip.pass_time(0.15)
    reset(chip.core)
    chip.pass_time(0.05)
    assert chip.done == ["boot", 0.1, "boot"]


def test_held_in_reset_nothing_runs() -> None:
    """While the reset line is asserted, time does not move the firmware."""
    chip = Chip(0.1)
    chip.core.hold()
    chip.pass_time(1)
    assert chip.done == []
    chip.core.release()
    chip.pass_time(0.2)
    assert chip.done == ["boot", 0.1]


def test_the_firmware_can_reset_the_core_itself() -> None:
    """BootEnd.RESET is a reset of the core; vector catch then stops it at the reset vector."""
    chip = Chip(0.1, BootEnd.RESET)
    chip.core.write(DHCSR, RUN)
    chip.core.write(DEMCR, 1)
    chip.pass_time(0.3)
    assert chip.done == ["boot", 0.1]
    assert chip.core.read(DHCSR) & S_HALT
    assert chip.core.read(DFSR) == 1 << 3


@pytest.mark.parametrize("end", [BootEnd.HALT, BootEnd.RUNNING])
def test_at_its_end_the_firmware_rests(end: BootEnd) -> None:
    """After an error loop or at the idle runtime nothing more happens until a reset."""
    chip = Chip(0.1, end)
    chip.pass_time(1)
    assert chip.host.advance() is None
    assert chip.done == ["boot", 0.1]
    assert chip.core.running


def test_code_outside_the_rom_freezes_the_firmware() -> None:
    """While the core runs a program in RAM, the boot does not go on."""
    chip = Chip(0.1)
    chip.ram[:2] = (0xE7FE).to_bytes(2, "little")
    chip.core.write(DHCSR, HALT)
    chip.core.cpu.r[PC] = RAM
    chip.core.write(DHCSR, RUN)
    chip.pass_time(1)
    assert chip.done == []
    assert chip.core.runs_code


def test_a_breakpoint_without_a_debugger_locks_the_core_up() -> None:
    """BKPT with debug off is a HardFault, and without a handler a lockup, until a reset."""
    chip = Chip()
    chip.ram[:2] = (0xBE00).to_bytes(2, "little")
    chip.core.cpu.r[PC] = RAM
    chip.core.slice()
    assert chip.core.read(DHCSR) & S_LOCKUP
    chip.core.write(DHCSR, HALT)
    state = chip.core.read(DHCSR)
    assert (state & S_HALT, state & S_LOCKUP) == (S_HALT, 0)
    chip.core.reset()
    assert not chip.core.read(DHCSR) & S_LOCKUP


def test_stepping_executes_one_instruction() -> None:
    """C_STEP runs one instruction and halts with the reason HALTED."""
    chip = Chip()
    chip.ram[:4] = bytes.fromhex("01200220")  # movs r0, #1; movs r0, #2
    chip.core.write(DHCSR, HALT)
    chip.core.cpu.r[PC] = RAM
    chip.core.write(DFSR, 0x1F)
    chip.core.write(DHCSR, 0xA05F0005)
    assert (chip.core.cpu.r[0], chip.core.cpu.r[PC]) == (1, RAM + 2)
    assert chip.core.read(DHCSR) & S_HALT
    assert chip.core.read(DFSR) == 1


def test_a_hardware_breakpoint_stops_running_code() -> None:
    """FPB: the comparator's address halts the core before the instruction there."""
    chip = Chip()
    chip.ram[:4] = bytes.fromhex("01200220")
    chip.core.write(0x2000, 3)
    chip.core.write(0x2008, (RAM + 2) | 1)
    chip.core.write(DHCSR, HALT)
    chip.core.cpu.r[PC] = RAM
    chip.core.write(DHCSR, RUN)
    assert chip.core.read(DHCSR) & S_HALT
    assert (chip.core.cpu.r[0], chip.core.cpu.r[PC]) == (1, RAM + 2)
