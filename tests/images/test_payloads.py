# SPDX-License-Identifier: Apache-2.0
"""The shipped payloads are what their script makes."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

from hil.images.content import Content
from hil.images.gpt import parse_gpt

SIZES = {
    "rom.bin": 4096,
    "bl1_2.bin": 8192,
    "bl2.bin": 12288,
    "tfm_s.bin": 24576,
    "scp.bin": 4096,
    "mcp.bin": 4096,
    "lcp.bin": 4096,
    "ap_bl1.bin": 4096,
    "host_gpt.bin": 656 * 512,
}


def test_the_shipped_host_flash_has_two_banks_and_what_names_the_active_one(boards: Path) -> None:
    """A sound GPT with FIP_A and FIP_B, FWU metadata twice, at pages that an RSE can map."""
    gpt = parse_gpt(Content.of((boards / "payloads" / "host_gpt.bin").read_bytes()))
    gpt.require_sound()
    names = {part.name: part for part in gpt.table.partitions}
    assert list(names) == [
        "FWU-Metadata", "Bkup-FWU-Metadata", "private_metadata_1", "FIP_A", "FIP_B",
    ]  # fmt: skip
    assert all(part.offset % 8192 == 0 for part in names.values())
    for name in ("FWU-Metadata", "Bkup-FWU-Metadata"):
        data = gpt.read(names[name]).read(0, 32, "metadata")
        crc, version, active, _previous, size = struct.unpack_from("<5I", data)
        assert (version, active, size) == (2, 0, 32)
        assert crc == zlib.crc32(data[4:size])


def test_shipped_payloads_are_reproducible(boards: Path, tmp_path: Path) -> None:
    """Made again elsewhere, each file is the same to the byte, of its size, with its banner."""
    folder = boards / "payloads"
    command = [sys.executable, str(folder / "make_payloads.py"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=300)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name: len(content) for name, content in made.items()} == SIZES
    for name, content in made.items():
        assert (folder / name).read_bytes() == content
        banner = f"rse-hil development payload {Path(name).stem}\n".encode()
        assert content.startswith(banner) is (name != "host_gpt.bin")
    assert len(set(made.values())) == len(made)
