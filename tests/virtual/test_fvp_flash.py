# SPDX-License-Identifier: Apache-2.0
"""Flash files of the virtual FVP: read when it is built, written when it starts and ends."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from fvp_driver import run

LOADER = "css1.sysctrl.rse_flashloader"
FLASH_SIZE = 8 << 20


def given(**values: object) -> list[str]:
    return [word for name, value in values.items() for word in ("-C", f"{LOADER}.{name}={value}")]


@pytest.mark.parametrize("packed", [False, True])
def test_flash_is_written_back_in_its_whole_size(tmp_path: Path, packed: bool):
    """Some models write it with gzip; what was loaded is in it, the rest is erased."""
    source, target = tmp_path / "in.img", tmp_path / "out.img"
    source.write_bytes(b"image" * 400_000)
    how = ["-C", f"virtual.write_back={'gzip' if packed else 'raw'}"]
    done = run(*given(fname=source, fnameWrite=target), *how, "--simlimit=0.02")
    assert done.returncode == 0
    told = f"Info: RD_V3_Cfg2: RD_V3_Cfg2.{LOADER}: FlashLoader: "
    assert f"{told}Loaded 1 MB from file '{source}'" in done.stdout
    assert done.stdout.count(f"{told}Saved 8MB to file '{target}'") == 2
    data = target.read_bytes()
    data = gzip.decompress(data) if packed else data
    assert len(data) == FLASH_SIZE
    assert data == source.read_bytes().ljust(FLASH_SIZE, b"\xff")
    assert run(*given(fname=target), "--simlimit=0.02").returncode == 0


def test_data_comes_after_what_a_loader_brings(tmp_path: Path):
    """`--data` is loaded at the start of the simulation."""
    source, target, data = tmp_path / "in.img", tmp_path / "out.img", tmp_path / "data"
    source.write_bytes(b"aaaa")
    data.write_bytes(b"b")
    words = ["--data", f"css1.sysctrl.rse.cpu={data}@0xB0000001", "--simlimit=0.02"]
    assert run(*given(fname=source, fnameWrite=target), *words).returncode == 0
    assert target.read_bytes()[:5] == b"abaa\xff"


def test_a_flash_file_that_cannot_be_is_refused(tmp_path: Path):
    """Missing, or larger than the flash; before a port opens."""
    large = tmp_path / "large.img"
    with large.open("wb") as stream:
        stream.truncate(FLASH_SIZE + 1)
    for name, words in ((tmp_path / "none", "No such file"), (large, "too large")):
        done = run(*given(fname=name))
        assert done.returncode == 1
        assert words in done.stderr
        assert "Listening" not in done.stdout
