# SPDX-License-Identifier: Apache-2.0
"""What a worker does to one chip, seen at the chip's own registers."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from virtual_boards import USER_SCRIPT, BoardProcess

from hil.targets.pyocd_settings import PyocdSettings

pytest.importorskip("pyocd")
from pyocd.probe.tcp_client_probe import TCPClientProbe

from hil.targets.pyocd_session import Chip

#: DP register, and its bits CDBGPWRUPREQ and CSYSPWRUPREQ.
CTRL_STAT, POWER_REQUESTS = 4, 0x50000000
RAM, ENTRY = 0x31000000, 0x31000100
STACK = 0x30008000


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardProcess]:
    """A board whose vector table at reset lies in RAM, as where BL2 is loaded into memory."""
    with BoardProcess(tmp_path, f"--initsvtor={RAM:#x}") as board:
        yield board


@pytest.fixture
def chip(board: BoardProcess) -> Iterator[Chip]:
    """The chip through pyOCD, let go afterwards."""
    settings = PyocdSettings.model_validate(
        {
            "kind": "pyocd",
            "target": "rse_virtual",
            "user_script": str(USER_SCRIPT),
            "options": {"reset.post_delay": 0.0},
        }
    )
    chip = Chip(board.probe, settings.model_dump(mode="json"))
    yield chip
    chip.close()


def ram_image(folder: Path, entry: int) -> dict[str, Any]:
    """An image with a vector table, to be loaded where the core looks for one."""
    path = folder / "bl2.bin"
    content = struct.pack("<16I", STACK, *[entry | 1] * 15) + b"\xfe\xe7" * 0x100
    path.write_bytes(content)
    return {
        "name": "bl2",
        "path": str(path),
        "address": RAM,
        "memory": "ram",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_an_image_loaded_over_the_vector_table_is_the_one_that_starts(
    chip: Chip, tmp_path: Path
) -> None:
    """Stack and entry are those of the image just written, not of what stood there before."""
    chip.hold(None)
    chip.load([ram_image(tmp_path, ENTRY)])
    target = chip._session.target
    assert target.read_core_register("pc") == ENTRY
    assert target.read_core_register("sp") == STACK
    chip.load([ram_image(tmp_path, ENTRY + 0x40)])
    assert target.read_core_register("pc") == ENTRY + 0x40


def test_asking_for_a_chip_leaves_its_debug_unpowered(
    chip: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last that a running board hears of a look at it is that debug may power down again."""
    heard: list[int] = []
    write_dp = TCPClientProbe.write_dp

    def spy(probe: TCPClientProbe, address: int, value: int) -> None:
        if address == CTRL_STAT:
            heard.append(value)
        write_dp(probe, address, value)

    monkeypatch.setattr(TCPClientProbe, "write_dp", spy)
    chip.ping()
    assert heard[0] & POWER_REQUESTS
    assert not heard[-1] & POWER_REQUESTS
