# SPDX-License-Identifier: Apache-2.0
"""Tables of commands in a pipe and in terminals of any width."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from hil.commands.table import table

ROWS = [
    ("role", "file", "size", "sha256", "remarks"),
    ("TF-M S", "bin/tfm_s_signed.bin", "25822", "e4c99abb519e",
     "development key dev-EC-P256: anybody can sign with it"),
    ("ROM", "bin/rom.bin", "131072", "0123456789ab", ""),
]  # fmt: skip
PAYLOADS = Path(__file__).resolve().parents[2] / "boards" / "payloads"
WORDS = sorted(word for row in ROWS for cell in row for word in cell.split())


def test_in_a_pipe_a_row_is_a_line() -> None:
    """Programs read it: nothing is folded, however long."""
    lines = table(ROWS)
    assert len(lines) == len(ROWS)
    assert lines[1].endswith("anybody can sign with it")
    assert len({line.index(row[3]) for line, row in zip(lines, ROWS, strict=True)}) == 1


@pytest.mark.parametrize("width", [40, 56, 60, 80, 120, 200])
def test_in_a_terminal_no_line_is_longer_and_no_word_is_lost(width: int) -> None:
    """Remarks are folded in their column, below the row, or the row is stacked."""
    lines = table(ROWS, width)
    assert max(map(len, lines)) <= width
    assert sorted(word for line in lines for word in line.split()) == WORDS


def _on_a_terminal(columns: int, *arguments: str) -> list[str]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "hil.cli", *arguments],
        stdin=slave, stdout=slave, stderr=slave, env=environment,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    try:
        with contextlib.suppress(OSError):  # the other end of a pty is closed
            while part := os.read(master, 4096):
                shown += part
    finally:
        os.close(master)
        assert process.wait(60) in (0, 1)
    return shown.decode().replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [80, 120])
def test_ls_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    """What is found is shown whole; the same in a pipe is one line a file."""
    for name in ("host_gpt.bin", "rom.bin", "tfm_s.bin", "bl1_2.bin"):
        path = tmp_path / "a_folder_with_a_long_name" / f"{name.removesuffix('.bin')}_signed.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((PAYLOADS / name).read_bytes())
    lines = _on_a_terminal(columns, "image", "ls", str(tmp_path))
    assert max(map(len, lines)) <= columns
    assert any("host flash (GPT)" in line for line in lines)
    piped = subprocess.run(
        [sys.executable, "-m", "hil.cli", "image", "ls", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert sorted(" ".join(lines).split()) == sorted(piped.stdout.split())
