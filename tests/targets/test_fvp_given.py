# SPDX-License-Identifier: Apache-2.0
"""Firmware that a model reads by itself has an identity, as images that are loaded have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from fvp_lab import Consoles, launcher

from hil.errors import DeviceError
from hil.targets.load import GivenFile, LoadPlan


def given(folder: Path, **values: Any) -> dict[tuple[str, int | None], GivenFile]:
    report = launcher(folder, **values).load(LoadPlan(()))
    return {(file.name, file.rse): file for file in report.given}


def test_a_rom_and_a_flash_are_told_with_their_parameters(tmp_path: Path):
    """Under one name for all RSEs, with the file's digest."""
    (tmp_path / "rom.bin").write_bytes(b"rom")
    (tmp_path / "flash.img").write_bytes(b"flash")
    found = given(
        tmp_path,
        parameters={"{rse}.rom.raw_image": f"{tmp_path}/rom.bin"},
        writable_images={"{sysctrl}.rse_flashloader.fnameWrite": "flash.img"},
    )
    names = {("rse.rom.raw_image", n) for n in range(4)}
    names |= {("sysctrl.rse_flashloader.fnameWrite", n) for n in range(4)}
    assert set(found) == names
    rom = found["rse.rom.raw_image", 2]
    assert rom.sha256 == hashlib.sha256(b"rom").hexdigest()
    assert rom.parameter == "css2.sysctrl.rse.rom.raw_image"
    (tmp_path / "rom.bin").write_bytes(b"another")
    again = given(tmp_path, parameters={"{rse}.rom.raw_image": f"{tmp_path}/rom.bin"})
    assert again["rse.rom.raw_image", 2].sha256 != rom.sha256


def test_what_a_model_writes_is_no_firmware(tmp_path: Path):
    """An OTP that it begins with may hold keys, and is another one after each run."""
    (tmp_path / "otp.img").write_bytes(b"otp")
    assert not given(tmp_path, nvm={"images": {"{rse}.lcm_nvm.raw_image": "otp.img"}})


def test_files_of_arguments_count_as_well(tmp_path: Path):
    """`--data` and `--application` load firmware like the images of a board."""
    (tmp_path / "scp.bin").write_bytes(b"scp")
    found = given(tmp_path, args=["--data", "css0.sysctrl.rse.cpu={board}/scp.bin@0xb0000000"])
    [file] = found.values()
    assert (file.name, file.rse) == ("args --data css0.sysctrl.rse.cpu", None)


def test_a_rom_that_changes_during_a_run_is_refused(tmp_path: Path):
    """The record would tell of another one than that which runs."""
    rom = tmp_path / "rom.bin"
    rom.write_bytes(b"one")
    given = {"{rse}.rom.raw_image": str(rom)}
    with Consoles() as consoles, launcher(tmp_path, parameters=given) as fvp:
        fvp.load(LoadPlan(()))
        rom.write_bytes(b"two")
        with pytest.raises(DeviceError, match=r"image rse\.rom\.raw_image: .*planned was"):
            fvp.start(consoles.open)
        with pytest.raises(DeviceError, match=r"image rse\.rom\.raw_image: .*planned was"):
            fvp.load(LoadPlan(()))
