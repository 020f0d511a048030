# SPDX-License-Identifier: Apache-2.0
"""Faults that begin and end, the supply, and what a closed or slow board does on the wire."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_boards import BoardProcess, Wire

from hil.errors import UsageError
from hil.virtual.board_faults import parse_faults
from hil.virtual.board_power import OFF_SECONDS, PowerSupply
from hil.virtual.bus import Bus
from hil.virtual.fault_counts import FaultCounts
from hil.virtual.nor import (
    CMD_ERASE_16K,
    CMD_ERASE_CHIP,
    CMD_PROGRAM,
    REG_ADDRESS,
    REG_COMMAND,
    REG_KEY,
    REG_LENGTH,
    REG_SOURCE,
    REG_STATUS,
    STATUS_BUSY,
    STATUS_ERROR,
    UNLOCK_KEY,
    FlashController,
    NorFlash,
)

RAM, DHCSR, KEY, S_HALT, S_SDE = 0x30000000, 0xE000EDF0, 0xA05F0000, 1 << 17, 1 << 20
NO_ACK, WAIT, FAULT = 10, 11, 12


@pytest.mark.parametrize(
    ("argument", "holds"),
    [
        ("probe-gone", [1, 2, 3, 4, 5]),
        ("probe-gone:3", [3, 4, 5]),
        ("probe-gone:2:2", [2, 3]),
        ("power-cut:2", [2]),
        ("power-cut", [1]),
        ("flash-hang:4:1", [4]),
    ],
)
def test_a_fault_holds_from_one_occasion_to_another(argument: str, holds: list[int]) -> None:
    """NAME for ever, NAME:N from the N-th on, NAME:N:M for M of them; a power cut once."""
    counts = parse_faults([argument], []).counts
    name = argument.partition(":")[0]
    assert [n for n in range(1, 6) if counts.holds(name, n)] == holds


def test_a_fault_may_wait_for_a_page() -> None:
    """NAME:pageN:M holds for M occasions after the N-th page was begun, and not before."""
    counts = parse_faults(["wait-storm:page2:3"], []).counts
    counts.page_begun(1, 10)
    assert not any(counts.holds("wait-storm", n) for n in range(100))
    counts.page_begun(2, 40)
    assert [n for n in range(100) if counts.holds("wait-storm", n)] == [41, 42, 43]


@pytest.mark.parametrize(
    "argument", ["probe-gone:soon", "probe-gone:1:2:3", "probe-gone:page", "debug-locked:3"]
)
def test_a_count_that_is_none_is_refused(argument: str) -> None:
    """Also where a fault cannot be counted."""
    with pytest.raises(UsageError, match=f"--fault {argument}: "):
        parse_faults([argument], [])


def run(device: FlashController, number: int, address: int, length: int = 0) -> int:
    device.write(REG_KEY, UNLOCK_KEY)
    device.write(REG_ADDRESS, address)
    device.write(REG_SOURCE, RAM)
    device.write(REG_LENGTH, length)
    device.write(REG_COMMAND, number)
    return device.read(REG_STATUS)


@pytest.fixture
def bus() -> Bus:
    bus = Bus()
    bus.map_memory(RAM, bytearray(0x10000))
    return bus


def test_a_cut_in_mid_page_leaves_half_of_it(bus: Bus) -> None:
    """The first half is programmed, the second is not, and the command never ends."""
    flash, cuts = NorFlash(), []
    device = FlashController(flash, bus, FaultCounts(["power-cut"]), lambda: cuts.append(1))
    assert run(device, CMD_PROGRAM, 0, 0x1000) & STATUS_BUSY
    assert flash.read(0, 0x1000) == bytes(0x800) + b"\xff" * 0x800
    assert cuts == [1]


def test_protected_sectors_are_free_after_a_chip_erase(bus: Bus) -> None:
    """A sector cannot be erased until the whole chip has been."""
    device = FlashController(NorFlash(), bus, FaultCounts(["flash-protected"]))
    assert run(device, CMD_ERASE_16K, 0) & STATUS_ERROR
    assert run(device, CMD_ERASE_CHIP, 0) == 0
    assert run(device, CMD_ERASE_16K, 0) == 0


def test_a_supply_comes_back() -> None:
    """It goes at the next tick, not in mid-instruction, and comes back when it is time."""
    now, seen = 0.0, []
    supply = PowerSupply(lambda: seen.append("off"), lambda: seen.append("on"), lambda: now)
    assert (supply.tick(), supply.dark) == (None, False)
    supply.cut()
    assert (seen, supply.dark) == ([], True)
    assert supply.tick() == OFF_SECONDS
    assert seen == ["off"]
    now = OFF_SECONDS
    assert (supply.tick(), supply.dark, seen) == (None, False, ["off", "on"])


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path) as process:
        yield process


def test_a_power_cycle_takes_ram_and_debug_with_it(board: BoardProcess) -> None:
    """SIGUSR2: no ACK while it is dark; then RAM is empty, debug unpowered and the core runs."""
    with Wire(board.port) as wire:
        wire.power_up()
        wire.write32(RAM, 0x1234)
        wire.write32(DHCSR, KEY | 3)
        assert wire.read32(DHCSR) & S_HALT
        board.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 10
        while wire.ask("read_dp", 0)["status"] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert wire.ask("read_dp", 0)["status"] == NO_ACK
        while wire.ask("read_dp", 0)["status"] != 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert wire.ask("read_ap", 0x2D00)["status"] == FAULT  # debug has no power
        wire.power_up()
        assert wire.read32(RAM) == 0
        assert not wire.read32(DHCSR) & S_HALT


@pytest.mark.parametrize(
    ("fault", "status"), [("wait-storm:20:2", WAIT), ("sticky-fault:20:2", FAULT)]
)
def test_a_bus_fault_ends(tmp_path: Path, fault: str, status: int) -> None:
    """The bus answers WAIT or FAULT for as long as the fault lasts, and then again as before."""
    with BoardProcess(tmp_path, f"--fault={fault}") as board, Wire(board.port) as wire:
        wire.power_up()
        answers = []
        for _ in range(30):
            answers.append(wire.ask("read_ap", 0x2D00)["status"])
            wire.get("write_dp", 0, 0x1E)
        assert set(answers) == {0, status}
        assert answers[-1] == 0
        wire.write32(RAM, 5)
        assert wire.read32(RAM) == 5


def test_only_nonsecure_debug_cannot_halt_secure_code(tmp_path: Path) -> None:
    """S_SDE is 0, and a halt request does nothing: all code of this chip is secure."""
    with (
        BoardProcess(tmp_path, "--fault=debug-nonsecure") as board,
        Wire(board.port) as wire,
    ):
        wire.power_up()
        wire.write32(DHCSR, KEY | 3)
        assert not wire.read32(DHCSR) & (S_HALT | S_SDE)


def test_a_probe_may_be_slow(tmp_path: Path) -> None:
    """With --probe-delay each answer takes that long, and the board lives on meanwhile."""
    with BoardProcess(tmp_path, "--probe-delay=0.02") as board, Wire(board.port) as wire:
        started = time.monotonic()
        for _ in range(10):
            wire.get("hello", 1)
        assert time.monotonic() - started >= 0.2


def test_the_chip_says_its_target_id(board: BoardProcess) -> None:
    """Register 4 of bank 2 of the debug port."""
    with Wire(board.port) as wire:
        wire.get("hello", 1)
        wire.get("open")
        wire.get("write_dp", 8, 2)
        assert wire.get("read_dp", 4) == 0x07E5E477
