# SPDX-License-Identifier: Apache-2.0
"""A plan takes provisioning messages and sets that execute in place by what is in the files."""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import pytest

from hil.bench.assembly import Tree, make_plan
from hil.bench.board_file import load_board
from hil.cli import main
from hil.images.bl2_image import build_bl2
from hil.images.build_tree import read_tree
from hil.images.content import Content
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.fip import parse_fip
from hil.images.image_roles import Role
from hil.images.plan import Plan
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import SigningKey
from hil.model.secret import Secret

KEY = Path(__file__).resolve().parents[2] / "boards" / "keys" / "dev-EC-P256.pem"
PAGE = 1024
MESSAGES = """
release: "2.3.1"
launcher: {kind: fvp, binary: FVP}
rses: [{id: 0}, {id: 1}]
images:
  provisioning:
    memory: ram
    address: 0x310E0000
    file: "${HIL_TFM_BIN}/provisioning/combined_provisioning_{id}_message.bin"
"""
IN_PLACE = """
release: "2.3.1"
platform: tc
launcher: {kind: fvp, binary: FVP_TC4}
rses: [{id: 0}]
images:
  host_flash:
    memory: flash
    address: 0x70000000
    fip:
      images:
        rse-bl2: "${HIL_TFM_BIN}/bl2_signed.bin"
        rse-s: "${HIL_TFM_BIN}/tfm_s_encrypted.bin"
        rse-sic-tables-s: "${HIL_TFM_BIN}/tfm_s_sic_tables_signed.bin"
        rse-ns: "${HIL_TFM_BIN}/tfm_ns_encrypted.bin"
        rse-sic-tables-ns: "${HIL_TFM_BIN}/tfm_ns_sic_tables_signed.bin"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`bin` of a build tree, empty."""
    path = tmp_path / "build" / "bin"
    path.mkdir(parents=True)
    return path


def _plan(folder: Path, board: str) -> Plan:
    path = folder.parents[1] / "lab.yaml"
    path.write_text(board)
    return make_plan(load_board(path), Tree.at(folder.parent), folder.parents[1] / "cache")


def _message(path: Path, rse: int) -> bytes:
    secret = Secret(bytes(32))
    key = SigningKey.load(KEY)
    data = DevelopmentMessage(
        rse,
        2,
        bytes(8192),
        RotpkHashes.of_one_key(key.public),
        secret,
        secret,
        secret,
        secret,
        secret,
    ).build(key)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return data


def test_messages_are_found_by_the_id_that_they_give(folder: Path) -> None:
    """Whatever the files are called: each RSE gets the one with its id, and the plan says so."""
    data = {rse: _message(folder / f"bundle_{'ab'[rse]}.bin", rse) for rse in (0, 1)}
    plan = _plan(folder, MESSAGES)
    assert plan.problems == ()
    assert {p.image.rse: p.image.path.read_bytes() for p in plan.placements} == data
    assert plan.notes == tuple(
        f"provisioning: combined_provisioning_{rse}_message.bin is missing, "
        f"{folder}/bundle_{'ab'[rse]}.bin is the combined message with the id {rse}"
        for rse in (0, 1)
    )


def test_only_the_message_that_is_missing_is_looked_for(folder: Path) -> None:
    """What is there under its name is taken as it is."""
    named = folder / "provisioning" / "combined_provisioning_0_message.bin"
    _message(named, 0)
    _message(folder / "other.bin", 1)
    plan = _plan(folder, MESSAGES)
    assert plan.problems == ()
    assert [p.image.path for p in plan.placements] == [named, folder / "other.bin"]
    assert len(plan.notes) == 1


def test_a_message_under_the_name_of_another_rse_is_told(folder: Path) -> None:
    """Two RSEs with one id would wait for each other for ever."""
    for rse, gives in ((0, 0), (1, 0)):
        _message(folder / "provisioning" / f"combined_provisioning_{rse}_message.bin", gives)
    (problem,) = _plan(folder, MESSAGES).problems
    assert "combined_provisioning_1_message.bin" in problem
    assert "expected the message of RSE 1, it gives the id 0" in problem


def test_nothing_is_chosen_between_two_messages_of_one_rse(folder: Path) -> None:
    """Both are named; the one without a rival is not blamed."""
    for name, rse in (("a", 0), ("b", 0), ("c", 1)):
        _message(folder / f"{name}.bin", rse)
    (folder / "b.bin").write_bytes((folder / "b.bin").read_bytes()[:-1] + b"\0")
    problems = [text for text in _plan(folder, MESSAGES).problems if "which of these" in text]
    assert len(problems) == 1
    assert f"{folder}/a.bin or {folder}/b.bin" in problems[0]


def test_without_any_message_the_missing_name_is_told(folder: Path) -> None:
    """Nothing else is guessed."""
    problems = _plan(folder, MESSAGES).problems
    assert any("combined_provisioning_0_message.bin" in text for text in problems)


def _set(folder: Path, name: str, dependency: str, seed: int) -> dict[str, bytes]:
    """Write an encrypted image and its signed table under names that say nothing."""
    encrypted = random.Random(seed).randbytes(6 * PAGE)
    hashes = b"".join(
        hashlib.sha256(encrypted[at : at + PAGE]).digest() for at in range(0, len(encrypted), PAGE)
    )
    raw = folder.parent / "table.bin"
    raw.write_bytes(struct.pack("<I8sI", 1, b"nonce   ", len(hashes)) + hashes)
    recipe = SignRecipe(
        key=KEY,
        version="2.3.1",
        slot_size=0x3800,
        load_address=0x31000000,
        dependency=dependency,
    )
    signed = sign(raw, recipe, folder.parent / "signing").path.read_bytes()
    raw.unlink()
    (folder / f"{name}1.bin").write_bytes(encrypted)
    (folder / f"{name}2.bin").write_bytes(signed)
    return {"image": encrypted, "table": signed}


def test_a_set_that_executes_in_place_is_found_by_its_page_hashes(folder: Path) -> None:
    """Encrypted images have no header: the tables tell them, and which world they are of."""
    secure = _set(folder, "x", "(1, 0.0.0+0)", 1)
    other = _set(folder, "y", "(0, 0.0.0+0)", 2)
    (folder / "z.bin").write_bytes(random.Random(3).randbytes(6 * PAGE))
    bl2 = build_bl2(b"\x03" * 3000, SigningKey.load(KEY), bytes(32), "2.3.1")
    (folder / "bl2_signed.bin").write_bytes(bl2)
    tree = read_tree(folder)
    assert [i.path.name for i in tree.of(Role.S_ENCRYPTED)] == ["x1.bin"]
    assert [i.path.name for i in tree.of(Role.NS_ENCRYPTED)] == ["y1.bin"]
    plan = _plan(folder, IN_PLACE)
    assert plan.problems == ()
    assert len(plan.notes) == 4
    (placement,) = plan.placements
    fip = parse_fip(Content.of(placement.image.path.read_bytes()))
    held = {e.name: fip.image(e) for e in fip.entries}
    for name, data in {
        "rse-s": secure["image"], "rse-sic-tables-s": secure["table"],
        "rse-ns": other["image"], "rse-sic-tables-ns": other["table"],
    }.items():  # fmt: skip
        assert held[name].read(0, held[name].size, name) == data


def test_an_image_of_another_set_is_not_taken_for_it(folder: Path) -> None:
    """Two tables of the secure image: the plan names both instead of choosing."""
    _set(folder, "x", "(1, 0.0.0+0)", 1)
    _set(folder, "y", "(1, 0.0.0+0)", 2)
    problems = _plan(folder, IN_PLACE).problems
    assert any("x1.bin or" in text and "y1.bin" in text for text in problems)
    assert any("x2.bin or" in text and "y2.bin" in text for text in problems)


def test_files_of_each_rse_can_be_given_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`files:` in a board file: paths from its folder, and only those RSEs get one."""
    _message(tmp_path / "a.bin", 0)
    _message(tmp_path / "b.bin", 1)
    path = tmp_path / "lab.yaml"
    path.write_text(MESSAGES.replace(
        'file: "${HIL_TFM_BIN}/provisioning/combined_provisioning_{id}_message.bin"',
        "files: {1: b.bin, 0: a.bin}",
    ))  # fmt: skip
    assert main(["image", "plan", str(path), str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "a.bin" in shown
    assert "b.bin" in shown
    path.write_text(path.read_text().replace("files: {1: b.bin, 0", "files: {7: b.bin, 0"))
    assert main(["image", "plan", str(path), str(tmp_path)]) != 0
