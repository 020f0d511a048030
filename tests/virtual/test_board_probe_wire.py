# SPDX-License-Identifier: Apache-2.0
"""The debug probe of a virtual board, spoken to in pyOCD's remote protocol without pyOCD."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_boards import LIMIT, BoardProcess, Wire

FLASH, VM0, ROM = 0xB0000000, 0x31000000, 0x11000000
CPUID, AIRCR, DFSR = 0xE000ED00, 0xE000ED0C, 0xE000ED30
DHCSR, DCRSR, DCRDR, DEMCR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC
KEY = 0xA05F0000
S_HALT, S_RESET_ST = 1 << 17, 1 << 25
FAULT = 12


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path_factory.mktemp("board")) as process:
        yield process


@pytest.fixture
def wire(board: BoardProcess) -> Iterator[Wire]:
    with Wire(board.port) as client:
        client.power_up()
        yield client


def halt(wire: Wire) -> None:
    """Halt the core, also out of a reset that a test left."""
    wire.get("assert_reset", False)
    wire.write32(DHCSR, KEY | 3)
    wire.read32(DHCSR)


def pc(wire: Wire) -> int:
    wire.write32(DCRSR, 15)
    return wire.read32(DCRDR)


def test_refuses_another_protocol_version(board: BoardProcess) -> None:
    """`hello` with a version other than 1 fails and says which is spoken."""
    with Wire(board.port) as client:
        answer = client.ask("hello", 2)
    assert answer["status"] == 1
    assert "version 2 is not spoken" in answer["error"]


@pytest.mark.parametrize("line", [b"no JSON", b"[1, 2]", b'{"id": 3, "request": "frobnicate"}'])
def test_answers_nonsense_with_an_error(board: BoardProcess, line: bytes) -> None:
    """A line that is no request gets an error, and the connection lives on."""
    with Wire(board.port) as client:
        client.send(line)
        assert client.receive()["status"] == 1
        client.get("hello", 1)


def test_one_client_has_the_probe(board: BoardProcess, wire: Wire) -> None:
    """A second client cannot open the probe until the first has gone."""
    with Wire(board.port) as second:
        answer = second.ask("open")
        assert (answer["status"], "in use" in answer["error"]) == (3, True)
        wire.get("close")
        second.get("open")


def test_identifies_itself_as_an_adiv6_cortex_m55(wire: Wire) -> None:
    """DPv3, AHB5-AP 0x34770008 and the CPUID of a Cortex-M55."""
    wire.get("write_dp", 8, 0)
    assert wire.get("read_dp", 0) >> 12 & 0xF == 3
    assert wire.read_ap(0xDFC)["result"] == 0x34770008
    assert wire.read32(CPUID) & 0xFF00FFF0 == 0x4100D220


def test_an_unmapped_address_faults_until_the_error_is_cleared(wire: Wire) -> None:
    """A bus error sets the sticky error; after ABORT the next access works."""
    wire.write_ap(0xD04, 0x90000000)
    assert wire.read_ap(0xD0C)["status"] == FAULT
    assert wire.read_ap(0xD00)["status"] == FAULT
    wire.get("write_dp", 0, 0x1E)
    assert wire.read32(CPUID) >> 24 == 0x41


def test_access_port_needs_power(board: BoardProcess) -> None:
    """Before the debug domain is powered, every access faults."""
    with Wire(board.port) as client:
        client.get("hello", 1)
        client.get("open")
        client.get("write_dp", 8, 0)
        client.get("write_dp", 4, 0)
        client.get("write_dp", 0, 0x1E)
        assert client.read_ap(0xDFC)["status"] == FAULT


def test_csw_keeps_only_what_is_implemented(wire: Wire) -> None:
    """Sizes clamp to a word; the enable bits are read only; HPROT and HNONSEC stay."""
    wire.write_ap(0xD00, 0xFFFFFFFF & ~(1 << 6) & ~(1 << 23))
    csw = wire.read_ap(0xD00)["result"]
    assert csw & 7 == 2
    assert csw & 1 << 6
    assert csw & 1 << 23
    assert csw >> 24 & 0x5F == 0x5F


@pytest.mark.parametrize(("size", "lanes"), [(0, 4), (1, 2)])
def test_narrow_accesses_use_the_lanes_of_the_bus(wire: Wire, size: int, lanes: int) -> None:
    """Bytes and halfwords stand in the lane that their address gives them."""
    wire.write32(VM0, 0x44332211)
    wire.write_ap(0xD00, 0x03000010 | size)
    wire.write_ap(0xD04, VM0)
    values = [wire.read_ap(0xD0C)["result"] for _ in range(lanes)]
    wire.write_ap(0xD00, 0x03000012)
    assert sum(values) == 0x44332211


def test_a_block_goes_through_one_request(wire: Wire) -> None:
    """write_ap_multiple and read_ap_multiple move whole blocks and advance TAR."""
    words = [i * 0x01010101 for i in range(256)]
    wire.write_ap(0xD04, VM0 + 0x1000)
    wire.get("write_ap_multiple", 0x2D0C, words)
    assert wire.read_ap(0xD04)["result"] == VM0 + 0x1400
    wire.write_ap(0xD04, VM0 + 0x1000)
    assert wire.get("read_ap_multiple", 0x2D0C, 256) == words


def test_the_debugger_cannot_program_flash_by_writing(wire: Wire) -> None:
    """Writes to the mapped flash vanish; writes to the ROM are bus errors."""
    wire.write32(FLASH + 0x700000, 0)
    assert wire.read32(FLASH + 0x700000) == 0xFFFFFFFF
    wire.write_ap(0xD04, ROM)
    assert wire.write_ap(0xD0C, 0)["status"] == FAULT
    wire.get("write_dp", 0, 0x1E)


def test_keys_in_the_otp_read_as_zero(wire: Wire) -> None:
    """The OTP window shows configuration, never HUK, GUK or provisioning keys."""
    wire.write_ap(0xD04, 0x500A1000)
    words = [wire.read_ap(0xD0C)["result"] for _ in range(0xC0 // 4)]
    assert words == [0] * 48
    assert wire.read32(0x500A0000) == 0xCCCC3C3C  # lifecycle register: a virgin chip is in CM


def test_reset_catch_holds_the_core_at_its_reset_vector(wire: Wire) -> None:
    """SYSRESETREQ with VC_CORERESET halts before the first instruction; DEMCR survives."""
    halt(wire)
    wire.write32(DEMCR, 1)
    wire.write32(DFSR, 0x1F)
    wire.write32(AIRCR, 0x05FA0004)
    state = wire.read32(DHCSR)
    assert state & S_HALT
    assert state & S_RESET_ST
    assert not wire.read32(DHCSR) & S_RESET_ST
    assert wire.read32(DFSR) == 1 << 3
    assert wire.read32(DEMCR) & 1
    assert pc(wire) == wire.read32(ROM + 4) & ~1


def test_aircr_needs_its_key(wire: Wire) -> None:
    """Without the key there is no reset."""
    halt(wire)
    wire.write32(AIRCR, 0x00000004)
    assert not wire.read32(DHCSR) & S_RESET_ST


def test_under_the_reset_line_the_core_is_stopped_and_debug_answers(wire: Wire) -> None:
    """nRESET: debug registers answer, memory does not; the release runs the vector catch."""
    wire.get("assert_reset", True)
    assert wire.get("is_reset_asserted") is True
    wire.write32(DHCSR, KEY | 3)
    wire.write32(DEMCR, 1)
    assert wire.read32(DHCSR) & S_RESET_ST
    assert wire.read32(DHCSR) & S_RESET_ST
    wire.write_ap(0xD04, VM0)
    assert wire.read_ap(0xD0C)["status"] == FAULT
    wire.get("write_dp", 0, 0x1E)
    wire.get("assert_reset", False)
    assert wire.read32(DHCSR) & S_HALT
    assert pc(wire) == wire.read32(ROM + 4) & ~1


def test_memory_survives_a_reset(wire: Wire) -> None:
    """SRAM keeps its content over SYSRESETREQ and over the reset line."""
    halt(wire)
    wire.write32(0x310E0000, 0x1111B10B)
    wire.write32(AIRCR, 0x05FA0004)
    wire.get("reset")
    assert wire.read32(0x310E0000) == 0x1111B10B


def test_code_in_ram_runs_to_its_breakpoint(wire: Wire) -> None:
    """Code that the debugger put into RAM runs and stops at BKPT, with PC at it."""
    halt(wire)
    wire.write32(0x30000000, 0xBE00202A)  # movs r0, #42; bkpt
    for register, value in ((15, 0x30000000), (16, 0x01000000)):
        wire.write32(DCRDR, value)
        wire.write32(DCRSR, 0x10000 | register)
    wire.write32(DHCSR, KEY | 1)
    assert wire.read32(DHCSR) & S_HALT
    wire.write32(DCRSR, 0)
    assert wire.read32(DCRDR) == 42
    assert pc(wire) == 0x30000002


def test_an_unplugged_probe_says_so_and_keeps_the_connection(tmp_path: Path) -> None:
    """From the given request on every answer is status 2; the socket stays open."""
    with BoardProcess(tmp_path, "--fault=probe-gone:3") as board, Wire(board.port) as client:
        client.get("hello", 1)
        client.get("open")
        assert [client.ask("flush")["status"] for _ in range(3)] == [2, 2, 2]


def test_locked_debug_refuses_memory(tmp_path: Path) -> None:
    """With debug locked the port answers, its enable bits are clear, and memory faults."""
    with BoardProcess(tmp_path, "--fault=debug-locked") as board, Wire(board.port) as client:
        client.power_up()
        assert client.read_ap(0xD00)["result"] & (1 << 6 | 1 << 23) == 0
        client.write_ap(0xD04, VM0)
        assert client.read_ap(0xD0C)["status"] == FAULT


def test_a_slow_supervisor_holds_the_reset_line_longer(tmp_path: Path) -> None:
    """After the probe has let nRESET go the chip stays in reset for a while, then comes out."""
    with BoardProcess(tmp_path, "--fault=slow-nreset") as board, Wire(board.port) as client:
        client.power_up()
        halt(client)
        client.write32(DEMCR, 1)
        client.get("reset")
        assert client.get("is_reset_asserted") is True
        assert not client.read32(DHCSR) & S_HALT
        deadline = time.monotonic() + LIMIT
        while not client.read32(DHCSR) & S_HALT and time.monotonic() < deadline:
            time.sleep(0.01)
        assert client.get("is_reset_asserted") is False
        assert pc(client) == client.read32(ROM + 4) & ~1


def test_a_reset_line_that_is_not_connected_does_nothing(tmp_path: Path) -> None:
    """The probe drives it, the chip runs on."""
    with BoardProcess(tmp_path, "--fault=nreset-open") as board, Wire(board.port) as client:
        client.power_up()
        halt(client)
        client.get("reset")
        client.get("assert_reset", True)
        assert client.get("is_reset_asserted") is False
        assert not client.read32(DHCSR) & S_RESET_ST


def test_a_sleeping_core_answers_only_when_it_is_held(tmp_path: Path) -> None:
    """While it runs every memory access faults; under the reset line debug registers answer."""
    with BoardProcess(tmp_path, "--fault=debug-asleep") as board, Wire(board.port) as client:
        client.power_up()
        client.write_ap(0xD04, DHCSR)
        assert client.read_ap(0xD0C)["status"] == FAULT
        client.get("write_dp", 0, 0x1E)
        client.get("assert_reset", True)
        client.write32(DHCSR, KEY | 1)
        client.write32(DEMCR, 1)
        client.get("assert_reset", False)
        assert client.read32(DHCSR) & S_HALT


def test_a_chip_can_lose_its_ram_in_a_reset(tmp_path: Path) -> None:
    """With this fault, and only with it, RAM is zero after a reset."""
    with BoardProcess(tmp_path, "--fault=reset-clears-ram") as board, Wire(board.port) as client:
        client.power_up()
        halt(client)
        client.write32(VM0, 1)
        client.write32(AIRCR, 0x05FA0004)
        assert client.read32(VM0) == 0


def test_a_core_starts_from_the_vectors_that_it_is_told(tmp_path: Path) -> None:
    """With vectors in RAM the next reset takes PC and SP from there."""
    with BoardProcess(tmp_path, f"--initsvtor={VM0:#x}") as board, Wire(board.port) as client:
        client.power_up()
        halt(client)
        client.write32(VM0, 0x31001000)
        client.write32(VM0 + 4, 0x31000101)
        client.write32(DEMCR, 1)
        client.write32(AIRCR, 0x05FA0004)
        assert client.read32(DHCSR) & S_HALT
        assert pc(client) == 0x31000100
        client.write32(DCRSR, 13)
        assert client.read32(DCRDR) == 0x31001000
