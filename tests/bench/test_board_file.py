# SPDX-License-Identifier: Apache-2.0
"""Board files: every mistake is one line with its place, what was expected and the nearest match."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.bench.board import Board
from hil.bench.board_file import find_board, list_boards, load_board
from hil.errors import UsageError

RSE = "rses: [{id: 0}]\n"
FVP = 'release: "2.3.1"\nlauncher: {kind: fvp, binary: x}\n'
PYOCD = 'release: "2.3.1"\nlauncher: {kind: pyocd, target: t}\n'


def write(folder: Path, text: str, name: str = "b") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_every_shipped_board_is_valid() -> None:
    """All boards that come with the project can be loaded, and are found by name."""
    names = {path.stem for path in list_boards()}
    assert {"virtual-rse4", "virtual-fvp-rdv3-cfg2", "FVP_RD_V3_R1", "FVP_RD_V3_Cfg2"} <= names
    assert {"musca_b1", "mps2_an521", "virtual-rse4-tfm222"} <= names
    for name in names:
        assert load_board(find_board(name)).board.name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            FVP.replace("binary", "binry") + RSE,
            ["b.yaml:2: launcher.binary: is missing", "b.yaml:2: launcher.binry: unknown key"],
        ),
        (FVP.replace("fvp", "fpv") + RSE, ["b.yaml:2: launcher: kind: expected", "mean 'fvp'?"]),
        (FVP + RSE + "releas: 1\n", ["b.yaml:4: releas: unknown key; did you mean 'release'?"]),
        (FVP.replace("2.3.1", "2.3.9") + RSE, ["b.yaml:1: release: ", "2.3.9"]),
        (FVP + RSE + "budgets:\n  BL2: soon\n", ["b.yaml:5: budgets.BL2: ", "got 'soon'"]),
        (FVP + RSE + "stages: [BL2, BL1_1]\n", ["b.yaml:4: stages: expected the order BL1_1"]),
        (FVP + "rses: [{id: 1}]\n", ["b.yaml:3: rses: expected ids 0 to 0 in order, got [1]"]),
        (PYOCD + RSE, ["b.yaml:3: rses: RSE 0 needs `probe` and `console`"]),
        (
            PYOCD + "rses: [{id: 0, probe: p, console: {serial: a, tcp: b}}]\n",
            ["b.yaml:3: rses.0.console: expected exactly one of serial, tcp, telnet"],
        ),
        (
            FVP + RSE + "images:\n  s:\n    memory: flash\n    addres: 1\n    file: x\n",
            ["b.yaml:7: images.s.addres: unknown key; did you mean 'address'?"],
        ),
        ("release: 2.3.1\nlauncher: {binary: x}\n" + RSE, ["b.yaml:2: launcher: kind: is missing"]),
        (FVP + RSE + "retries: 3\n", ["b.yaml:4: retries: expected `key: value` lines, got int"]),
        (
            FVP + RSE + "power: {cycle: x y}\n",
            ["b.yaml:4: power.cycle: input should be a valid list", "power.cycle: expected `key:"],
        ),
        (FVP + RSE + "budgets: {BL3: 5}\n", ["b.yaml:4: budgets.BL3: "]),
        ("extends: virtual-rs4\n", ["b.yaml:1: extends: no board 'virtual-rs4'", "'virtual-rse4'?"]),
    ],
    ids=[
        "missing and unknown", "launcher", "top level", "release", "number", "order", "ids",
        "pyocd", "console", "image", "no kind", "no lines", "command", "stage", "extends",
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Wrong keys, values and names are told with file, line and nearest match."""
    with pytest.raises(UsageError) as caught:
        load_board(write(tmp_path, text), "b.yaml")
    for part in expected:
        assert part in str(caught.value)


def test_a_mistake_in_a_board_that_extends_points_at_that_board(tmp_path: Path) -> None:
    """What a derived file amends is told with its own line, the rest with the base's."""
    write(tmp_path, FVP + RSE + "budgets: {BL2: 5}\n", "base")
    path = write(tmp_path, "extends: base\n\nbudgets:\n  BL2: -1\n")
    with pytest.raises(UsageError, match=r"b\.yaml:4: budgets\.BL2"):
        load_board(path, "b.yaml")


def test_extending_mixes_mappings_and_replaces_the_rest(tmp_path: Path) -> None:
    """A derived board keeps what it does not name, and null takes a value away."""
    write(tmp_path, FVP + RSE + "budgets: {BL2: 5, runtime: 6}\ndescription: base\n", "base")
    path = write(tmp_path, "extends: base\nbudgets: {BL2: 7}\nrelease: 2.2.2\ndescription: null\n")
    board = load_board(path).board
    assert board.name == "b"
    assert board.release == "2.2.2"
    assert board.budgets == {"BL2": 7, "runtime": 6}
    assert board.description == ""


def test_circles_of_extends_end(tmp_path: Path) -> None:
    """Two boards that extend each other are an error, not an endless loop."""
    write(tmp_path, "extends: b\n", "a")
    with pytest.raises(UsageError, match="circles"):
        load_board(write(tmp_path, "extends: a\n"))


@pytest.mark.parametrize("value", ["abcd", "zz" * 32, "5e" * 31])
def test_a_wrong_key_is_told_without_its_value(tmp_path: Path, value: str) -> None:
    """A message about a key never shows the key."""
    text = FVP + RSE + f"provisioning:\n  guk: {{hex: {value}}}\n"
    with pytest.raises(UsageError, match=r"b\.yaml:5: provisioning\.guk: expected") as caught:
        load_board(write(tmp_path, text), "b.yaml")
    assert value not in str(caught.value)


def test_relative_paths_start_from_the_file_they_stand_in(tmp_path: Path) -> None:
    """A board of another folder that extends one keeps that one's files."""
    base, lab = tmp_path / "base", tmp_path / "lab"
    base.mkdir()
    lab.mkdir()
    write(base, FVP + RSE + "provisioning: {bl1_2: code.bin}\n", "b")
    text = f"extends: virtual-rse4\nprovisioning: {{bl1_2: {lab}/x.bin}}\n"
    assert load_board(write(base, FVP + RSE + "provisioning: {bl1_2: code.bin}\n")).board
    board = load_board(base / "b.yaml").board
    assert board.provisioning.bl1_2 == base / "code.bin"
    derived = load_board(write(lab, text, "derived")).board
    assert derived.provisioning.bl1_2 == lab / "x.bin"
    assert derived.images[0].bl2 is not None
    assert derived.images[0].bl2.payload.is_file()


def test_a_typo_in_a_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """`--board virtual-rse` names the board that was meant, and the folders searched."""
    with pytest.raises(UsageError, match=r"did you mean 'virtual-rse4'.*searched: "):
        find_board("virtual-rse")
    with pytest.raises(UsageError, match="no board file"):
        find_board(str(tmp_path / "x.yaml"))


def test_a_folder_of_the_lab_comes_first(tmp_path: Path) -> None:
    """A board of the lab's own hides one of the same name that is shipped."""
    path = write(tmp_path, FVP + RSE, "musca_b1")
    assert find_board("musca_b1", [tmp_path]) == path


def test_the_schema_is_json_and_knows_every_key() -> None:
    """`hil boards schema` can be given to an editor."""
    schema = json.loads(json.dumps(Board.model_json_schema()))
    assert {"launcher", "rses", "images", "budgets", "services"} <= set(schema["properties"])
