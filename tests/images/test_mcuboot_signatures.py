# SPDX-License-Identifier: Apache-2.0
"""Which signature of a MCUboot image counts, and in which ways an image names its key."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hil.errors import ImageError
from hil.images.mcuboot import parse_image
from hil.images.mcuboot_check import Check, ImageCheck, check_image
from hil.images.mcuboot_parts import Entry, ImageParts
from hil.images.mcuboot_tlvs import ECDSASIG, KEYHASH, KEYID, PUBKEY, RSA3072
from hil.images.mutant_rules import Loader, Verdict, loader_of
from hil.images.mutants import CATALOGUE, find_mutant
from hil.images.mutations import Material, NotApplicableError
from hil.images.signing import SignedImage
from hil.images.signing_key import SigningKey

#: TFM_S_KEY_ID and TFM_NS_KEY_ID.
S_KEY, NS_KEY = ((KEYID, number.to_bytes(4, "little")) for number in (2147451243, 2147451244))


def _parts(signed: SignedImage) -> ImageParts:
    return ImageParts.of(signed.path.read_bytes(), signed.image)


def _named(signed: SignedImage, *names: Entry) -> ImageParts:
    """The image with other TLVs in place of its PUBKEY."""
    parts = _parts(signed)
    at = [kind for kind, _value in parts.tlvs].index(PUBKEY)
    return replace(parts, tlvs=(*parts.tlvs[:at], *names, *parts.tlvs[at + 1 :]))


def _more(parts: ImageParts, *entries: Entry) -> ImageParts:
    return replace(parts, tlvs=parts.tlvs + entries)


def _entry(parts: ImageParts, wanted: int) -> Entry:
    return next(entry for entry in parts.tlvs if entry[0] == wanted)


def _broken(entry: Entry) -> Entry:
    kind, value = entry
    return kind, value[:-1] + bytes([value[-1] ^ 1])


def _check(parts: ImageParts, key: Path | None = None) -> ImageCheck:
    data = parts.build()
    return check_image(data, parse_image(data), key.read_bytes() if key else None)


def test_a_built_in_key_s_number_is_no_other_key(
    signed: SignedImage, dev_key_path: Path, other_key_path: Path
) -> None:
    """TF-M 2.3 with built-in keys: the image holds a number; only the right key verifies."""
    parts = _named(signed, S_KEY)
    good = _check(parts, dev_key_path)
    assert (good.hash, good.signature) == (Check.GOOD, Check.GOOD)
    assert "0x7fff816b" in good.signature_by
    assert _check(parts, other_key_path).signature is Check.BAD
    alone = _check(parts)
    assert alone.signature is Check.NOT_CHECKED
    assert "number of its key" in alone.signature_by
    assert not any("names no key" in text for text in alone.warnings)


def test_the_number_is_shown_by_its_name(signed: SignedImage) -> None:
    """The tag is 0x03."""
    data = _named(signed, S_KEY).build()
    assert b"\x03\x00\x04\x00\x6b\x81\xff\x7f" in data
    assert [t.name for t in parse_image(data).tlvs if not t.protected] == [
        "SHA256",
        "KEYID",
        "ECDSASIG",
    ]


def test_each_of_two_signatures_is_found_by_its_key(
    signed: SignedImage, dev_key_path: Path, other_key: SigningKey, other_key_path: Path
) -> None:
    """An image with two signers: either key finds its own, and says that there is another."""
    parts = _named(signed, S_KEY)
    theirs = _entry(_parts(signed).signed_by(other_key), ECDSASIG)
    both = _more(parts, NS_KEY, theirs)
    for path, number in ((dev_key_path, "0x7fff816b"), (other_key_path, "0x7fff816c")):
        check = _check(both, path)
        assert check.signature is Check.GOOD
        assert number in check.signature_by
        assert "other keys" in check.signature_by


def test_an_image_without_a_signature_is_wrong_whatever_is_given(
    signed: SignedImage, dev_key_path: Path
) -> None:
    """As imgtool writes it without a key: nothing is left to be checked."""
    parts = _parts(signed)
    bare = replace(parts, tlvs=parts.tlvs[:1])
    for path in (None, dev_key_path):
        check = _check(bare, path)
        assert (check.signature, check.signature_by) == (Check.BAD, "there is no signature")


@pytest.mark.parametrize("naming", [PUBKEY, KEYHASH, KEYID])
def test_of_several_signatures_by_a_key_the_last_counts(
    signed: SignedImage, dev_key: SigningKey, dev_key_path: Path, naming: int
) -> None:
    """As BL2 goes through them; one without a name before it is passed over."""
    names = {
        PUBKEY: (PUBKEY, dev_key.public.der),
        KEYHASH: (KEYHASH, dev_key.public.mcuboot_rotpk_hash),
        KEYID: S_KEY,
    }
    parts, name = _named(signed, names[naming]), names[naming]
    good = _entry(parts, ECDSASIG)
    wrong = _broken(good)
    assert _check(_more(parts, wrong), dev_key_path).signature is Check.GOOD
    assert _check(_more(parts, name, wrong), dev_key_path).signature is Check.BAD
    assert _check(_more(parts, name, wrong, name, good), dev_key_path).signature is Check.GOOD
    # BL2 for EC P-256 does not look at signatures of another kind.
    assert _check(_more(parts, name, (RSA3072, bytes(384))), dev_key_path).signature is Check.GOOD


def test_a_wrong_signature_behind_its_key_is_damage_without_a_key_too(signed: SignedImage) -> None:
    """Good and bad signature by the public keys in the image: it is not whole."""
    parts = _parts(signed)
    wrong = _more(parts, _entry(parts, PUBKEY), _broken(_entry(parts, ECDSASIG)))
    assert _check(wrong).signature is Check.BAD
    assert _check(_more(parts, _broken(_entry(parts, ECDSASIG)))).signature is Check.GOOD


def test_without_a_key_every_public_key_s_signature_must_be_right(
    signed: SignedImage, dev_key_path: Path, other_key: SigningKey
) -> None:
    """A second signer's is damaged: whoever trusts the first boots it, whole it is not."""
    parts = _parts(signed)
    theirs = parts.signed_by(other_key)
    name, signature = (_entry(theirs, kind) for kind in (PUBKEY, ECDSASIG))
    assert _check(_more(parts, name, signature)).signature is Check.GOOD
    damaged = _more(parts, name, _broken(signature))
    assert _check(damaged).signature is Check.BAD
    assert _check(damaged, dev_key_path).signature is Check.GOOD


def test_a_stranger_signs_in_his_own_name(signed: SignedImage, dev_key: SigningKey) -> None:
    """Only who has signed is wrong: the public key in the image is the one that verifies."""
    stranger = find_mutant("wrong-key")
    assert stranger is not None
    data = stranger.apply(Material(signed.path.read_bytes(), dev_key))
    image = parse_image(data)
    assert check_image(data, image).signature is Check.GOOD
    assert image.one(PUBKEY).value != dev_key.public.der


def test_a_key_with_no_name_in_the_image_is_not_good(
    signed: SignedImage, dev_key_path: Path
) -> None:
    """BL2 looks for the key of a signature by what names it."""
    nameless = _named(signed)
    check = _check(nameless, dev_key_path)
    assert check.signature is Check.BAD
    assert "names no key" in check.signature_by
    assert _check(nameless).signature is Check.NOT_CHECKED


@pytest.mark.parametrize(
    "row",
    [r.name for r in CATALOGUE if r.name.startswith(("second-", "tlv-pubkey", "tlv-sha", "wrong"))],
)
@pytest.mark.parametrize("naming", [PUBKEY, KEYID])
def test_the_check_with_a_key_agrees_with_the_catalogue(
    row: str, naming: int, signed: SignedImage, dev_key: SigningKey, dev_key_path: Path
) -> None:
    """What BL2 refuses for hash, key or signature is not called good, what it accepts is."""
    parts = _parts(signed) if naming == PUBKEY else replace(_named(signed, S_KEY), flags=0)
    good = parts.signed_by(dev_key).build()
    mutant = find_mutant(row)
    assert mutant is not None
    expected = mutant.expected(loader_of(parse_image(good)))
    try:
        damaged = mutant.apply(Material(good, dev_key))
        check = check_image(damaged, parse_image(damaged), dev_key_path.read_bytes())
    except NotApplicableError:
        other = "pubkey" if naming == KEYID else "keyid"
        assert other in row or row == "second-key-and-bad-signature"
        return
    except ImageError:
        assert expected is not None
        assert expected.verdict is Verdict.REFUSED
        return
    assert expected is not None
    is_good = (check.hash, check.signature) == (Check.GOOD, Check.GOOD)
    assert is_good is (expected.verdict is Verdict.ACCEPTED)


@pytest.mark.parametrize("name", [S_KEY, None])
def test_signed_again_an_image_names_its_key_as_before(
    signed: SignedImage, dev_key: SigningKey, dev_key_path: Path, name: Entry | None
) -> None:
    """A number stays, and no public key is added."""
    names = [name] if name else []
    good = _named(signed, *names)
    again = find_mutant("lower-counter")
    assert again is not None
    data = again.apply(Material(good.build(), dev_key))
    image = parse_image(data)
    assert [t.type for t in image.tlvs] == [t.type for t in parse_image(good.build()).tlvs]
    assert [(t.type, t.value) for t in image.tlvs if t.type == KEYID] == names
    if name:
        assert check_image(data, image, dev_key_path.read_bytes()).ok


def test_an_image_with_two_signers_is_not_signed_again_by_one(
    signed: SignedImage, dev_key: SigningKey
) -> None:
    """The other signature would be wrong, and hide what was to be tried."""
    parts = _named(signed, S_KEY)
    both = _more(parts, NS_KEY, _entry(parts, ECDSASIG))
    again = find_mutant("older-version")
    assert again is not None
    with pytest.raises(NotApplicableError, match="several signatures"):
        again.apply(Material(both.build(), dev_key))


@pytest.mark.parametrize(
    ("row", "verdicts"),
    [
        ("tlv-keyid-drop", ("None", "None", "refused by BL2")),
        ("tlv-keyid-flip", ("None", "None", "refused by BL2")),
        ("tlv-keyid-duplicate", ("None", "None", "accepted")),
        ("tlv-keyid-wrong-length", ("None", "None", "refused by BL2")),
        ("second-keyid-bad-signature", ("None", "None", "refused by BL2")),
        ("tlv-keyhash-flip", ("accepted", "accepted", "None")),
    ],
)
def test_built_in_keys_are_named_by_number_from_2_3_on(row: str, verdicts: tuple[str, ...]) -> None:
    """Up to 2.2 nothing reads a hash, and no image with a number boots; 2.3 wants the number."""
    mutant = find_mutant(row)
    assert mutant is not None
    for generation, verdict in zip(("2.1", "2.2", "2.3"), verdicts, strict=True):
        expected = mutant.expected(Loader.BUILTIN_BL2, generation=generation)
        assert str(expected) == verdict, generation


def _imgtool(*arguments: object) -> None:
    command = [sys.executable, "-m", "imgtool.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def _signed_by_imgtool(folder: Path, key: Path, *options: object) -> bytes:
    source, signed = folder / "in.bin", folder / "out.bin"
    source.write_bytes(bytes(range(256)) * 4)
    _imgtool("sign", "-k", key, "--public-key-format", "full", "--align", 1, "-v", "1.2.3",
             "-H", "0x400", "--pad-header", "-S", "0x10000", *options, source, signed)  # fmt: skip
    return signed.read_bytes()


@pytest.mark.parametrize("options", [("--pure",), ("--sha", "512")], ids=str)
def test_ed25519_is_checked_as_imgtool_signs_it(options: tuple[str, ...], tmp_path: Path) -> None:
    """Over the image itself, or over the digest that the image holds."""
    key = tmp_path / "ed.pem"
    _imgtool("keygen", "-k", key, "-t", "ed25519")
    data = _signed_by_imgtool(tmp_path, key, *options)
    check = check_image(data, parse_image(data), key.read_bytes())
    assert (check.hash, check.signature) == (Check.GOOD, Check.GOOD)
    changed = data.replace(bytes(range(256)), bytes(256), 1)
    bad = check_image(changed, parse_image(changed), key.read_bytes())
    assert (bad.hash, bad.signature) == (Check.BAD, Check.BAD)


def test_an_encrypted_image_in_the_clear_is_checked(tmp_path: Path, dev_key_path: Path) -> None:
    """What imgtool --clear writes is what hash and signature are of; encrypted, it is not checked."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = tmp_path / "enc.pem"
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    clear = _signed_by_imgtool(tmp_path, dev_key_path, "-E", pem, "--clear")
    check = check_image(clear, parse_image(clear), dev_key_path.read_bytes())
    assert (check.hash, check.signature) == (Check.GOOD, Check.GOOD)
    assert any("--clear" in text for text in check.warnings)
    hidden = _signed_by_imgtool(tmp_path, dev_key_path, "-E", pem)
    check = check_image(hidden, parse_image(hidden), dev_key_path.read_bytes())
    assert (check.hash, check.signature) == (Check.NOT_CHECKED, Check.NOT_CHECKED)


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384"])
def test_zeros_behind_a_signature_are_not_of_it(kind: str, tmp_path: Path) -> None:
    """`imgtool sign --pad-sig` gives all signatures one length; neither it nor BL2 reads the rest."""
    key = tmp_path / "key.pem"
    _imgtool("keygen", "-k", key, "-t", kind)
    data = _signed_by_imgtool(tmp_path, key)
    parts = ImageParts.of(data, parse_image(data))
    tlvs = tuple((k, v + bytes(2) if k == ECDSASIG else v) for k, v in parts.tlvs)
    padded = replace(parts, tlvs=tlvs).build()
    (tmp_path / "padded.bin").write_bytes(padded)
    _imgtool("verify", "-k", key, tmp_path / "padded.bin")
    check = check_image(padded, parse_image(padded), key.read_bytes())
    assert (check.hash, check.signature) == (Check.GOOD, Check.GOOD)
    bad = padded[:-6] + bytes([padded[-6] ^ 1]) + padded[-5:]
    assert check_image(bad, parse_image(bad), key.read_bytes()).signature is Check.BAD
    last = find_mutant("last-byte")
    assert last is not None
    damaged = last.apply(Material(padded))
    assert check_image(damaged, parse_image(damaged), key.read_bytes()).signature is Check.BAD
