# SPDX-License-Identifier: Apache-2.0
"""A plan refuses what is sound in itself, but no BL2 of the board loads, or not from where it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hil.bench.assembly import Tree, make_plan
from hil.bench.board_file import load_board
from hil.bench.image_plan import build_plan
from hil.cli import main
from hil.errors import UsageError
from hil.images.bl2_image import build_bl2
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.mcuboot import parse_image
from hil.images.mcuboot_parts import ImageParts
from hil.images.mcuboot_tlvs import FLAG_RAM_LOAD, KEYHASH, KEYID, PUBKEY, SEC_CNT
from hil.images.mutations import Material
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import SigningKey
from hil.model.secret import Secret

KEY = Path(__file__).resolve().parents[2] / "boards" / "keys" / "dev-EC-P256.pem"
RSE = """
release: "{release}"
platform: rdv3r1
launcher: {{kind: fvp, binary: FVP, parameters: {{"{{rse}}.rom.raw_image": "${{HIL_TFM_BIN}}/rom.bin"}}}}
rses: [{{id: 0}}, {{id: 1}}]
provisioning: {{vhuk_agreement: true}}
images:
  bl2: {{memory: flash, address: 0xB0000000, file: "${{HIL_TFM_BIN}}/bl2_signed.bin"}}
  tfm_s: {{memory: flash, address: 0xB0040000, file: "${{HIL_TFM_BIN}}/tfm_s_signed.bin"}}
  scp: {{memory: flash, address: 0xB01C0000, file: "${{HIL_TFM_BIN}}/scp_signed.bin"}}
  provisioning: {{memory: ram, address: {message}, file: "${{HIL_TFM_BIN}}/message_{{id}}.bin"}}
"""
PACKAGE = """
release: "2.3.1"
platform: kronos
launcher: {{kind: fvp, binary: FVP}}
rses: [{{id: 0}}]
images:
  host_flash: {{memory: flash, address: 0x70000000, {content}}}
"""
JOINED = """
release: "2.2.2"
platform: an521
launcher: {kind: qemu, machine: mps2-an521}
rses: [{id: 0}]
images:
  bl2: {memory: flash, address: 0x10000000, file: "${HIL_TFM_BIN}/bl2.bin"}
  tfm_s_ns: {memory: flash, address: 0x10080000, file: "${HIL_TFM_BIN}/tfm_s_ns_signed.bin"}
"""
READY = 'file: "${HIL_TFM_BIN}/fip.bin"'
MADE = 'fip: {images: {rse-bl2: "${HIL_TFM_BIN}/bl2_signed.bin", rse-s: "${HIL_TFM_BIN}/s.bin"}}'
S_231, S_222, SCP = 0x3109F400, 0x31000000, 0x70003C00
BL1_2 = b"\x12" * 8192


class Build:
    """Makes signed files once for all tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = SigningKey.load(KEY)
        (folder / "code.bin").write_bytes(bytes(range(1, 200)) * 20)

    def signed(self, version: str, load: int | None, **options: object) -> bytes:
        """Return a MCUboot image."""
        recipe = SignRecipe(key=KEY, version=version, load_address=load, **options)  # type: ignore[arg-type]
        return sign(self.folder / "code.bin", recipe, self.folder / "cache").path.read_bytes()

    def secure(self, version: str = "2.3.1", load: int = S_231) -> bytes:
        """Return the secure image of one release."""
        return self.signed(version, load, dependency="(1, 0.0.0+0)")

    def message(self, rse: int, *, agreement: bool = True, bl1_2: bytes = BL1_2) -> bytes:
        """Return the message of one RSE."""
        hashes, secret = RotpkHashes.of_one_key(self.key.public), Secret(bytes(32))
        values = DevelopmentMessage(rse, 2, bl1_2, hashes, *[secret] * 5, vhuk_agreement=agreement)
        return values.build(self.key)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Signed files."""
    return Build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def tree(tmp_path: Path, build: Build) -> Path:
    """A folder with a sound file for each image of the boards."""
    folder = tmp_path / "bin"
    folder.mkdir()
    secure = build.secure()
    for name, data in {
        "bl2_signed.bin": build_bl2(b"\x03" * 3000, build.key, bytes(32), "2.3.1"),
        "tfm_s_signed.bin": secure,
        "s.bin": secure,
        "scp_signed.bin": build.signed("0.0.1", SCP, slot_size=0x100000),
        "message_0.bin": build.message(0),
        "message_1.bin": build.message(1),
        "rom.bin": b"\x01" * 5000,
    }.items():
        (folder / name).write_bytes(data)
    return folder


def _problems(tree: Path, board: str) -> tuple[str, ...]:
    path = tree.parent / "lab.yaml"
    path.write_text(board)
    return make_plan(load_board(path), Tree.at(tree), tree.parent / "cache").problems


def _rse(release: str = "2.3.1") -> str:
    return RSE.format(release=release, message="0x310E0000" if release == "2.3.1" else "0x31000400")


def _changed(
    build: Build, data: bytes, change: Callable[[ImageParts], ImageParts], *, again: bool = False
) -> bytes:
    parts = change(ImageParts.of(data, parse_image(data)))
    return Material(data, build.key).signed(parts) if again else parts.build()


def _by_hash(parts: ImageParts) -> ImageParts:
    tlvs = tuple(
        (KEYHASH, hashlib.sha256(value).digest()) if kind == PUBKEY else (kind, value)
        for kind, value in parts.tlvs
    )
    return replace(parts, tlvs=tlvs)


def _by_number(parts: ImageParts) -> ImageParts:
    tlvs = tuple((KEYID, b"\1\0\0\0") if e[0] == PUBKEY else e for e in parts.tlvs)
    return replace(parts, tlvs=tlvs)


def _no_counter(parts: ImageParts) -> ImageParts:
    return replace(parts, protected=tuple(e for e in parts.protected if e[0] != SEC_CNT))


def _in_place(parts: ImageParts) -> ImageParts:
    return replace(parts, flags=parts.flags & ~FLAG_RAM_LOAD)


def test_a_sound_tree_has_no_problem(
    tree: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sound case beside all that follow: status 0; any of them is status 1 and nothing else."""
    assert _problems(tree, _rse()) == ()
    board = str(tree.parent / "lab.yaml")
    assert main(["image", "plan", board, str(tree)]) == 0
    assert capsys.readouterr().err == ""
    (tree / "tfm_s_signed.bin").write_bytes(build.secure(load=S_222))
    assert main(["image", "plan", board, str(tree)]) == 1
    assert "image 'tfm_s': is signed for load address 0x31000000" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tfm_s_signed.bin", "scp_signed.bin"])
@pytest.mark.parametrize(
    ("change", "again", "problem"),
    [
        (_by_hash, False, "does not hold the key that BL2 looks for; sign it with --public-key"),
        (_no_counter, True, "has no security counter; sign it with --security-counter"),
        (_in_place, True, "is not for loading to RAM; sign it with --load-addr"),
    ],
)
def test_what_bl2_of_an_rse_wants_of_every_image_is_told(
    name: str,
    change: Callable[[ImageParts], ImageParts],
    again: bool,
    problem: str,
    tree: Path,
    build: Build,
) -> None:
    """Hash and signature are right, and still no RSE takes it."""
    path = tree / name
    path.write_bytes(_changed(build, path.read_bytes(), change, again=again))
    [found] = _problems(tree, _rse())
    image = name.removesuffix("_signed.bin")
    assert found.startswith(f"{path}: image '{image}': {problem}")


def test_ls_and_verify_say_that_a_counter_is_not_only_for_rollback(
    tree: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    """They do not know the board: it is a warning there, with what TF-M's BL2 makes of it."""
    path = tree / "tfm_s_signed.bin"
    path.write_bytes(_changed(build, path.read_bytes(), _no_counter, again=True))
    for command in ("ls", "verify"):
        assert main(["image", command, str(path)]) == 0
        assert "BL2 refuses it where it is built with MCUBOOT_HW_ROLLBACK_PROT" in (
            capsys.readouterr().out
        )


def test_keys_that_are_built_in_are_taken(tree: Path, build: Build) -> None:
    """MCUBOOT_BUILTIN_KEY: 2.2 looks for nothing or a KEYHASH, 2.3 for the number of a key."""
    path = tree / "tfm_s_signed.bin"
    path.write_bytes(_changed(build, build.secure(), _by_number))
    assert _problems(tree, _rse()) == ()
    for name in ("tfm_s_signed.bin", "scp_signed.bin"):
        data = build.secure("2.2.2", S_222) if "_s_" in name else (tree / name).read_bytes()
        (tree / name).write_bytes(_changed(build, data, _by_hash))
    assert _problems(tree, _rse("2.2.2")) == ()


@pytest.mark.parametrize(
    ("release", "load", "room"),
    [
        ("2.3.1", S_231, None),
        ("2.3.1", S_231 - 0x4000, None),  # RSE_USE_OTP_EMULATION_IN_SRAM
        ("2.3.1", S_222, "0x3109b400 to 0x310ff3ff only"),
        ("2.3.1", S_231 + 0x60000, "0x3109b400 to 0x310ff3ff only"),
        ("2.2.2", S_222, None),
        ("2.2.2", S_231, "0x31000000 to 0x3105ffff only"),
    ],
)
def test_where_bl2_loads_the_secure_image_is_a_matter_of_the_release(
    release: str, load: int, room: str | None, tree: Path, build: Build
) -> None:
    """boot_get_image_exec_ram_info: it begins at S_IMAGE_LOAD_ADDRESS, which 2.3 moved."""
    (tree / "tfm_s_signed.bin").write_bytes(build.secure(release, load))
    found = _problems(tree, _rse(release))
    assert len(found) == (room is not None), found
    assert room is None or found[0].endswith(f"loads TF-M S to {room}")


def test_a_header_of_another_size_moves_the_code_of_the_host(tree: Path, build: Build) -> None:
    """Its load address is that of the header: 0x2000 is what the platform page has for tc."""
    data = build.signed("0.0.1", SCP, slot_size=0x100000, header_size=0x2000)
    (tree / "scp_signed.bin").write_bytes(data)
    [found] = _problems(tree, _rse())
    assert "has a header of 0x2000 bytes, expected 0x400: its code would be at 0x70005c00" in found
    assert found.endswith("the host of rdv3r1 begins at 0x70004000")


# Packages


def _fip(tree: Path, name: str = "fip.bin", **images: Path) -> Path:
    path = tree / name
    options = [part for key, file in images.items() for part in (f"--{key}", str(file))]
    arguments = [option.replace("_", "-") if option[:2] == "--" else option for option in options]
    assert main(["image", "fip", "create", *arguments, "--unchecked", str(path)]) == 0
    return path


@pytest.fixture
def package(tree: Path) -> Path:
    """A package that boots."""
    return _fip(tree, rse_bl2=tree / "bl2_signed.bin", rse_s=tree / "s.bin")


def _ready(tree: Path) -> tuple[str, ...]:
    return _problems(tree, PACKAGE.format(content=READY))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data[:5000], "ToC entry"),
        (lambda data: bytes(len(data)), "image 'host_flash': no package (FIP) begins there"),
        (lambda _: b"hello\n", "no package (FIP) begins there"),
        (lambda data: data.replace(b"\x01\x02\x03", b"\x01\x02\x02"), "rse-s: its hash is wrong"),
    ],
)
def test_a_ready_package_is_looked_at(
    change: Callable[[bytes], bytes], problem: str, package: Path
) -> None:
    """It is all that users of tc and kronos have: cut, erased, no package, damaged inside."""
    assert _ready(package.parent) == ()
    package.write_bytes(change(package.read_bytes()))
    [found] = _ready(package.parent)
    assert problem in found
    assert str(package) in found


def test_a_package_needs_what_an_rse_boots(tree: Path, build: Build) -> None:
    """BL2 and the secure image, each in its own format."""
    bl2 = tree / "bl2_signed.bin"
    _fip(tree, rse_bl2=bl2)
    assert [each.partition("': ")[2] for each in _ready(tree)] == [
        "it has no rse-s; an RSE does not boot from it"
    ]
    (tree / "raw.bin").write_bytes(b"\x07raw" * 500)
    _fip(tree, rse_bl2=tree / "raw.bin", rse_s=tree / "raw.bin")
    first, second = _ready(tree)
    assert "rse-bl2: expected BL2, signed in the format of BL1_2" in first
    assert "rse-s: expected TF-M S, signed (MCUboot)" in second
    (tree / "keyhash.bin").write_bytes(_changed(build, build.secure(), _by_hash))
    _fip(tree, rse_bl2=bl2, rse_s=tree / "keyhash.bin")
    [found] = _ready(tree)
    assert "rse-s: does not hold the key" in found


def test_a_bl2_of_tf_a_beside_a_package_is_not_its_source(package: Path) -> None:
    """TF-A's build leaves a `bl2.bin` beside `fip.bin`; it is that of the application processor."""
    (package.parent / "bl2.bin").write_bytes(b"\x09" * 300000)
    (package.parent / "bl2_signed.bin").unlink()
    assert _ready(package.parent) == ()


def test_two_packages_stand_in_for_each_other(tree: Path) -> None:
    """Without partitions an image that one has not is taken from the other; neither has SCP."""
    _fip(tree, "fip.bin", rse_bl2=tree / "bl2_signed.bin")
    _fip(tree, "b.bin", rse_s=tree / "s.bin")
    second = '  second: {memory: flash, address: 0x70800000, file: "${HIL_TFM_BIN}/b.bin"}\n'
    board = PACKAGE.format(content=READY) + second
    assert _problems(tree, board) == ()
    (tree / "fip.bin").write_bytes(b"\xff" * 4096)
    [found] = _problems(tree, board)
    assert found.endswith("it has no rse-bl2; an RSE does not boot from it")


def test_the_banks_of_a_partition_table_are_looked_at(tree: Path, package: Path) -> None:
    """An empty bank is none; what one bank lacks the other does not give."""
    half = _fip(tree, "half.bin", rse_s=tree / "s.bin")
    image = tree / "flash.bin"
    for second, problems in ((None, 0), (package, 0), (half, 1)):
        banks = ["--partition", f"name=FIP_A,size=128K,file={package}", "--partition"]
        banks.append("name=FIP_B,size=128K" + (f",file={second}" if second else ""))
        assert main(["image", "gpt", "create", str(image), "--size", "4M", *banks]) == 0
        board = PACKAGE.format(content='file: "${HIL_TFM_BIN}/flash.bin"')
        found = _problems(tree, board)
        assert len(found) == problems, found
    assert found[0].endswith(
        "image 'host_flash', FIP_B: it has no rse-bl2; an RSE does not boot from it"
    )
    image.write_bytes(image.read_bytes()[:512].ljust(0x400000, b"\xff"))
    [found] = _problems(tree, board)
    assert "no package (FIP) begins there" in found


@pytest.mark.parametrize("content", [READY, MADE])
def test_the_release_of_a_packed_secure_image_is_looked_at(
    content: str, tree: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a package that is ready, and in one that the board makes; a bench does not start either."""
    (tree / "s.bin").write_bytes(build.secure("2.2.2"))
    _fip(tree, rse_bl2=tree / "bl2_signed.bin", rse_s=tree / "s.bin")
    [found] = _problems(tree, PACKAGE.format(content=content))
    assert ", rse-s: version 2.2.2+0, but the board has TF-M 2.3.1" in found
    monkeypatch.setenv("HIL_TFM_BIN", str(tree))
    with pytest.raises(UsageError, match=r"rse-s: version 2\.2\.2"):
        build_plan(load_board(tree.parent / "lab.yaml"), tree.parent / "cache")


def test_a_file_that_is_wrong_is_told_once_though_it_is_packed(tree: Path) -> None:
    """By its own name, not again by that of the package."""
    data = bytearray((tree / "s.bin").read_bytes())
    data[0x500] ^= 1
    (tree / "s.bin").write_bytes(data)
    [found] = _problems(tree, PACKAGE.format(content=MADE))
    assert found == f"{tree / 's.bin'}: image 'rse-s': its hash is wrong"


# S and NS in one file


@pytest.fixture
def joined(tree: Path, build: Build) -> Path:
    """`tfm_s_ns_signed.bin` of an521, and its BL2."""
    (tree / "bl2.bin").write_bytes(b"\x00\x80\x00\x30\x01\x04\x00\x10" + b"\x06" * 3000)
    secure = build.signed("2.2.2", None, dependency="(1, 0.0.0+0)")
    other = build.signed("0.0.0", None, dependency="(0, 0.0.0+0)")
    path = tree / "tfm_s_ns_signed.bin"
    path.write_bytes(secure.ljust(0x80000, b"\xff") + other)
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:0x80000],
        lambda data: data[:0x80000].ljust(0x100000, b"\xff"),
        lambda data: data[:0x80000] * 2,
    ],
    ids=["only S", "erased", "S twice"],
)
def test_a_secure_image_that_needs_the_other_does_not_boot_alone(
    change: Callable[[bytes], bytes], joined: Path
) -> None:
    """BL2 of two images boots neither without the other."""
    assert _problems(joined.parent, JOINED) == ()
    joined.write_bytes(change(joined.read_bytes()))
    [found] = _problems(joined.parent, JOINED)
    assert found.endswith("depends on image 1, and no non-secure image is behind it")


def test_a_secure_image_alone_may_be_all_there_is(joined: Path, build: Build) -> None:
    """Signed as the only image it depends on nothing; the other may also have a file of its own."""
    data = joined.read_bytes()
    joined.write_bytes(build.signed("2.2.2", None))
    assert _problems(joined.parent, JOINED) == ()
    joined.write_bytes(data[:0x80000])
    (joined.parent / "ns.bin").write_bytes(data[0x80000:])
    other = '  tfm_ns: {memory: flash, address: 0x10100000, file: "${HIL_TFM_BIN}/ns.bin"}\n'
    text = " ".join(_problems(joined.parent, JOINED + other))
    assert "behind it" not in text


def test_joined_images_of_another_release_are_told(joined: Path, build: Build) -> None:
    """The secure image in front has TF-M's version."""
    newer = build.signed("2.3.1", None, dependency="(1, 0.0.0+0)")
    joined.write_bytes(newer.ljust(0x80000, b"\xff") + joined.read_bytes()[0x80000:])
    [found] = _problems(joined.parent, JOINED)
    assert "version 2.3.1+0, but the board has TF-M 2.2.2" in found


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xff" * 3000, "3000 bytes FF"),
        (bytes(3000), "3000 bytes 00"),
        (b"\x7fELF" + bytes(range(200)), "begins 7F 45 4C 46"),
        (b":020000041000EA\r\n", "begins 3A 30 32 30"),
    ],
)
def test_a_bl2_that_is_no_binary_is_told(data: bytes, what: str, joined: Path) -> None:
    """The launchers write what is in the file, whatever its format is."""
    (joined.parent / "bl2.bin").write_bytes(data)
    [found] = _problems(joined.parent, JOINED)
    assert "image 'bl2': expected BL2, a raw binary; it is " in found
    assert found.endswith(what)


# Messages and ROM


def test_messages_ask_for_what_the_board_expects(tree: Path, build: Build) -> None:
    """TF-M's own build leaves the bit clear: the RSEs would not agree on one vHUK."""
    for rse in (0, 1):
        (tree / f"message_{rse}.bin").write_bytes(build.message(rse, agreement=False))
    found = _problems(tree, _rse())
    assert found == tuple(
        f"{tree}/message_{rse}.bin: policy bit 0 is clear: the RSEs do not agree on one vHUK, but "
        "provisioning.vhuk_agreement of the board is true"
        for rse in (0, 1)
    )
    board = _rse()
    assert _problems(tree, board.replace("agreement: true", "agreement: false")) == ()
    assert _problems(tree, board.replace("provisioning: {vhuk_agreement: true}\n", "")) == ()
    for rse in (0, 1):
        (tree / f"message_{rse}.bin").write_bytes(build.message(rse))
    [first, _second] = _problems(tree, board.replace("agreement: true", "agreement: false"))
    assert "policy bit 0 is set: the RSEs agree on one vHUK" in first


def test_one_rse_agrees_with_nobody(tree: Path, build: Build) -> None:
    """With one RSE the policy changes nothing."""
    (tree / "message_0.bin").write_bytes(build.message(0, agreement=False))
    assert _problems(tree, _rse().replace(", {id: 1}", "")) == ()


def test_a_message_with_another_bl1_2_is_out_of_date(tree: Path, build: Build) -> None:
    """Its hash is compared with `bl1_2_padded.bin` of the build."""
    (tree / "bl1_2_padded.bin").write_bytes(BL1_2)
    assert _problems(tree, _rse()) == ()
    (tree / "message_1.bin").write_bytes(build.message(1, bl1_2=b"\x13" * 8192))
    assert _problems(tree, _rse()) == (
        f"{tree}/message_1.bin: is out of date: its BL1_2 is not bl1_2_padded.bin; build again",
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "expected BL1_1 and the DMA ICS in at most 0x20000 bytes, got 0x0"),
        (bytes(0x20000), "only 00, expected BL1_1"),
        (b"\xff" * 0x20000, "only FF, expected BL1_1"),
        (b"\x7fELF" + b"\x01" * 500, "a text, an object or an archive, expected BL1_1"),
        (b"\x01" * 0x20001, "in at most 0x20000 bytes, got 0x20001"),
    ],
)
def test_a_rom_without_bl1_1_is_told(data: bytes, problem: str, tree: Path) -> None:
    """Also where its parts are not beside it, so that nothing can be compared."""
    (tree / "rom.bin").write_bytes(data)
    [found] = _problems(tree, _rse())
    assert problem in found
    assert found.startswith(f"{tree}/rom.bin")
    assert found.endswith("(launcher.parameters.{rse}.rom.raw_image)")


def test_the_rom_of_something_else_is_not_looked_at(tree: Path) -> None:
    """A model has other ROMs, too."""
    (tree / "scp_rom.bin").write_bytes(b"")
    other = 'parameters: {"css.scp.rom.raw_image": "${HIL_TFM_BIN}/scp_rom.bin", '
    assert _problems(tree, _rse().replace("parameters: {", other)) == ()
    rse = other.replace("css.scp.", "css0.sysctrl.rse.")
    assert len(_problems(tree, _rse().replace("parameters: {", rse))) == 1
