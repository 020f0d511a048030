# SPDX-License-Identifier: Apache-2.0
"""`hil image` as a user meets it: ls, show, verify, check, sign, mutate."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hil.images.development_keys import development_key
from hil.images.mcuboot import parse_image
from hil.images.mcuboot_parts import ImageParts
from hil.images.mcuboot_tlvs import KEYID
from hil.images.signing_key import PublicKey

ROOT = Path(__file__).resolve().parents[2]
KEY = ROOT / "boards/keys/dev-EC-P256.pem"
PAYLOAD = ROOT / "boards/payloads/tfm_s.bin"


def image(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil.cli", "image", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed image under a name that says nothing."""
    folder = tmp_path_factory.mktemp("bin")
    done = image("sign", PAYLOAD, "-o", folder / "x", "--profile", "rdv3-s", "--key", KEY)
    assert done.returncode == 0, done.stderr
    return folder


def test_ls_shows_a_row_for_each_image(folder: Path) -> None:
    """Role, file, size, version, counter, key, digest and remarks, told by content."""
    done = image("ls", folder)
    assert done.returncode == 0, done.stderr
    heading, row = done.stdout.splitlines()
    columns = ["role", "file", "size", "version", "counter", "key", "sha256", "remarks"]
    assert heading.split() == columns
    for part in ("TF-M S", " x ", "2.3.1+0", " 1 ", "dev-EC-P256", "anybody can sign"):
        assert part in row


def test_ls_as_json_has_full_digests(folder: Path) -> None:
    """For programs."""
    [entry] = json.loads(image("ls", "--json", folder).stdout)["images"]
    assert entry["role"] == "TF-M S"
    assert len(entry["sha256"]) == 64
    assert entry["told_by"] == "it depends on image 1"


def test_show_names_every_tlv(folder: Path) -> None:
    """Header and TLVs with their places."""
    shown = image("show", folder / "x").stdout
    for part in ("0x3109f400", "SEC_CNT", "image 1 at least 0.0.0+0", "PUBKEY", "RAM_LOAD"):
        assert part in shown


def test_show_of_no_image_is_one_error() -> None:
    """A text file is no image."""
    done = image("show", ROOT / "README.md")
    assert done.returncode == 2
    assert done.stderr.startswith("hil: ")
    assert "Traceback" not in done.stderr


def test_verify_says_what_it_checked(folder: Path, tmp_path: Path) -> None:
    """Good with the key, whole without one, wrong when a byte is changed."""
    with_key = image("verify", "--key", KEY, folder / "x")
    assert (with_key.returncode, "the key given" in with_key.stdout) == (0, True)
    without = image("verify", folder / "x")
    assert (without.returncode, "whoever's it is" in without.stdout) == (0, True)
    data = bytearray((folder / "x").read_bytes())
    data[0x800] ^= 1
    (tmp_path / "y").write_bytes(data)
    wrong = image("verify", "--key", KEY, tmp_path / "y")
    assert wrong.returncode == 1
    assert "hash BAD" in wrong.stdout


def test_sign_lists_its_profiles() -> None:
    """The parameters of each platform."""
    shown = image("sign", "--list").stdout
    assert "rdv3-scp" in shown
    assert "0x71000000" in shown


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [
        (["sign", "x"], "--output is missing"),
        (["sign", PAYLOAD, "-o", "o", "--key", KEY, "--profile", "rdv3s"], "did you mean"),
        (["ls", "missing"], "no such folder"),
        (["mutate", PAYLOAD, "-o", "o"], "neither MCUboot"),
        (["mutate", PAYLOAD, "-o", "o", "--only", "odd"], "no mutant 'odd'"),
        (["check", ".", "--release", "9.9"], "no release profile"),
        (["verify", KEY], "is no image"),
    ],
)
def test_mistakes_are_one_line(arguments: list[object], finding: str, tmp_path: Path) -> None:
    """What was wrong, no traceback, nothing written."""
    done = image(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert finding in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_mutate_writes_into_its_folder_only(folder: Path, tmp_path: Path) -> None:
    """One file for each row that fits, and what a boot does with it."""
    before = sorted(folder.iterdir())
    done = image("mutate", folder / "x", "-o", tmp_path / "out", "--key", KEY)
    assert done.returncode == 0, done.stderr
    assert sorted(folder.iterdir()) == before
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert "x.payload-bit.bin" in written
    assert "x.lower-counter.bin" in written
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "refused by BL2" in rows["payload-bit"]
    assert "accepted" in rows["tlv-unknown"]
    assert "left out" in rows["other-image"]


def test_mutate_tells_an_image_of_another_release(tmp_path: Path) -> None:
    """Built-in keys: 2.2 knows them by their hash, 2.3 by a number, and no BL2 takes the other way."""
    command = [
        "-m",
        "imgtool.main",
        "sign",
        "-k",
        KEY,
        "--align",
        "1",
        "-v",
        "1.2.3",
        "-s",
        "7",
        "-H",
        "0x400",
    ]
    command += ["-S", "0x40000", "--pad-header", "--public-key-format", "hash"]
    signed = tmp_path / "signed.bin"
    subprocess.run([sys.executable, *map(str, command), PAYLOAD, signed], check=True)
    for release, told in (("2.3.1", True), ("2.2.2", False)):
        done = image(
            "mutate",
            signed,
            "-o",
            tmp_path / release,
            "--release",
            release,
            "--only",
            "payload-bit",
        )
        assert done.returncode == 0
        assert ("names its key by KEYHASH, as 2.1 and 2.2 do" in done.stderr) is told
    parts = ImageParts.of(signed.read_bytes(), parse_image(signed.read_bytes()))
    first, *others = parts.tlvs
    both = replace(parts, tlvs=(first, (KEYID, bytes(4)), *others)).build()
    signed.write_bytes(both)
    for release, told in (("2.3.1", False), ("2.2.2", True)):
        done = image(
            "mutate", signed, "-o", tmp_path / "both", "--release", release, "--only", "payload-bit"
        )
        assert ("BL2 of 2.2 refuses any KEYID" in done.stderr) is told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("app.axf", b"\x7fELF" + bytes(60), "an ELF file, expected a raw binary"),
        ("app.bin", b"\x7fELF" + bytes(60), "arm-none-eabi-objcopy -O binary app.bin app_raw.bin"),
        ("app.hex", b":020000041000EA\r\n:00000001FF\r\n", "Intel HEX text, expected a raw"),
        ("app.bin", b":00000001FF", "objcopy -I ihex -O binary app.bin app_raw.bin"),
    ],
)
def test_only_a_raw_binary_is_signed(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    """BL2 would load the text, or the tables of the object, and jump into them."""
    (tmp_path / name).write_bytes(content)
    done = image("sign", name, "-o", "out.bin", "--profile", "rdv3-s", "--key", KEY, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert name in done.stderr
    assert not (tmp_path / "out.bin").exists()


def test_a_row_for_another_kind_of_image_is_left_out_and_says_so(
    folder: Path, tmp_path: Path
) -> None:
    """Nothing is written, and the reason is one line."""
    done = image("mutate", folder / "x", "-o", tmp_path / "out", "--only", "fip-name")
    assert done.returncode == 1
    assert "left out: it is not for this image (FIP)" in done.stdout
    assert not (tmp_path / "out").exists()


def test_show_of_a_damaged_image_is_a_finding(tmp_path: Path) -> None:
    """What is left of an image is shown, and the status says that it is not whole."""
    (tmp_path / "cut.bin").write_bytes(b"\x3d\xb8\xf3\x96" + bytes(10))
    done = image("show", tmp_path / "cut.bin")
    assert done.returncode == 1
    assert "DAMAGED" in done.stdout


def test_mutate_lists_the_catalogue() -> None:
    """Every row with its verdicts."""
    shown = image("mutate", "--list").stdout
    assert "tlv-keyhash-flip" in shown
    assert "BUILTIN_BL2 accepted" in shown


def test_the_shipped_key_is_known_as_a_development_key() -> None:
    """Nobody ships an image that is signed by it without being told."""
    key = PublicKey.load(KEY)
    for form in (key.der, key.point, b"\x04" + key.point):
        known = development_key(key=form)
        assert known is not None
        assert known.name == "dev-EC-P256"
    tfm = "e30466f6b8470c1f29070b17f1e2d3e94d445e3f608087fdc711e4382bb538b6"
    known = development_key(key_hash=bytes.fromhex(tfm))
    assert known is not None
    assert known.name == "root-EC-P256"
    assert development_key(key=b"another key") is None
