# SPDX-License-Identifier: Apache-2.0
"""ROM images: two parts at their places, and what srec_cat makes of the same files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.cli import main
from hil.errors import ImageError
from hil.images.content import Content
from hil.images.output import new_file
from hil.images.rom import parse_rom, write_rom

BL1_1 = bytes(range(1, 201)) * 250
ICS = b"\x11\x22\x33\x44" * 20


def _rom(folder: Path, bl1_1: bytes = BL1_1, ics: bytes = ICS) -> bytes:
    with new_file(folder / "rom.bin") as output:
        write_rom(output, Content.of(bl1_1), Content.of(ics))
    return (folder / "rom.bin").read_bytes()


def test_parts_are_at_their_places_and_the_rest_is_zero(tmp_path: Path) -> None:
    """BL1_1 at 0, the DMA ICS at 0x1F000, 128 KiB in all."""
    rom = _rom(tmp_path)
    assert rom == BL1_1.ljust(0x1F000, b"\0") + ICS.ljust(0x1000, b"\0")
    parts = parse_rom(Content.of(rom))
    assert parts.bl1_1.read(0, parts.bl1_1.size) == BL1_1
    assert (parts.ics.start, parts.ics.size) == (0x1F000, len(ICS))


@pytest.mark.parametrize(
    ("bl1_1", "ics", "message"),
    [
        (bytes(0x1F001), ICS, r"\[BL1_1\]: expected 1 to 0x1f000 bytes, got 0x1f001"),
        (BL1_1, bytes(0x1001), r"\[ICS\]: expected 1 to 0x1000 bytes, got 0x1001"),
        (b"", ICS, "got 0x0"),
        (BL1_1, b"", "got 0x0"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    tmp_path: Path, bl1_1: bytes, ics: bytes, message: str
) -> None:
    """No file is left behind."""
    with pytest.raises(ImageError, match=message):
        _rom(tmp_path, bl1_1, ics)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rom", "message"),
    [
        (b"x" * 100, "expected 0x20000 bytes, got 0x64"),
        (bytes(0x20000), r"\+0x0 \[BL1_1\]: all zero"),
        (b"x".ljust(0x20000, b"\0"), r"\+0x1f000 \[ICS\]: all zero, expected the DMA ICS$"),
        (
            b"x".ljust(0x1E000, b"\0") + b"\1" * 0x1000 + bytes(0x1000),
            "DMA ICS; it seems to be at 0x1e000",
        ),
    ],
    ids=["size", "empty", "no ICS", "ICS at the place of some ROMs in circulation"],
)
def test_roms_that_would_not_start_are_refused(rom: bytes, message: str) -> None:
    """The DMA looks for its commands at 0x1F000 and nowhere else."""
    with pytest.raises(ImageError, match=message):
        parse_rom(Content.of(rom))


@given(st.binary(max_size=300))
def test_no_input_breaks_the_parser(junk: bytes) -> None:
    """Any bytes, also of the right size, give a ROM or the project's own error."""
    for data in (junk, junk.ljust(0x20000, b"\0"), junk.rjust(0x20000, b"\0")):
        try:
            parse_rom(Content.of(data))
        except ImageError:
            continue


def test_the_command_writes_shows_and_splits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The parts come back as they were."""
    (tmp_path / "bl1_1.bin").write_bytes(BL1_1)
    (tmp_path / "ics.bin").write_bytes(ICS)
    rom = str(tmp_path / "rom.bin")
    parts = [str(tmp_path / "bl1_1.bin"), str(tmp_path / "ics.bin")]
    assert main(["image", "rom", "create", *parts, "--out", rom]) == 0
    assert main(["image", "rom", "info", rom]) == 0
    assert "DMA ICS  0x1f000" in capsys.readouterr().out
    assert main(["image", "rom", "split", rom, "--out", str(tmp_path / "parts")]) == 0
    assert (tmp_path / "parts" / "bl1_1.bin").read_bytes() == BL1_1
    assert (tmp_path / "parts" / "rom_dma_ics.bin").read_bytes() == ICS


@pytest.mark.parametrize("size", [1, 4096, 0x1F000])
def test_srec_cat_writes_the_same_bytes(tmp_path: Path, size: int) -> None:
    """The command of TF-M's documents gives the same ROM."""
    srec_cat = shutil.which("srec_cat")
    if srec_cat is None:
        pytest.skip("srec_cat is not installed (Debian: srecord)")
    (tmp_path / "bl1_1.bin").write_bytes((BL1_1 * 3)[:size])
    (tmp_path / "ics.bin").write_bytes(ICS)
    command = [srec_cat, "bl1_1.bin", "-Binary", "-offset", "0x0",
               "ics.bin", "-Binary", "-offset", "0x1F000", "-fill", "0x00", "0x1F000", "0x20000",
               "-o", "theirs.bin", "-Binary"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "theirs.bin").read_bytes() == _rom(tmp_path, (BL1_1 * 3)[:size])


def test_parts_that_end_with_zeros_come_back_as_whole_words(tmp_path: Path) -> None:
    """Code and commands are words; the chain of commands shows its end, whatever it ends with."""
    words = BL1_1 + b"\x01\0\0\0"
    parts = parse_rom(Content.of(_rom(tmp_path, words)))
    assert parts.bl1_1.read(0, parts.bl1_1.size) == words
    command = (1 << 30 | 0x1C).to_bytes(4, "little") + bytes(12)
    link = (0x1101F000 + 20 | 1).to_bytes(4, "little")
    ics = command + link + command + bytes(4)
    parts = parse_rom(Content.of(_rom(tmp_path, ics=ics)))
    assert parts.ics.read(0, parts.ics.size) == ics
    parts = parse_rom(Content.of(_rom(tmp_path, ics=ICS + b"\x11\0\0\0")))
    assert parts.ics.size == len(ICS) + 4
