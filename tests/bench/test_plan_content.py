# SPDX-License-Identifier: Apache-2.0
"""A plan refuses files that no boot of the board's platform takes, though their names are right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hil.bench.assembly import Tree, make_plan
from hil.bench.board_file import load_board
from hil.cli import main
from hil.images.bl2_image import build_bl2
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.found_image import FoundImage
from hil.images.plan import Plan
from hil.images.recognise import recognise
from hil.images.sign_profiles import sign_profile
from hil.images.signing import sign
from hil.images.signing_key import SigningKey
from hil.model.secret import Secret

KEY = Path(__file__).resolve().parents[2] / "boards" / "keys" / "dev-EC-P256.pem"
BOARD = """
release: "2.3.1"
platform: {platform}
launcher: {{kind: fvp, binary: FVP}}
rses: [{{id: 0}}]
images:
  bl2: {{memory: flash, address: 0xB0000000, file: "${{HIL_TFM_BIN}}/bl2_signed.bin"}}
  tfm_s: {{memory: flash, address: 0xB0040000, file: "${{HIL_TFM_BIN}}/tfm_s_signed.bin"}}
  scp: {{memory: flash, address: 0xB01C0000, file: "${{HIL_TFM_BIN}}/scp_signed.bin"}}
  provisioning: {{memory: ram, address: 0x310E0000, {message}}}
"""
MESSAGE = "message.bin"
ONE_FILE = 'file: "${HIL_TFM_BIN}/message.bin"'
FILES = 'files: {0: "${HIL_TFM_BIN}/message.bin"}'
BY_ID = 'file: "${HIL_TFM_BIN}/mes{id}sage.bin"'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Sound files, made once."""
    folder, key = tmp_path_factory.mktemp("made"), SigningKey.load(KEY)
    secret, code = Secret(bytes(32)), folder / "code.bin"
    code.write_bytes(bytes(range(1, 200)) * 20)

    def signed(profile: str) -> bytes:
        return sign(code, sign_profile(profile).recipe(KEY), folder / "cache").path.read_bytes()

    hashes = RotpkHashes.of_one_key(key.public)
    return {
        "bl2.bin": b"\x03" * 30000,
        "bl2_signed.bin": build_bl2(b"\x03" * 30000, key, bytes(32), "2.3.1"),
        "tfm_s_signed.bin": signed("rdv3-s"),
        "scp_signed.bin": signed("rdv3-scp"),
        "tfm_ns": signed("rdv3-ns"),
        "mcp": signed("rdv3r1-mcp"),
        "scp of rdv3r1": signed("rdv3r1-scp"),
        MESSAGE: DevelopmentMessage(0, 1, bytes(8192), hashes, *[secret] * 5).build(key),
    }


@pytest.fixture
def folder(tmp_path: Path, made: dict[str, bytes]) -> Path:
    """A folder with a sound file for each image of the board."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("bl2.bin", "bl2_signed.bin", "tfm_s_signed.bin", "scp_signed.bin", MESSAGE):
        (path / name).write_bytes(made[name])
    return path


def _plan(folder: Path, platform: str = "rdv3", message: str = ONE_FILE) -> Plan:
    board = folder.parent / "lab.yaml"
    board.write_text(BOARD.format(platform=platform, message=message))
    return make_plan(load_board(board), Tree.at(folder), folder.parent / "cache")


def test_sound_files_have_no_problem(folder: Path) -> None:
    """The sound case beside all that follow."""
    assert _plan(folder).problems == ()
    assert _plan(folder, message=FILES).problems == ()


def test_a_file_is_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many RSEs get it, and although it was found and then placed."""
    looked: list[str] = []

    def counted(path: Path, data: bytes) -> FoundImage | None:
        looked.append(path.name)
        return recognise(path, data)

    monkeypatch.setattr("hil.bench.tree_files.recognise", counted)
    board = folder.parent / "lab.yaml"
    text = BOARD.format(platform="rdv3", message=ONE_FILE).replace("{id: 0}", "{id: 0}, {id: 1}")
    board.write_text(text)
    make_plan(load_board(board), Tree.at(folder), folder.parent / "cache")
    images = [name for name in looked if name != MESSAGE]  # of which each RSE has its own
    assert sorted(images) == ["bl2_signed.bin", "scp_signed.bin", "tfm_s_signed.bin"]


def _bit(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


#: File, what happens to it, and what the plan says.
BROKEN: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("scp_signed.bin", _bit(0x500), "image 'scp': its hash is wrong"),
    ("scp_signed.bin", _bit(-3), "image 'scp': its signature is wrong"),
    (
        "scp_signed.bin",
        lambda data: b"\xff" * len(data),
        "image 'scp': expected SCP, signed (MCUboot); it is ",
    ),
    ("scp_signed.bin", lambda data: bytes(len(data)), "expected SCP, signed (MCUboot); it is"),
    (
        "scp_signed.bin",
        lambda data: data[0x400:],
        "image 'scp': expected SCP, signed (MCUboot); it is a file of ",
    ),
    ("tfm_s_signed.bin", _bit(0x500), "image 'tfm_s': its hash is wrong"),
    (
        "bl2_signed.bin",
        lambda _: b"\x03" * 30000,
        "image 'bl2': expected BL2, signed in the format of BL1_2; it is 30000 bytes 03",
    ),
    ("bl2_signed.bin", lambda data: b"\xff" * len(data), "expected BL2, signed in the format"),
    (
        "bl2_signed.bin",
        lambda data: data[:-0x4000],
        "image 'bl2': holds 16384 bytes of code, bl2.bin beside it has 30000: it is cut",
    ),
    (MESSAGE, lambda data: data[:5000], "image 'provisioning': DAMAGED: "),
    (MESSAGE, _bit(0), "image 'provisioning': expected a provisioning message, it is none"),
    (MESSAGE, lambda data: b"\xff" * len(data), "expected a provisioning message, it is none"),
    (MESSAGE, lambda data: data[:3], "expected a provisioning message, it is none"),
]


@pytest.mark.parametrize(("name", "change", "problem"), BROKEN)
def test_a_file_that_no_boot_takes_is_told(
    folder: Path, name: str, change: Callable[[bytes], bytes], problem: str
) -> None:
    """Changed, erased, never signed, cut, or of another kind."""
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    problems = [text for text in _plan(folder).problems if text.startswith(f"{path}: ")]
    assert any(problem in text for text in problems), problems


def test_files_are_looked_at_wherever_the_board_has_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that the environment or an absolute path names, without a build tree."""
    monkeypatch.setenv("HIL_TFM_BIN", str(folder))
    board = folder.parent / "lab.yaml"
    board.write_text(BOARD.format(platform="rdv3", message=ONE_FILE))
    assert make_plan(load_board(board), None, folder.parent / "cache").problems == ()
    for name in ("bl2_signed.bin", "tfm_s_signed.bin", MESSAGE):
        (folder / name).write_bytes(b"\xff" * 30000)
    told = make_plan(load_board(board), None, folder.parent / "cache").problems
    assert sum("expected" in problem for problem in told) == 3, told
    other = folder.parent / "other"
    other.mkdir()
    board.write_text(board.read_text().replace("${HIL_TFM_BIN}/tfm_s", f"{folder}/tfm_s"))
    told = make_plan(load_board(board), Tree.at(other), folder.parent / "cache").problems
    assert any("tfm_s_signed.bin: image 'tfm_s': expected" in problem for problem in told), told


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data, None),
        (_bit(0x500), "its hash is wrong"),
        (lambda data: b"\xff" * len(data), "expected TF-M S"),
        (lambda data: data[:2000], "DAMAGED"),
    ],
)
def test_joined_images_are_looked_at(
    folder: Path,
    made: dict[str, bytes],
    change: Callable[[bytes], bytes],
    problem: str | None,
) -> None:
    """`tfm_s_ns_signed.bin` is all that boards without an RSE load."""
    joined = (folder / "tfm_s_signed.bin").read_bytes().ljust(0x8000, b"\xff") + made["tfm_ns"]
    (folder / "tfm_s_ns_signed.bin").write_bytes(change(joined))
    board = folder.parent / "lab.yaml"
    board.write_text(
        'release: "2.3.1"\nlauncher: {kind: pyocd, target: an521}\n'
        "rses: [{id: 0, probe: P, console: {serial: /dev/ttyX}}]\nimages:\n  tfm_s_ns: "
        '{memory: flash, address: 0x10080000, file: "${HIL_TFM_BIN}/tfm_s_ns_signed.bin"}\n'
    )
    told = make_plan(load_board(board), Tree.at(folder), folder.parent / "cache").problems
    about = [text for text in told if "image 'tfm_s_ns'" in text]
    assert [problem in text for text in about] == ([True] if problem else []), told


@pytest.mark.parametrize("message", [FILES, BY_ID])
def test_messages_are_looked_at_however_the_board_names_them(folder: Path, message: str) -> None:
    """One file for all, one for each RSE, one by the id in its name."""
    data = (folder / MESSAGE).read_bytes()[:5000]
    for name in (MESSAGE, "mes0sage.bin"):
        (folder / name).write_bytes(data)
    assert any("DAMAGED" in text for text in _plan(folder, message=message).problems)


def test_a_damaged_image_of_another_name_is_not_taken_in_silence(folder: Path) -> None:
    """The only one of its role, but no boot takes it."""
    data = _bit(-3)((folder / "scp_signed.bin").read_bytes())
    (folder / "scp_signed.bin").unlink()
    (folder / "scp_elsewhere.bin").write_bytes(data)
    plan = _plan(folder)
    assert any("scp_elsewhere.bin is SCP" in note for note in plan.notes)
    assert any("its signature is wrong" in text for text in plan.problems)


def test_an_image_signed_for_another_platform_is_told(folder: Path, made: dict[str, bytes]) -> None:
    """BL2 of rdv3r1 loads to other addresses: what is right for rdv3 is wrong there."""
    path = folder / "scp_signed.bin"
    [problem] = _plan(folder, "rdv3r1").problems
    assert problem == (
        f"{path}: image 'scp': is signed for load address 0x70001c00, rdv3r1 loads SCP to 0x70003c00"
    )
    path.write_bytes(made["scp of rdv3r1"])
    assert _plan(folder, "rdv3r1").problems == ()


def test_the_platform_says_which_image_an_address_is_of(
    folder: Path, made: dict[str, bytes]
) -> None:
    """MCP of rdv3r1 is loaded to where rdv3 has its LCP."""
    (folder / "scp_signed.bin").write_bytes(made["mcp"])
    [problem] = _plan(folder, "rdv3r1").problems
    assert problem.endswith(
        "image 'scp': expected SCP, it is MCP (load address 0x70105c00 on rdv3r1)"
    )


def test_the_platform_finds_an_image_whose_name_says_nothing(folder: Path) -> None:
    """Its address alone would be AP BL2 on another platform."""
    (folder / "scp_signed.bin").rename(folder / "odd.bin")
    plan = _plan(folder)
    assert plan.problems == ()
    assert any("odd.bin is SCP (load address 0x70001c00 on rdv3)" in note for note in plan.notes)


def test_without_a_platform_a_raw_binary_may_be_meant(folder: Path) -> None:
    """Nobody knows what is booted; only what is called signed has to be."""
    (folder / "raw.bin").write_bytes(b"\x07" * 500)
    board = folder.parent / "lab.yaml"
    text = BOARD.format(platform="rdv3", message=ONE_FILE).replace("platform: rdv3\n", "")
    for name, expected in (("raw.bin", 0), ("scp_signed.bin", 1)):
        (folder / name).write_bytes(b"\x07" * 500)
        board.write_text(text.replace("scp_signed.bin", name))
        problems = make_plan(load_board(board), Tree.at(folder), folder.parent / "cache").problems
        assert len([each for each in problems if "expected SCP" in each]) == expected


def test_names_do_not_reach_the_terminal_as_they_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that was found by its content may have any name."""
    (folder / "scp_signed.bin").rename(folder / "odd\n\x1b[2J.bin")
    assert _plan(folder).problems == ()
    assert main(["image", "plan", str(folder.parent / "lab.yaml"), str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.count("odd\\n\\x1b[2J.bin") == 3  # its row twice, and the note
    assert "\x1b" not in out
