# SPDX-License-Identifier: Apache-2.0
"""QEMU's settings and command line: what is refused, and that the plan says what is really given."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from qemu_lab import COUNTERS, FIRMWARE, NVM, file_with, placed, settings

from hil.bench.assembly import make_plan
from hil.bench.board_file import load_board
from hil.cli import main
from hil.targets.qemu_command import command_line, how

BOARD = """\
release: "2.3.1"
launcher:
  kind: qemu
  machine: mps2-an521
  nvm: {regions: {counters: {address: 0x10070000, size: 0x1000}}}
rses: [{id: 0}, {id: 1}]
stages: [BL2]
images:
  firmware: {memory: flash, address: 0x10000000, file: "a,b.bin"}
  counters: {memory: flash, address: 0x10070000, file: four.bin, rses: [1]}
"""


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"machine": "mps2-an385"}, "Input should be 'mps2-an505', 'mps2-an521' or 'mps3-an524'"),
        ({"uart": 5}, "uart: mps2-an521 has 0 to 4, got 5"),
        ({"args": ["-S"]}, "-S: given by the launcher (fixed: it always starts held)"),
        ({"args": ["--machine", "x"]}, "--machine: given by the launcher (use launcher.machine)"),
        ({"args": ["-kernel", "x"]}, "-kernel: given by the launcher (use images"),
        ({"args": ["-s"]}, "use -gdb tcp:127.0.0.1:PORT"),
        ({"args": ["-gdb", "tcp::1234"]}, "tcp::1234: listens for the whole network"),
        ({"args": ["-gdb", "tcp:0.0.0.0:1234"]}, "listens for the whole network"),
        ({"args": ["image.bin"]}, "image.bin: expected an option"),
        ({"args": ["-name", "a\0b"]}, "an argument cannot hold a NUL character"),
        ({"nvm": {"keep": "otp"}}, "keep: there is nothing to keep; expected regions beside it"),
        (
            {"nvm": {"regions": {"a/b": {"address": 0x10000000, "size": 4}}}},
            "regions: 'a/b': expected letters",
        ),
        (
            {
                "nvm": {
                    "regions": {
                        "one": {"address": 0x10000000, "size": 0x20},
                        "two": {"address": 0x10000010, "size": 4},
                    }
                }
            },
            "regions: one and two overlap at 0x10000010",
        ),
        (
            {"nvm": {"regions": {"flash": {"address": 0x10000000, "size": 0x400001}}}},
            "nvm.regions.flash: no memory of mps2-an521 holds 0x10000000 to 0x10400000; it has SSRAM1",
        ),
    ],
)
def test_settings_that_are_refused(values: dict[str, object], told: str) -> None:
    """Each mistake is told with what was expected."""
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    assert told in str(caught.value)


def test_either_address_of_a_memory_will_do() -> None:
    """A region may be named as the secure or as the non-secure side sees it."""
    for address in (0x00300000, 0x10300000, 0x28000000, 0x38000000):
        settings(nvm={"regions": {"flash": {"address": address, "size": 0x1000}}})


def test_images_are_given_as_loader_devices(tmp_path: Path) -> None:
    """What `how` says of an image stands in the command line; one that is kept does not."""
    given = settings(nvm=COUNTERS, args=["-icount", "shift=4", "-name", "{board}"])
    firmware = placed(FIRMWARE)
    counters = placed(file_with(tmp_path, b"four"), NVM, name="counters")
    line = " ".join(command_line(Path("/q"), given, [firmware, counters], tmp_path))
    assert how(given, firmware) == f"-device loader,file={FIRMWARE},addr=0x10000000,force-raw=on"
    assert how(given, firmware) in line
    assert how(given, counters).startswith("written once to 0x10070000")
    assert str(counters.path) not in line
    assert line.endswith(f"-icount shift=4 -name {tmp_path}")


@pytest.fixture
def board(tmp_path: Path) -> Path:
    (tmp_path / "a,b.bin").write_bytes(b"12345678")
    (tmp_path / "four.bin").write_bytes(b"four")
    path = tmp_path / "odd.yaml"
    path.write_text(BOARD)
    return path


def test_the_plan_says_what_the_launcher_does(
    board: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`hil image plan` of a QEMU board prints the arguments that QEMU gets."""
    assert main(["image", "plan", str(board), str(board.parent)]) == 0
    printed = capsys.readouterr().out
    doubled = str(board.parent / "a,,b.bin")
    assert f"-device loader,file={doubled},addr=0x10000000,force-raw=on" in printed
    assert "written once to 0x10070000, as it lies in launcher.nvm.regions.counters" in printed


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "address: 0x10000000, file",
            "address: 0x50000000, file",
            "no memory of mps2-an521 holds it",
        ),
        (
            "address: 0x10000000, file",
            "address: 0x1006FFFC, file",
            "lies across the border of launcher",
        ),
        ("address: 0x10000000, file", "address: 0x10070002, file", "overlaps"),
    ],
)
def test_the_plan_finds_what_the_launcher_would_refuse(
    board: Path, tmp_path: Path, old: str, new: str, told: str
) -> None:
    """Places that the machine does not have are problems of the plan, with file and address."""
    board.write_text(board.read_text().replace(old, new))
    problems = make_plan(load_board(board), None, tmp_path / "cache").problems
    assert any(told in problem and "a,b.bin" in problem for problem in problems), problems


def test_tfm_for_the_an521_is_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped board takes both files from one folder, or the second from its own."""
    monkeypatch.delenv("HIL_TFM_NS_BIN", raising=False)
    folders = [tmp_path / "s", tmp_path / "ns"]
    for folder in folders:
        folder.mkdir()
    (folders[0] / "bl2.bin").write_bytes(b"bl2 " * 64)
    joined = folders[0] / "tfm_s_ns_signed.bin"
    joined.write_bytes(b"\xff" * 0x1000)
    for _ in range(2):
        main(["image", "plan", "qemu-an521", str(folders[0])])
        assert f"-device loader,file={joined},addr=0x10080000" in capsys.readouterr().out
        joined = joined.rename(folders[1] / joined.name)
        monkeypatch.setenv("HIL_TFM_NS_BIN", str(folders[1]))
