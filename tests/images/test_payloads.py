# SPDX-License-Identifier: Apache-2.0
"""The shipped payloads are what their script makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIZES = {
    "rom.bin": 4096,
    "bl1_2.bin": 8192,
    "bl2.bin": 12288,
    "tfm_s.bin": 24576,
    "scp.bin": 4096,
    "mcp.bin": 4096,
    "lcp.bin": 4096,
    "ap_bl1.bin": 4096,
}


def test_shipped_payloads_are_reproducible(boards: Path, tmp_path: Path) -> None:
    """Made again elsewhere, each file is the same to the byte, of its size, with its banner."""
    folder = boards / "payloads"
    command = [sys.executable, str(folder / "make_payloads.py"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name: len(content) for name, content in made.items()} == SIZES
    for name, content in made.items():
        assert (folder / name).read_bytes() == content
        banner = f"rse-hil development payload {Path(name).stem}\n".encode()
        assert content.startswith(banner)
    assert len(set(made.values())) == len(made)
