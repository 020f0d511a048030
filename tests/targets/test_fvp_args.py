# SPDX-License-Identifier: Apache-2.0
"""`launcher.args`: parameters do not belong there, and files that they name must be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from fvp_lab import Consoles, launcher, settings

from hil.errors import UsageError
from hil.targets.fvp_args import check_words, files_of
from hil.targets.fvp_preflight import preflight


@pytest.mark.parametrize(
    "words",
    [["-C", "a.b=1"], ["-Ca.b=1"], ["--parameter", "a.b=1"], ["-q", "--parameter=a.b=1"]],
)
def test_parameters_are_refused(words: list[str]):
    """Nobody would check them there, nor hide the keys among them."""
    with pytest.raises(
        UsageError, match=r"launcher\.args: .* expected parameters under launcher\.par"
    ):
        check_words(words)


def test_files_are_found_however_they_are_named(tmp_path: Path):
    """With and without instance and address, joined or not; relative to where the model runs."""
    for name in ("scp.elf", "ap.bin", "b=c.bin", "more.conf"):
        (tmp_path / name).touch()
    later = f"{tmp_path}/state/later.bin@0"
    words = ["-a", "css.scp=scp.elf", f"--data=css.ap={tmp_path}/ap.bin@Memory:0x1000", "--stat",
             "-d", "b=c.bin@0x0", "-f", "more.conf", "--application", "cluster0.cpu*=scp.elf",
             "--data", later]  # fmt: skip
    found = files_of(words, cwd=tmp_path, state=tmp_path / "state")
    assert {name: path.name for name, path in found.items()} == {
        "--application css.scp": "scp.elf",
        "--data css.ap": "ap.bin",
        "--data": "b=c.bin",
        "--config-file": "more.conf",
        "--application cluster0.cpu*": "scp.elf",
    }


@pytest.mark.parametrize(
    "args", [["--data", "css.ap=none.bin@0x0"], ["-a", "none.bin"], ["-f", "{board}/none.bin"]]
)
def test_a_file_that_is_not_there_is_told_before_a_start(tmp_path: Path, args: list[str]):
    """By the doctor, under its own name, and by the start."""
    last = preflight(settings(args=args), range(4), base=tmp_path)[-1]
    assert (last.ok, last.what) == (False, "arguments")
    assert "launcher.args: --" in last.found
    assert "no file " in last.found
    refused = pytest.raises(UsageError, match=r"launcher\.args: .*no file .*none\.bin")
    with Consoles() as consoles, launcher(tmp_path, args=args) as fvp, refused:
        fvp.start(consoles.open)
