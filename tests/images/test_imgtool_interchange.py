# SPDX-License-Identifier: Apache-2.0
"""What imgtool writes is understood here, and what is put together here imgtool accepts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hil.errors import ImageError, UsageError
from hil.images.files import read_bounded
from hil.images.mcuboot import Version, load_image, parse_image
from hil.images.mcuboot_check import Check, check_image, padding_of
from hil.images.mcuboot_parts import ImageParts
from hil.images.mutant_rules import Loader, loader_of
from hil.images.mutants import find_mutant
from hil.images.mutations import Material
from hil.images.sign_profiles import SIGN_PROFILES, SignProfile, sign_profile
from hil.images.signing import SignedImage, sign
from hil.images.signing_key import SigningKey

KINDS = ("ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "ed25519")


def _imgtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imgtool.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["full", "hash"])
def test_signatures_of_every_kind_are_checked(kind: str, form: str, tmp_path: Path) -> None:
    """Key and image by imgtool: good with the key, bad when one byte is changed."""
    key, source, signed = (tmp_path / name for name in ("key.pem", "in.bin", "out.bin"))
    source.write_bytes(bytes(range(256)) * 4)
    assert _imgtool("keygen", "-k", key, "-t", kind).returncode == 0
    options = ["-k", key, "--public-key-format", form, "--align", 1, "-v", "1.2.3", "-s", 7]
    options += ["-H", "0x400", "--pad-header", "-S", "0x10000", "--boot-record", "SPE"]
    done = _imgtool("sign", *options, source, signed)
    assert done.returncode == 0, done.stderr
    data, pem = signed.read_bytes(), key.read_bytes()
    good = check_image(data, parse_image(data), pem)
    assert (good.hash, good.signature) == (Check.GOOD, Check.GOOD)
    alone = check_image(data, parse_image(data))
    assert alone.signature is (Check.GOOD if form == "full" else Check.NOT_CHECKED)
    changed = data.replace(bytes(range(256)), bytes(256), 1)
    bad = check_image(changed, parse_image(changed), pem)
    assert (bad.hash, bad.signature) == (Check.BAD, Check.BAD)


def test_without_a_key_the_check_says_what_it_did_not_do(
    tmp_path: Path, dev_key_path: Path
) -> None:
    """Only the hash of the key in the image: the signature is not checked, and that is said."""
    source, signed = tmp_path / "in.bin", tmp_path / "out.bin"
    source.write_bytes(bytes(500))
    _imgtool("sign", "-k", dev_key_path, "--align", 1, "-v", "1.0.0", "-s", 1, "-H", "0x400",
             "--pad-header", "-S", "0x10000", source, signed)  # fmt: skip
    data = signed.read_bytes()
    check = check_image(data, parse_image(data))
    assert (check.hash, check.signature) == (Check.GOOD, Check.NOT_CHECKED)
    assert "--key" in check.signature_by


def test_a_stranger_s_key_is_wrong(signed: SignedImage, other_key_path: Path) -> None:
    """Signed properly, by another key than the one given."""
    data = signed.path.read_bytes()
    check = check_image(data, signed.image, other_key_path.read_bytes())
    assert (check.hash, check.signature) == (Check.GOOD, Check.BAD)
    assert not check.ok


def test_a_key_file_that_is_none_is_one_error(signed: SignedImage) -> None:
    """The error says what was expected."""
    with pytest.raises(ImageError, match="PEM"):
        check_image(signed.path.read_bytes(), signed.image, b"no key")


def test_parts_put_together_give_the_same_bytes(signed: SignedImage) -> None:
    """Taking an image apart loses nothing."""
    data = signed.path.read_bytes() + b"\xff" * 64
    assert ImageParts.of(data, parse_image(data)).build() == data


def test_imgtool_accepts_what_is_signed_here(
    signed: SignedImage, dev_key: SigningKey, dev_key_path: Path, tmp_path: Path
) -> None:
    """Changed, signed again with the same key: imgtool verifies it and shows what was changed."""
    parts = ImageParts.of(signed.path.read_bytes(), signed.image)
    path = tmp_path / "again.bin"
    path.write_bytes(replace(parts, version=Version(9, 8, 7, 6)).signed_by(dev_key).build())
    done = _imgtool("verify", "-k", dev_key_path, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9.8.7+6" in done.stdout
    assert load_image(path, dev_key.public).version == Version(9, 8, 7, 6)


def test_images_with_the_hash_of_their_key_are_signed_again_too(
    dev_key_path: Path, dev_key: SigningKey, tmp_path: Path
) -> None:
    """As an521 and Musca have them: KEYHASH stays KEYHASH, and a stranger's row names the stranger."""
    source, signed, again = (tmp_path / name for name in ("in.bin", "out.bin", "again.bin"))
    source.write_bytes(bytes(500))
    _imgtool("sign", "-k", dev_key_path, "--align", 1, "-v", "1.0.0", "-s", 5, "-H", "0x400",
             "--pad-header", "-S", "0x10000", source, signed)  # fmt: skip
    material = Material(signed.read_bytes(), dev_key)
    for name, verifies in (("lower-counter", True), ("wrong-key", False)):
        mutant = find_mutant(name)
        assert mutant is not None
        again.write_bytes(mutant.apply(material))
        image = load_image(again)
        assert [tlv.name for tlv in image.tlvs] == ["SEC_CNT", "SHA256", "KEYHASH", "ECDSASIG"]
        assert (_imgtool("verify", "-k", dev_key_path, again).returncode == 0) is verifies
        assert loader_of(image) is Loader.BUILTIN_BL2


@pytest.mark.parametrize("profile", SIGN_PROFILES, ids=lambda p: p.name)
def test_every_profile_signs_what_imgtool_verifies(
    profile: SignProfile, dev_key_path: Path, tmp_path: Path
) -> None:
    """Load address, header and padding of the row are in the image."""
    payload = tmp_path / "payload.bin"
    payload.write_bytes(bytes(700))
    made = sign(payload, profile.recipe(dev_key_path), tmp_path / "cache")
    data = read_bounded(made.path)
    assert _imgtool("verify", "-k", dev_key_path, made.path).returncode == 0
    assert made.image.load_address == profile.load_address
    assert made.image.header_size == profile.header_size
    assert (padding_of(data, made.image) is not None) is profile.pad
    assert len(data) == profile.slot_size or not profile.pad


def test_load_addresses_follow_the_release() -> None:
    """TF-M S of rdv3 moved from the beginning of VM0 to the end of VM1."""
    recipe = sign_profile("rdv3-s").recipe
    assert recipe(Path("k"), release="2.2.2").load_address == 0x31000000
    assert recipe(Path("k"), release="2.3.1").load_address == 0x3109F400
    assert recipe(Path("k"), load_address=0x1234).load_address == 0x1234


def test_an_unknown_profile_names_the_nearest() -> None:
    """A typing error is answered with what was meant."""
    with pytest.raises(UsageError, match="did you mean 'rdv3-scp'"):
        sign_profile("rdv3-scpp")


@pytest.mark.parametrize("row", ["tlv-sha256-drop", "tlv-sha256-truncate", "tlv-sha256-duplicate"])
def test_what_follows_the_padding_of_an_image_stays_where_it_is(
    row: str, tmp_path: Path, dev_key_path: Path
) -> None:
    """A joined secure and non-secure image keeps its second one in place when TLVs come and go."""
    source, signed = tmp_path / "in.bin", tmp_path / "out.bin"
    source.write_bytes(bytes(500))
    _imgtool("sign", "-k", dev_key_path, "--align", 1, "-v", "1.0.0", "-s", 1, "-H", "0x400",
             "--pad-header", "-S", "0x2000", source, signed)  # fmt: skip
    secure = signed.read_bytes()
    joined = secure + b"\xff" * (0x2000 - len(secure)) + b"NON-SECURE"
    changed = find_mutant(row).apply(Material(joined))
    assert changed != joined
    assert len(changed) == len(joined)
    assert changed[0x2000:] == b"NON-SECURE"
