# SPDX-License-Identifier: Apache-2.0
"""What a worker does to one chip, seen at the chip's own registers."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial
from virtual_boards import USER_SCRIPT, BoardProcess, Wire

from hil.targets.pyocd_settings import PyocdSettings

pytest.importorskip("pyocd")
from pyocd.probe.aggregator import DebugProbeAggregator
from pyocd.probe.tcp_client_probe import TCPClientProbe

from hil.targets.pyocd_errors import Refusal
from hil.targets.pyocd_session import Chip, find_probe

#: DP register, and its bits CDBGPWRUPREQ and CSYSPWRUPREQ.
CTRL_STAT, POWER_REQUESTS = 4, 0x50000000
RAM, ENTRY = 0x31000000, 0x31000100
FLASH, ROM_ENTRY = 0xB0000000, 0x11000400
STACK = 0x30008000


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardProcess]:
    """A board whose vector table at reset lies in RAM, as where BL2 is loaded into memory."""
    with BoardProcess(tmp_path, f"--initsvtor={RAM:#x}") as board:
        yield board


@pytest.fixture
def chip(board: BoardProcess) -> Iterator[Chip]:
    """The chip through pyOCD, let go afterwards."""
    chip = chip_of(board)
    yield chip
    chip.close()


def chip_of(board: BoardProcess, **changes: Any) -> Chip:
    settings = PyocdSettings.model_validate(
        {
            "kind": "pyocd",
            "target": "rse_virtual",
            "user_script": str(USER_SCRIPT),
            "options": {"reset.post_delay": 0.0},
            **changes,
        }
    )
    return Chip(board.probe, settings.model_dump(mode="json"))


def image(folder: Path, content: bytes, address: int, memory: str = "ram") -> dict[str, Any]:
    path = folder / f"{address:x}.bin"
    path.write_bytes(content)
    return {
        "name": "bl2",
        "path": str(path),
        "address": address,
        "memory": memory,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def ram_image(folder: Path, entry: int) -> dict[str, Any]:
    """An image with a vector table, to be loaded where the core looks for one."""
    nops, loop = b"\x00\xbf" * 0x100, b"\xfe\xe7"
    return image(folder, struct.pack("<16I", STACK, *[entry | 1] * 15) + nops + loop, RAM)


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
    chip: Chip, board: BoardProcess, monkeypatch: pytest.MonkeyPatch
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
    with Wire(board.port) as wire:
        wire.get("hello", 1)
        wire.get("open")
        wire.get("write_dp", 8, 0)
        assert not wire.get("read_dp", CTRL_STAT) & POWER_REQUESTS


def test_an_image_with_the_old_entry_starts_with_its_own_stack(chip: Chip, tmp_path: Path) -> None:
    """The stack alone is reason enough for the core to take its vectors anew."""
    chip.hold(None)
    chip.load([ram_image(tmp_path, ENTRY)])
    stale = struct.pack("<2I", STACK + 0x100, ENTRY | 1)
    chip.load([image(tmp_path, stale, RAM)])
    assert chip._session.target.read_core_register("sp") == STACK + 0x100


def test_no_reset_follows_what_is_written_to_ram_under_a_boot_rom(tmp_path: Path) -> None:
    """Where the core starts from ROM its vectors stand: a provisioning message is left alone."""
    message = image(tmp_path, b"message" * 9, 0x310E0000)
    flash = image(tmp_path, b"flash" * 9, FLASH, "flash")
    with BoardProcess(tmp_path, "--fault=reset-clears-ram") as board:
        chip = chip_of(board)
        chip.hold(None)
        chip.load([message, flash])
        held = bytes(chip._session.target.read_memory_block8(message["address"], message["size"]))
        chip.close()
    assert held == b"message" * 9


def test_a_reset_that_destroys_the_image_it_would_start_is_named(tmp_path: Path) -> None:
    """RAM is read once more after the reset; the refusal blames the reset, not the memory."""
    with BoardProcess(tmp_path, f"--initsvtor={RAM:#x}", "--fault=reset-clears-ram") as board:
        chip = chip_of(board)
        chip.hold(None)
        with pytest.raises(Refusal, match="image bl2: read back 0x00") as caught:
            chip.load([ram_image(tmp_path, ENTRY)])
        chip.close()
    assert "this reset destroys it" in str(caught.value.hint)


@pytest.fixture
def pulses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every reset that pyOCD asks the probe for, besides the one under which it connects."""
    seen: list[str] = []
    reset = TCPClientProbe.reset

    def spy(probe: TCPClientProbe) -> None:
        seen.append("reset")
        reset(probe)

    monkeypatch.setattr(TCPClientProbe, "reset", spy)
    return seen


def test_a_reset_line_that_comes_up_late_is_awaited(tmp_path: Path, pulses: list[str]) -> None:
    """The core halts at its vector in the reset of the connect; nothing of the firmware runs."""
    with (
        BoardProcess(tmp_path, "--fault=slow-nreset") as board,
        serial.Serial(board.uart) as console,
    ):
        chip = chip_of(board)
        chip.hold(None)
        chip.close()
        console.reset_input_buffer()
        assert chip.hold(None) == {"pc": ROM_ENTRY}
        chip.close()
        assert console.in_waiting == 0
    assert pulses == []


def test_without_a_reset_line_the_core_is_reset_once_more(tmp_path: Path) -> None:
    """Connecting halts it where it was; the reset of the board file takes it to its vector."""
    with BoardProcess(tmp_path, f"--initsvtor={RAM:#x}", "--fault=nreset-open") as board:
        chip = chip_of(board, reset_type="system")
        chip.hold(None)
        chip.load([ram_image(tmp_path, ENTRY)])
        chip.release()
        assert chip.hold(None) == {"pc": ENTRY}
        chip.close()


def test_a_probe_that_appears_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After power-on USB needs a while: the probe is looked for again, then named as missing."""
    probe = SimpleNamespace(unique_id="0123")
    looks: list[list[SimpleNamespace]] = [[], [], [probe]]

    def connected(_id: str | None = None) -> list[SimpleNamespace]:
        return looks.pop(0) if len(looks) > 1 else looks[0]

    monkeypatch.setattr(DebugProbeAggregator, "get_all_connected_probes", connected)
    assert find_probe("0123", appear=20) is probe
    with pytest.raises(Refusal, match="'4567'") as caught:
        find_probe("4567")
    assert "connected: 0123;" in str(caught.value.hint)


def test_nothing_that_lies_about_takes_part(
    board: BoardProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyOCD would run a pyocd_user.py and read a pyocd.yaml of the working directory, and unlock."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "pyocd_user.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (lab / "pyocd.yaml").write_text("connect_mode: attach\nauto_unlock: true\n")
    monkeypatch.chdir(lab)
    chip = chip_of(board, user_script=None, target="cortex_m")
    chip.hold(None)
    options = chip._session.options
    assert options.get("auto_unlock") is False
    assert options.get("connect_mode") == "under-reset"
    assert Path.cwd() == Path("/")
    chip.close()
    assert not (tmp_path / "ran").exists()
