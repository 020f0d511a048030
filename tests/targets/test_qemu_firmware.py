# SPDX-License-Identifier: Apache-2.0
"""The committed firmware is what its sources make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from qemu_lab import PAYLOADS, QemuLab, needs_qemu, placed

FOLDER = Path(__file__).resolve().parents[2] / "firmware"
COMPILER = "arm-none-eabi-gcc"

needs_compiler = pytest.mark.skipif(
    shutil.which(COMPILER) is None or shutil.which("make") is None,
    reason=f"no {COMPILER} and make on PATH (Debian: apt-get install gcc-arm-none-eabi make)",
)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("firmware")
    command = ["make", "-s", "-C", str(FOLDER), f"OUT={folder}", "all"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@needs_compiler
@pytest.mark.parametrize("name", ["firmware-mps2.bin", "firmware-mps3.bin"])
def test_the_same_compiler_makes_the_same_bytes(rebuilt: Path, name: str) -> None:
    """Built again by the compiler that made it, the committed file comes out byte for byte."""
    made_with = (FOLDER / "made_with.txt").read_text().strip()
    here = subprocess.run(
        [COMPILER, "-dumpfullversion"], capture_output=True, text=True, timeout=20
    )
    if here.stdout.strip() != made_with:
        pytest.skip(
            f"made with gcc {made_with}, here is {here.stdout.strip()}: other bytes are right"
        )
    assert (rebuilt / name).read_bytes() == (PAYLOADS / name).read_bytes(), (
        "make -C firmware install"
    )


@needs_qemu
@needs_compiler
def test_what_any_compiler_makes_boots(rebuilt: Path, tmp_path: Path) -> None:
    """What the compiler of this host makes of the sources runs its tests, and none fails."""
    with QemuLab(tmp_path) as lab:
        lab.boot(placed(rebuilt / "firmware-mps2.bin"))
        said = lab.said()
    assert said.count(b" - PASSED!") == 4
    assert b" - FAILED!" not in said
