# SPDX-License-Identifier: Apache-2.0
"""`hil image verify` and `check`: good, wrong and not checked are three words."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.mcuboot import parse_image
from hil.images.mcuboot_parts import ImageParts
from hil.images.mcuboot_tlvs import KEYID, PUBKEY
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import SigningKey
from hil.model.boot_state import TpMode
from hil.model.secret import Secret

ROOT = Path(__file__).resolve().parents[2]
KEY = ROOT / "boards/keys/dev-EC-P256.pem"
KRTL = b"a key that must not be printed.."
S, NS = (KEYID, (2147451243).to_bytes(4, "little")), (KEYID, (2147451244).to_bytes(4, "little"))


def image(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "hil.cli", "image", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The first word of each finding."""
    return [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of another signer."""
    path = tmp_path_factory.mktemp("keys") / "stranger.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, stranger: Path) -> Path:
    """tfm_s_signed.bin and tfm_s_ns_signed.bin as TF-M 2.3 builds them with built-in keys."""
    folder = tmp_path_factory.mktemp("bin")
    payload = folder / "payload"
    payload.write_bytes(bytes(range(256)) * 3)
    recipe = SignRecipe(KEY, "2.3.1", 1, 0x400, 0x4000)
    signed = sign(payload, recipe, folder / "cache").path.read_bytes()
    slots = []
    for name, path in ((S, KEY), (NS, stranger)):
        parts = ImageParts.of(signed, parse_image(signed))
        tlvs = tuple(name if kind == PUBKEY else (kind, value) for kind, value in parts.tlvs)
        slot = replace(parts, tlvs=tlvs).signed_by(SigningKey.load(path)).build()
        slots.append(slot[:0x4000].ljust(0x4000, b"\xff"))
    (folder / "tfm_s_signed.bin").write_bytes(slots[0])
    (folder / "tfm_s_ns_signed.bin").write_bytes(slots[0] + slots[1])
    return folder


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Messages of both TP modes, one with a bit of its code flipped, and KRTL."""
    folder = tmp_path_factory.mktemp("messages")
    key = SigningKey.load(KEY)
    secret = {n: Secret(b"%-32d" % i) for i, n in enumerate(("guk", "kp_cm", "kce_cm", "kp_dm"))}
    made = DevelopmentMessage(
        0, 1, hashlib.sha256(b"bl1_2").digest() * 256, RotpkHashes.of_one_key(key.public),
        kce_dm=Secret(32), **secret,  # type: ignore[arg-type]
    )  # fmt: skip
    tci = made.build(key)
    (folder / "tci.bin").write_bytes(tci)
    bad = bytearray(tci)
    bad[8 + 248] ^= 1
    (folder / "bad.bin").write_bytes(bad)
    pci = replace(made, tp=TpMode.PCI, krtl=Secret(KRTL)).build(key)
    (folder / "pci.bin").write_bytes(pci)
    (folder / "krtl").write_bytes(KRTL)
    return folder


def test_a_number_of_a_built_in_key(built: Path, stranger: Path) -> None:
    """Good with its key, wrong with another, not checked without one: the number is no key."""
    path = built / "tfm_s_signed.bin"
    good = image("verify", "--key", KEY, path)
    assert (good.returncode, words(good)) == (0, ["good"])
    assert "0x7fff816b" in good.stdout
    wrong = image("verify", "--key", stranger, path)
    assert (wrong.returncode, words(wrong)) == (1, ["WRONG"])
    alone = image("verify", path)
    assert (alone.returncode, words(alone)) == (1, ["unchecked"])
    assert "--key" in alone.stdout
    assert "KEYID (4 bytes) 6b81ff7f" in image("show", path).stdout


def test_every_image_of_a_file_is_verified(built: Path, stranger: Path, tmp_path: Path) -> None:
    """S and NS in one file, each by its own key; damage of the second is found."""
    path = built / "tfm_s_ns_signed.bin"
    good = image("verify", "--key", KEY, "--key", stranger, path)
    assert (good.returncode, words(good)) == (0, ["good", "good"])
    assert "at 0x4000 behind it" in good.stdout
    one = image("verify", "--key", KEY, path)
    assert (one.returncode, words(one)) == (1, ["good", "WRONG"])
    for at, word in ((0x4400, "WRONG"), (0x400F, "WRONG"), (0x4000, "unchecked")):
        data = bytearray(path.read_bytes())
        data[at] ^= 0x80
        (tmp_path / "bad.bin").write_bytes(data)
        bad = image("verify", "--key", KEY, "--key", stranger, tmp_path / "bad.bin")
        assert (bad.returncode, words(bad)) == (1, ["good", word])


def test_what_has_no_signature_is_not_good(tmp_path: Path) -> None:
    """A raw binary that only its name tells: nothing was checked."""
    (tmp_path / "scp_ramfw.bin").write_bytes(b"\x06" * 500)
    done = image("verify", tmp_path / "scp_ramfw.bin")
    assert (done.returncode, words(done)) == (1, ["unchecked"])
    assert "no signature to check" in done.stdout


def test_a_damaged_package_is_wrong(tmp_path: Path) -> None:
    """Its name word alone makes no package."""
    (tmp_path / "x.fip").write_bytes((0xAA640001).to_bytes(4, "little") + b"\x11" * 60)
    done = image("verify", tmp_path / "x.fip")
    assert (done.returncode, words(done)) == (1, ["WRONG"])


def test_messages_are_verified_with_the_key_that_signed_them(
    messages: Path, stranger: Path
) -> None:
    """Good, changed, by another key, and not checked."""
    good, bad = messages / "tci.bin", messages / "bad.bin"
    for arguments, word in (
        (("--key", KEY, good), "good"),
        (("--key", stranger, "--key", KEY, good), "good"),
        (("--key", KEY, bad), "WRONG"),
        (("--key", stranger, good), "WRONG"),
        ((good,), "unchecked"),
        ((bad,), "unchecked"),
    ):
        done = image("verify", *arguments)
        assert (done.returncode, words(done)) == (0 if word == "good" else 1, [word])


def test_messages_of_pci_mode_need_krtl_which_is_never_shown(
    messages: Path, tmp_path: Path
) -> None:
    """Without it nothing is good; with one of another size it is one error."""
    path, krtl = messages / "pci.bin", messages / "krtl"
    without = image("verify", "--key", KEY, path)
    assert (without.returncode, words(without)) == (1, ["unchecked"])
    assert "--krtl" in without.stdout
    good = image("verify", "--key", KEY, "--krtl", krtl, path)
    assert (good.returncode, words(good)) == (0, ["good"])
    (tmp_path / "short").write_bytes(KRTL[:-1])
    short = image("verify", "--key", KEY, "--krtl", tmp_path / "short", path)
    assert (short.returncode, "expected 32 bytes, got 31" in short.stderr) == (2, True)
    for done in (good, short):
        assert KRTL.decode()[:8] not in done.stdout + done.stderr
        assert KRTL.hex()[:16] not in done.stdout + done.stderr


def test_check_looks_at_the_signature(messages: Path, tmp_path: Path) -> None:
    """What can be checked is, and what was not is said."""
    bad, good = messages / "bad.bin", messages / "tci.bin"
    wrong = image("check", "--key", KEY, bad)
    assert wrong.returncode == 1
    assert f"! {bad}: signature BAD" in wrong.stdout
    right = image("check", "--key", KEY, good)
    assert (right.returncode, "signature good" in right.stdout) == (0, True)
    without = image("check", bad)
    assert (without.returncode, "signature not checked" in without.stdout) == (0, True)
    assert "signature good" not in without.stdout
    (tmp_path / "cut.bin").write_bytes(good.read_bytes()[:900])
    cut = image("check", tmp_path / "cut.bin")
    assert (cut.returncode, "DAMAGED" in cut.stdout) == (1, True)


def test_a_key_file_that_is_none_is_named(messages: Path, tmp_path: Path) -> None:
    """One line with its path."""
    (tmp_path / "no.pem").write_bytes(b"no key")
    for action in ("verify", "check"):
        done = image(action, "--key", tmp_path / "no.pem", messages / "tci.bin")
        assert done.returncode == 2
        assert "no.pem" in done.stderr
