# SPDX-License-Identifier: Apache-2.0
"""Placement plans and assembled folders: what `hil image plan` and `hil image build` say and write."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.bench.assembly import Tree, how, make_plan
from hil.bench.board_file import load_board
from hil.bench.image_plan import build_plan
from hil.cli import main
from hil.errors import ImageError, UsageError
from hil.images.assemble import assemble
from hil.images.bl2_image import build_bl2
from hil.images.content import Content
from hil.images.delivery import loader_device
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.manifest import verify_manifest
from hil.images.output import new_file
from hil.images.plan import Plan
from hil.images.rom import write_rom
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import SigningKey
from hil.model.provisioning_fields import MessageType
from hil.model.secret import Secret

BOARDS = Path(__file__).resolve().parents[2] / "boards"
KEY = BOARDS / "keys" / "dev-EC-P256.pem"
BOARD = """
release: "2.3.1"
platform: rdv3
launcher: {kind: fvp, binary: FVP, parameters: {"{rse}.rom.raw_image": "${HIL_TFM_BIN}/rom.bin"}}
rses: [{id: 0}, {id: 1}]
images:
  bl2: {memory: flash, address: 0xB0000000, file: "${HIL_TFM_BIN}/bl2_signed.bin"}
  tfm_s: {memory: flash, address: 0xB0040000, file: "${HIL_TFM_BIN}/tfm_s_signed.bin"}
  scp: {memory: flash, address: 0xB01C0000, rses: [0], file: "${HIL_HOST_IMAGES}/scp.bin"}
  message: {memory: ram, address: 0x310E0000, file: "${HIL_TFM_BIN}/message_{id}.bin"}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a build that are signed; made once, for it takes a while."""
    key, scp = SigningKey.load(KEY), _signed_as(tmp_path_factory.mktemp("made"), 0x70001C00)
    return {
        "bl2_signed.bin": build_bl2(b"\x03" * 9000, key, bytes(32), "2.3.1"),
        "scp.bin": scp,
        "message_0.bin": _message(0),
        "message_1.bin": _message(1),
    }


@pytest.fixture
def tree(tmp_path: Path, made: dict[str, bytes]) -> Path:
    """A build tree as TF-M leaves it, with a `bin` folder."""
    folder = tmp_path / "build" / "bin"
    folder.mkdir(parents=True)
    for name, data in {
        "bl1_1.bin": b"\x01" * 5000,
        "rom_dma_ics.bin": b"\x02" * 64,
        "bl2.bin": b"\x03" * 9000,
        "tfm_s.bin": b"\x05" * 7777,
        **made,
    }.items():
        (folder / name).write_bytes(data)
    (folder / "message_0.bin").chmod(0o600)
    _sign(folder, "2.3.1")
    with new_file(folder / "rom.bin") as output:
        parts = ((folder / name).read_bytes() for name in ("bl1_1.bin", "rom_dma_ics.bin"))
        write_rom(output, *(Content.of(part) for part in parts))
    return folder


def _message(rse: int) -> bytes:
    key, secret = SigningKey.load(KEY), Secret(bytes(32))
    hashes = RotpkHashes.of_one_key(key.public)
    return DevelopmentMessage(rse, 2, bytes(8192), hashes, *[secret] * 5).build(key)


def _sign(folder: Path, version: str) -> None:
    recipe = SignRecipe(key=KEY, version=version, security_counter=1,
                        header_size=0x400, slot_size=0x60000, load_address=0x3109F400)  # fmt: skip
    signed = sign(folder / "tfm_s.bin", recipe, folder.parent / "signing")
    (folder / "tfm_s_signed.bin").write_bytes(signed.path.read_bytes())


def _board(folder: Path, *changes: tuple[str, str]) -> Path:
    text = BOARD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "lab.yaml"
    path.write_text(text)
    return path


def _plan(tree: Path, *changes: tuple[str, str]) -> Plan:
    board = load_board(_board(tree.parents[1], *changes))
    return make_plan(board, Tree.at(tree.parent), tree.parent / "cache")


def test_plan_says_what_goes_where(tree: Path) -> None:
    """Each image with its slot, and each parameter of the model that names a file."""
    plan = _plan(tree)
    assert plan.problems == ()
    assert [(p.image.name, p.image.rse, p.place) for p in plan.placements] == [
        ("bl2", 0, "bl2"), ("bl2", 1, "bl2"), ("tfm_s", 0, "tfm_s"), ("tfm_s", 1, "tfm_s"),
        ("scp", 0, "scp"), ("message", 0, "VM0 and VM1"), ("message", 1, "VM0 and VM1"),
    ]  # fmt: skip
    assert plan.placements[2].image.version == "2.3.1+0"
    assert [each.path for each in plan.parameters] == [tree / "rom.bin"]


#: Change of the board file, and what the plan must say.
WRONG_PLACES = [
    (
        ("0xB0040000", "0xB0001000"),
        (
            "RSE 1: tfm_s ({tree}/tfm_s_signed.bin) at 0xb0001000 overlaps bl2 "
            "({tree}/bl2_signed.bin), 0xb0000000 to 0xb00080e7"
        ),
    ),
    (
        ("0xB0040000", "0xB0041000"),
        (
            "RSE 0: tfm_s ({tree}/tfm_s_signed.bin) at 0xb0041000: leaves a hole at the start of slot "
            "tfm_s, 0xb0040000"
        ),
    ),
    (
        ("0xB0040000", "0xB01C0000"),
        (
            "RSE 1: tfm_s ({tree}/tfm_s_signed.bin) at 0xb01c0000: is in slot scp, expected in a slot "
            "of tfm_s"
        ),
    ),
    (
        ("0xB0040000", "0xB0240000"),
        (
            "RSE 0: nothing in slot tfm_s, 0xb0040000 to 0xb009ffff, nor in the secondary one; it would "
            "not boot"
        ),
    ),
    (
        ("0x310E0000", "0x310FFFF0"),
        (
            "RSE 1: message ({tree}/message_1.bin) at 0x310ffff0: ends at 0x311028f3, VM0 and VM1 ends "
            "at 0x310fffff"
        ),
    ),
    (
        ("0x310E0000", "0x20000000"),
        (
            "RSE 0: message ({tree}/message_0.bin) at 0x20000000: no ram of rdv3 is there; it has ITCM "
            "0x10000000 to 0x10007fff, DTCM 0x30000000 to 0x30007fff, VM0 and VM1 0x31000000 to "
            "0x310fffff"
        ),
    ),
    (("bl2_signed.bin", "bl2_{id}.bin"), "{tree}/bl2_0.bin: image 'bl2': no such file"),
    (
        ("/rom.bin", "/rom_none.bin"),
        "{tree}/rom_none.bin: no such file (launcher.parameters.{{rse}}.rom.raw_image)",
    ),
]


@pytest.mark.parametrize(("change", "problem"), WRONG_PLACES)
def test_wrong_places_are_told_with_file_and_address(
    tree: Path, change: tuple[str, str], problem: str
) -> None:
    """Overlaps, holes, out of range, the wrong slot, a missing file."""
    assert problem.format(tree=tree) in _plan(tree, change).problems


def test_an_image_larger_than_its_slot_is_told(tree: Path) -> None:
    """Also when nothing lies behind it."""
    (tree / "bl2_signed.bin").write_bytes(bytes(0x20001))
    assert any(
        "ends at 0xb0020000, slot bl2 ends at 0xb001ffff" in line for line in _plan(tree).problems
    )


def test_secondary_slot_is_enough(tree: Path) -> None:
    """An RSE whose image is only in the secondary slot boots."""
    assert _plan(tree, ("0xB0040000", "0xB0100000")).problems == ()


def test_image_of_another_release_is_told(tree: Path) -> None:
    """The secure image carries TF-M's version; the board may name another one instead."""
    _sign(tree, "2.2.2")
    assert _plan(tree).problems == (
        (
            f"{tree}/tfm_s_signed.bin: version 2.2.2+0, but the board has TF-M 2.3.1 (expected 2.3.0 or "
            "2.3.1; a version of your own: image_version)"
        ),
    )
    own = ("platform: rdv3", "platform: rdv3\nimage_version: 2.2.2+0")
    assert _plan(tree, own).problems == ()
    other = ("platform: rdv3", "platform: rdv3\nimage_version: 9.9.9")
    assert "image_version of the board is 9.9.9" in _plan(tree, other).problems[0]


def test_message_at_the_address_of_another_release_is_told(tree: Path) -> None:
    """2.3 looks where 2.2 did not; the RSE would wait for ever, or go on unprovisioned."""
    assert _plan(tree).problems == ()
    assert _plan(tree, ("0x310E0000", "0x31000400")).problems == tuple(
        f"RSE {rse}: message ({tree}/message_{rse}.bin) at 0x31000400: TF-M 2.3.x looks for a "
        "provisioning message at 0x310e0000"
        for rse in (0, 1)
    )


def test_a_signed_image_of_an_older_build_is_told_by_its_content(tree: Path) -> None:
    """Whatever the times of the files say."""
    (tree / "tfm_s.bin").write_bytes(b"new" * 100)
    assert _plan(tree).problems == (
        f"{tree}/tfm_s_signed.bin: is out of date: its payload is not tfm_s.bin; build again",
    )


def test_a_rom_of_an_older_build_is_told_by_its_content(tree: Path) -> None:
    """rom.bin is put together by hand, and easily forgotten."""
    (tree / "bl1_1.bin").write_bytes(b"new" * 100)
    assert _plan(tree).problems == (
        f"{tree}/rom.bin: is out of date: it holds another bl1_1.bin; build again",
    )


def test_missing_rom_is_told_with_the_way_to_make_it(tree: Path) -> None:
    """TF-M's build leaves two parts; the command that is named makes the file that is missing."""
    (tree / "rom.bin").unlink()
    (problem,) = _plan(tree).problems
    command = problem.partition("make it: hil ")[2].split()
    assert main(command) == 0
    assert _plan(tree).problems == ()


def test_an_encrypted_image_is_told_by_the_times(tree: Path) -> None:
    """Older than its source by more than the copying of a tree explains."""
    now = (tree / "bl2.bin").stat().st_mtime
    os.utime(tree / "bl2_signed.bin", (now - 1, now - 1))
    assert _plan(tree).problems == ()
    os.utime(tree / "bl2_signed.bin", (now - 100, now - 100))
    assert _plan(tree).problems == (
        f"{tree}/bl2_signed.bin: is out of date: bl2.bin is 100 s newer; build again",
    )


def test_every_launcher_is_told_in_its_own_words(tree: Path) -> None:
    """A model by --data, a board by flash regions, QEMU by loader devices."""
    plan = _plan(tree, ("binary: FVP,", "binary: FVP, rse_prefixes: [css0.rse, css1.rse],"))
    bl2 = tree / "bl2_signed.bin"
    assert plan.placements[1].how == f"--data css1.rse.cpu={bl2}@0xb0000000"
    board = load_board(BOARDS / "virtual-rse4.yaml").board
    told = how(board, plan.placements[0].image)
    assert told == "pyocd rse_virtual: flash: erase, program, read back"
    image = replace(plan.placements[5].image, path=Path("/a,b.bin"))
    assert loader_device(image) == "-device loader,file=/a,,b.bin,addr=0x310e0000,force-raw=on"


def test_a_bench_does_not_start_with_an_image_beside_its_place(tree: Path) -> None:
    """What the plan would say stops the load too, before a device is touched."""
    board = load_board(_board(tree.parents[1], ("0x310E0000", "0x20000000"), *_absolute(tree)))
    with pytest.raises(UsageError, match=r"RSE 0: message .* at 0x20000000: no ram of rdv3"):
        build_plan(board, tree.parent / "cache")
    board = load_board(_board(tree.parents[1], *_absolute(tree)))
    assert len(build_plan(board, tree.parent / "cache").images) == 7


def _absolute(tree: Path) -> list[tuple[str, str]]:
    return [("${HIL_TFM_BIN}", str(tree)), ("${HIL_HOST_IMAGES}", str(tree))]


def test_build_writes_images_flash_and_manifest(tree: Path, tmp_path: Path) -> None:
    """Files that RSEs share are there once; the digests are those of the files."""
    board, out = str(_board(tmp_path)), tmp_path / "out"
    assert main(["image", "build", board, str(tree.parent), "-o", str(out)]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    files = {each["file"]: each for each in manifest["files"]}
    assert list(files) == [
        "bl2-rse0_1.bin", "tfm_s-rse0_1.bin", "scp-rse0.bin", "message-rse0.bin",
        "message-rse1.bin", "flash-rse0.bin", "flash-rse1.bin", "rom.bin",
    ]  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == sorted([*files, "manifest.json"])
    for name, entry in files.items():
        data = (out / name).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert (out / "rom.bin").read_bytes() == (tree / "rom.bin").read_bytes()
    flash = (out / "flash-rse0.bin").read_bytes()
    assert len(flash) == 0x800000
    scp = (tree / "scp.bin").read_bytes()
    assert flash[0x1C0000 : 0x1C0000 + len(scp) + 1] == scp + b"\xff"
    assert (out / "flash-rse1.bin").read_bytes()[0x1C0000] == 0xFF
    assert (out / "message-rse0.bin").stat().st_mode & 0o777 == 0o600
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_build_is_reproducible_and_checked(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same inputs give the same manifest; a changed file is found by it."""
    board = str(_board(tmp_path))
    for name in ("one", "two"):
        assert main(["image", "build", board, str(tree), "-o", str(tmp_path / name)]) == 0
    manifests = [tmp_path / name / "manifest.json" for name in ("one", "two")]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()
    check = ["image", "check-manifest", str(manifests[0])]
    assert main(check) == 0
    (tmp_path / "one" / "scp-rse0.bin").write_bytes(b"x" * 333)
    capsys.readouterr()
    assert main(check) == 2
    assert "scp-rse0.bin+0x0 [sha256]: is not the file of the manifest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no manifest"),
        ("[]", "no manifest"),
        ('{"files": [{"file": "x"}]}', "no manifest"),
        ('{"files": [{"file": "../x", "size": 1, "sha256": "00"}]}', "is not in this folder"),
        (
            '{"files": [{"file": "/etc/passwd", "size": 1, "sha256": "00"}]}',
            "is not in this folder",
        ),
        ('{"files": [{"file": "x", "size": 1, "sha256": "00"}]}', "no such file"),
    ],
)
def test_manifests_that_are_none_are_refused(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that would have files of other folders read."""
    (tmp_path / "manifest.json").write_text(text)
    assert main(["image", "check-manifest", str(tmp_path / "manifest.json")]) == 2
    assert message in capsys.readouterr().err


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["files", "file", "size", "sha256"]), inner)
        ),
        max_leaves=10,
    )
    | st.fixed_dictionaries(
        {
            "files": st.lists(
                st.fixed_dictionaries(
                    {
                        "file": st.text(max_size=8),
                        "size": st.integers() | st.floats(),
                        "sha256": st.text(max_size=4),
                    }
                ),
                min_size=1,
                max_size=2,
            )
        }
    )
)
def test_no_manifest_breaks_the_check(tmp_path: Path, data: object) -> None:
    """Whatever is in it, the answer is the project's own error or the number of files."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(data))
    with contextlib.suppress(ImageError):
        assert verify_manifest(path) == 0


def test_nothing_is_written_while_the_plan_has_a_problem(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, every problem on a line of its own, and no folder."""
    board = str(_board(tmp_path, ("0xB0040000", "0xB0001000"), ("0x310E0000", "0x20000000")))
    out = tmp_path / "out"
    assert main(["image", "build", board, str(tree), "-o", str(out)]) == 1
    assert not out.exists()
    error = capsys.readouterr().err
    assert "overlaps bl2" in error
    assert "no ram of rdv3 is there" in error


def test_assembling_a_plan_with_a_problem_is_refused(tree: Path, tmp_path: Path) -> None:
    """Whoever calls it: there is no way around the plan."""
    plan = _plan(tree, ("0x310E0000", "0x20000000"))
    with pytest.raises(ImageError, match="no ram of rdv3 is there"):
        assemble(plan, tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


def test_a_file_that_changes_after_the_plan_is_not_built(tree: Path, tmp_path: Path) -> None:
    """The manifest lists what was planned, or nothing is built."""
    plan = _plan(tree)
    (tree / "scp.bin").write_bytes(b"\x09" * 333)
    with pytest.raises(ImageError, match=r"scp\.bin.*changed after it was planned"):
        assemble(plan, tmp_path / "out", {})
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("board", ["virtual-rse4", "virtual-fvp-rdv3-cfg2"])
def test_plan_of_the_shipped_boards_is_sound(
    board: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has a line for each image and the model's own file."""
    assert main(["image", "plan", board]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "0,1,2,3  tfm_s" in out
    assert "0xb01c0000" in out
    assert ("rom.raw_image" in out) == ("fvp" in board)


def test_unknown_folder_and_platform_are_mistakes_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said with what there is instead."""
    assert main(["image", "plan", "virtual-rse4", str(tmp_path / "none")]) == 2
    assert "no folder" in capsys.readouterr().err
    board = _board(tmp_path, ("platform: rdv3", "platform: rdv4"))
    assert main(["image", "plan", str(board)]) == 2
    assert "no platform 'rdv4' (did you mean 'rdv3'?)" in capsys.readouterr().err
    old = _board(tmp_path, ('"2.3.1"', '"2.2.2"'), ("platform: rdv3", "platform: css-aspen"))
    assert main(["image", "plan", str(old)]) == 2
    assert "'css-aspen' is known for TF-M 2.3, not for 2.2" in capsys.readouterr().err


def _found(tree: Path, name: str, new: str) -> tuple[Plan, Path]:
    """Move a file to another name, deeper in the tree, and plan again."""
    moved = tree.parent / "install" / new
    moved.parent.mkdir(exist_ok=True)
    (tree / name).rename(moved)
    return _plan(tree), moved


def _signed_as(folder: Path, address: int, payload: bytes = b"code" * 500) -> bytes:
    source = folder / "payload"
    source.write_bytes(payload)
    recipe = SignRecipe(key=KEY, version="2.3.1", security_counter=1,
                        header_size=0x400, slot_size=0x60000, load_address=address)  # fmt: skip
    return sign(source, recipe, folder / "signing").path.read_bytes()


def test_plan_takes_an_image_of_another_name_by_its_content(
    tree: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Names differ from release to release: the only image of the role is taken, and that is said."""
    plan, moved = _found(tree, "tfm_s_signed.bin", "odd name.bin")
    assert plan.problems == ()
    assert {p.image.path for p in plan.placements if p.image.name == "tfm_s"} == {moved}
    (note,) = plan.notes
    assert note == (
        f"tfm_s: tfm_s_signed.bin is missing, {moved} is TF-M S (load address 0x3109f400)"
    )
    board = str(tmp_path / "lab.yaml")
    assert main(["image", "plan", board, str(tree.parent)]) == 0
    assert f"taken by content: {note}" in capsys.readouterr().out
    assert main(["image", "build", board, str(tree.parent), "-o", str(tmp_path / "out")]) == 0
    assert note in capsys.readouterr().err
    assert (tmp_path / "out" / "tfm_s-rse0_1.bin").read_bytes() == moved.read_bytes()


def test_plan_refuses_an_image_of_another_name_that_is_out_of_date(tree: Path) -> None:
    """It is compared with its source as the one of the right name would be."""
    (tree / "tfm_s.bin").write_bytes(b"\x55" * 7777)
    plan, moved = _found(tree, "tfm_s_signed.bin", "old.bin")
    shutil.rmtree(tree.parent / "signing")
    assert plan.problems == (f"{moved}: is out of date: its payload is not tfm_s.bin; build again",)


def test_plan_does_not_choose_between_images(tree: Path) -> None:
    """Two images of the role: both are named, none is taken."""
    other = _signed_as(tree.parent, 0x3109F400)
    (tree / "second.bin").write_bytes(other)
    plan, moved = _found(tree, "tfm_s_signed.bin", "first.bin")
    assert plan.notes == ()
    (problem,) = [each for each in plan.problems if "which of these" in each]
    assert f"{tree}/tfm_s_signed.bin: image 'tfm_s'" in problem
    assert str(moved) in problem
    assert str(tree / "second.bin") in problem


def test_plan_takes_nothing_that_only_a_name_tells(tree: Path) -> None:
    """A raw file that is called as the image should be is no image."""
    (tree / "tfm_s_signed.bin").unlink()
    (tree / "also_tfm_s_signed.bin").write_bytes(b"\x05" * 7777)
    (tree / "more_tfm_s_signed.bin").write_bytes(_signed_as(tree.parent, 0x61000000))
    shutil.rmtree(tree.parent / "signing")
    plan = _plan(tree)
    assert plan.notes == ()
    assert any("tfm_s_signed.bin: image 'tfm_s': no such file" in each for each in plan.problems)


def test_plan_does_not_give_one_file_to_all_rses_that_have_their_own(tree: Path) -> None:
    """A name with {id} is of several files; the one that is there is not all of them."""
    plan = _plan(tree, ("/tfm_s_signed.bin", "/tfm_s_{id}.bin"))
    assert plan.notes == ()
    assert any("tfm_s_0.bin: image 'tfm_s': no such file" in each for each in plan.problems)


def test_plan_refuses_the_content_of_another_role(tree: Path) -> None:
    """S and NS exchanged: the names are right, the content is not."""
    (tree / "tfm_s_signed.bin").write_bytes(_signed_as(tree.parent, 0x3103F400))
    problems = _plan(tree).problems
    path = tree / "tfm_s_signed.bin"
    assert (
        f"{path}: image 'tfm_s': expected TF-M S, it is TF-M NS (load address 0x3103f400)"
        in problems
    )


def test_plan_refuses_a_truncated_image(tree: Path) -> None:
    """What a full disk leaves of a signed image is no image; the plan says so once."""
    path = tree / "tfm_s_signed.bin"
    path.write_bytes(path.read_bytes()[:3000])
    (problem,) = [each for each in _plan(tree).problems if "DAMAGED" in each]
    assert problem.startswith(f"{path}: image 'tfm_s': DAMAGED: ")
    assert "ih_img_size" in problem


def test_plan_looks_into_packages_too(tree: Path) -> None:
    """A file for a package is found by its content in the same way."""
    moved = tree / "other.bin"
    (tree / "tfm_s_signed.bin").rename(moved)
    package = 'fip: {images: {rse-s: "${HIL_TFM_BIN}/tfm_s_signed.bin"}}'
    plan = _plan(
        tree,
        ("platform: rdv3\n", ""),
        ('0xB0040000, file: "${HIL_TFM_BIN}/tfm_s_signed.bin"', f"0x70000000, {package}"),
    )
    assert plan.problems == ()
    assert plan.notes == (
        f"rse-s: tfm_s_signed.bin is missing, {moved} is TF-M S (load address 0x3109f400)",
    )


@pytest.mark.parametrize("wrong", ["version", "address"])
def test_a_bench_refuses_another_release_before_it_loads(
    wrong: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `hil image plan` says of releases, a bench says too, before a device is touched."""
    monkeypatch.setenv("HIL_TFM_BIN", str(tree))
    monkeypatch.setenv("HIL_HOST_IMAGES", str(tree))
    assert build_plan(load_board(_board(tree.parents[1])), tree.parent / "cache").images
    if wrong == "version":
        _sign(tree, "2.2.2")
        board = load_board(_board(tree.parents[1]))
        message = "version 2.2.2.*but the board has TF-M 2.3.1"
    else:
        for number in (0, 1):
            (tree / f"message_{number}.bin").write_bytes(
                struct.pack("<I", MessageType.BLOB) + bytes(96)
            )
        board = load_board(_board(tree.parents[1], ("0x310E0000", "0x31080000")))
        message = "looks for a provisioning message at"
    with pytest.raises(UsageError, match=message):
        build_plan(board, tree.parent / "cache")
