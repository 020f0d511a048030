# SPDX-License-Identifier: Apache-2.0
"""The NOR flash of a virtual board and its controller."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.virtual import nor
from hil.virtual.bus import Bus
from hil.virtual.fault_counts import FaultCounts
from hil.virtual.nor import FlashController, NorFlash

RAM = 0x30000000


def controller(flash: NorFlash, ram: bytes = b"", *faults: str) -> FlashController:
    """A controller with `ram` in its RAM."""
    bus = Bus()
    bus.map_memory(RAM, bytearray(ram.ljust(0x10000, b"\0")))
    return FlashController(flash, bus, FaultCounts(faults))


def command(device: FlashController, number: int, address: int, length: int = 0) -> int:
    """Run a command on an unlocked controller, return the status."""
    device.write(nor.REG_KEY, nor.UNLOCK_KEY)
    device.write(nor.REG_ADDRESS, address)
    device.write(nor.REG_SOURCE, RAM)
    device.write(nor.REG_LENGTH, length)
    device.write(nor.REG_COMMAND, number)
    return device.read(nor.REG_STATUS)


@given(st.binary(min_size=1, max_size=64), st.binary(min_size=64, max_size=64))
def test_programming_only_clears_bits(first: bytes, second: bytes) -> None:
    """What stands after two writes without an erase is the AND of both."""
    flash = _scratch()
    flash.erase(0, nor.SECTOR_4K)
    flash.program(16, first)
    flash.program(16, second)
    expected = [a & b for a, b in zip(first.ljust(64, b"\xff"), second, strict=True)]
    assert list(flash.read(16, 64)) == expected


_FLASH = NorFlash()


def _scratch() -> NorFlash:
    return _FLASH


@pytest.mark.parametrize(
    ("number", "size"), [(nor.CMD_ERASE_4K, 0x1000), (nor.CMD_ERASE_16K, 0x4000)]
)
def test_erasing_sets_one_sector_and_nothing_else(number: int, size: int) -> None:
    """The sector reads FF afterwards, its neighbours keep their content."""
    flash = NorFlash()
    flash.program(0, bytes(4 * size))
    assert command(controller(flash), number, size) == 0
    assert flash.read(size, size) == b"\xff" * size
    assert flash.read(0, size) + flash.read(2 * size, size) == bytes(2 * size)


@pytest.mark.parametrize(
    ("number", "address", "length"),
    [
        (nor.CMD_ERASE_16K, 0x1000, 0),
        (nor.CMD_ERASE_4K, nor.SIZE, 0),
        (nor.CMD_PROGRAM, nor.SIZE - 4, 8),
        (nor.CMD_PROGRAM, 0, 0),
        (nor.CMD_PROGRAM, 0, 0x20000),  # beyond the RAM that the data come from
        (99, 0, 4),
    ],
)
def test_impossible_commands_end_with_the_error_bit(number: int, address: int, length: int) -> None:
    """Unaligned, out of range or unknown: the error bit, and no cell changes."""
    flash = NorFlash()
    assert command(controller(flash), number, address, length) == nor.STATUS_ERROR
    assert flash.cells.count(0xFF) == nor.SIZE


def test_a_locked_controller_ignores_commands() -> None:
    """After a reset, and after any wrong key, nothing can be programmed."""
    flash = NorFlash()
    device = controller(flash)
    device.write(nor.REG_KEY, 0x12345678)
    device.write(nor.REG_LENGTH, 16)
    device.write(nor.REG_SOURCE, RAM)
    device.write(nor.REG_COMMAND, nor.CMD_PROGRAM)
    assert device.read(nor.REG_STATUS) == nor.STATUS_LOCKED
    assert flash.read(0, 16) == b"\xff" * 16


def test_a_bad_bit_is_silent() -> None:
    """With the fault `flash-bad-bit` the command succeeds and one bit is wrong."""
    flash = NorFlash()
    data = bytes(range(256))
    assert command(controller(flash, data, "flash-bad-bit"), nor.CMD_PROGRAM, 0, 256) == 0
    found = flash.read(0, 256)
    wrong = int.from_bytes(found, "big") ^ int.from_bytes(data, "big")
    assert wrong.bit_count() == 1


def test_the_content_survives_in_its_file(tmp_path: Path) -> None:
    """A new process finds what was programmed and erased; the file is no longer than needed."""
    path = tmp_path / "flash"
    flash = NorFlash(path)
    assert not path.exists()
    flash.program(0x4000, b"kept")
    flash.program(0x8000, b"gone")
    flash.erase(0x8000, 0x4000)
    again = NorFlash(path)
    assert again.cells == flash.cells
    assert again.read(0x4000, 4) == b"kept"
    assert path.stat().st_size < 0xC000
