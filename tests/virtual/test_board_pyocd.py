# SPDX-License-Identifier: Apache-2.0
"""A virtual board under the stock `pyocd` command: nothing of the harness takes part."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_boards import LIMIT, USER_SCRIPT, BoardProcess

pytest.importorskip("pyocd")
FLASH = 0xB0000000


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path_factory.mktemp("board")) as process:
        yield process


def pyocd(board: BoardProcess, folder: Path, *arguments: str) -> str:
    """Run a pyocd subcommand in `folder`, return what it prints; it must succeed."""
    done = run_pyocd(board, folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_pyocd(
    board: BoardProcess, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    subcommand, *rest = arguments
    common = ["--script", str(USER_SCRIPT), "-t", "rse_virtual", "-u", board.probe, "-W"]
    return subprocess.run(
        [sys.executable, "-m", "pyocd", subcommand, *common, *rest],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


def test_flashes_and_reads_back(board: BoardProcess, tmp_path: Path) -> None:
    """`pyocd load` programs through the real flash algorithm; `savemem` reads the same bytes."""
    content = random.Random(1).randbytes(100_003)
    (tmp_path / "image.bin").write_bytes(content)
    pyocd(board, tmp_path, "load", "--base-address", hex(FLASH + 0x40000), "image.bin")
    size = len(content)
    pyocd(board, tmp_path, "cmd", "-c", f"savemem {FLASH + 0x40000:#x} {size} found.bin")
    assert (tmp_path / "found.bin").read_bytes() == content
    # And the cells hold it, beyond the life of the process.
    cells = (board.folder / "state" / "chip0.flash").read_bytes()
    assert cells[0x40000 : 0x40000 + size] == content
    assert set(cells[:0x40000]) == {0xFF}


def test_smart_flash_finds_nothing_to_do_for_the_same_image(
    board: BoardProcess, tmp_path: Path
) -> None:
    """A second load of the same file programs nothing, and erase really erases."""
    (tmp_path / "image.bin").write_bytes(random.Random(2).randbytes(0x4000))
    load = ["load", "-v", "--base-address", hex(FLASH + 0x100000), "image.bin"]
    assert "programmed 16384 bytes" in pyocd(board, tmp_path, *load)
    assert "programmed 0 bytes" in pyocd(board, tmp_path, *load)


def test_connects_under_reset_and_inspects(board: BoardProcess, tmp_path: Path) -> None:
    """Under reset the core halts at its reset vector; faults, steps and registers work."""
    said = pyocd(
        board, tmp_path, "cmd", "-M", "under-reset",
        "-c", "status", "-c", "reg pc", "-c", "reg cfbp", "-c", "read32 0x11000004",
        "-c", "write32 0x30000100 0x20022001", "-c", "wreg pc 0x30000100", "-c", "step",
        "-c", "reg r0", "-c", "reset halt", "-c", "reg pc",
    )  # fmt: skip
    assert "Halted [Secure]" in said
    assert said.count("pc = 0x11000400") == 2
    assert "11000401" in said
    assert "r0 = 0x00000001" in said


def test_an_unmapped_address_is_a_transfer_fault(board: BoardProcess, tmp_path: Path) -> None:
    """Reading where nothing is fails as on hardware."""
    done = run_pyocd(board, tmp_path, "cmd", "-c", "read32 0x90000000")
    assert done.returncode == 2
    assert "memory transfer failed" in done.stdout


def test_a_flash_error_is_reported_with_its_address(tmp_path: Path) -> None:
    """When the controller refuses to program, pyocd fails and names the page."""
    (tmp_path / "image.bin").write_bytes(b"x" * 100)
    with BoardProcess(tmp_path, "--fault=flash-program-error") as board:
        done = run_pyocd(
            board, tmp_path, "load", "--base-address", hex(FLASH + 0x8000), "image.bin"
        )
    assert done.returncode == 1
    assert "flash program page failure (address 0xb0008000; result code 0x2)" in done.stderr
