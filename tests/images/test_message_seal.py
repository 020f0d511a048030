# SPDX-License-Identifier: Apache-2.0
"""Tags and signatures of provisioning messages, with the keys that were given and without them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hil.images.mcuboot_check import Check
from hil.images.message_seal import SealKeys, check_seal, point_of, seal_name
from hil.model.kdf import kdf
from hil.model.provisioning_fields import (
    BlobType,
    Metadata,
    Purpose,
    RequiredTp,
    Signature,
    ValidLcs,
    ValuesProtection,
)
from hil.model.provisioning_message import AuthHeader, parse
from hil.model.provisioning_seal import Parts, seal
from hil.model.releases import release_for
from hil.model.secret import Secret

RELEASE = release_for("2.3.1")
KRTL = Secret(b"R" * 32)
P256, P384 = ec.SECP256R1(), ec.SECP384R1()
KEYS = {curve.name: ec.derive_private_key(0x5EED, curve) for curve in (P256, P384)}
DM = Purpose(BlobType.SINGLE_LCS, valid_lcs=ValidLcs.DM)
CM = Purpose(BlobType.SINGLE_LCS, valid_lcs=ValidLcs.CM)
PCI = Purpose(tp_mode=RequiredTp.PCI)
TAG = Metadata(signature=Signature.KRTL_DERIVATIVE)
NOT_IN_ROM = Metadata(signature=Signature.ROTPK_NOT_IN_ROM)


@dataclass(frozen=True)
class Curve:
    """A curve that messages are signed with."""

    name: str
    half: int

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs."""
        return KEYS[self.name]

    @property
    def point(self) -> bytes:
        """Its X and Y."""
        public = self.key.public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    def sign(self, data: bytes) -> bytes:
        """R and s."""
        digest = SHA256() if self.half == 32 else SHA384()
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(self.half, "big") + s.to_bytes(self.half, "big")


SMALL, LARGE = Curve("secp256r1", 32), Curve("secp384r1", 48)


def _provisioning_key(owner: Literal["CM", "DM"], number: int, root: bytes) -> bytes:
    """By the derivation of TF-M's scripts."""
    master = kdf(root, f"KMASTER_{owner}\0".encode(), struct.pack("<I", number))
    return kdf(master, f"KPROV_{owner}\0".encode(), b"")


def _built(
    metadata: Metadata | None = None, purpose: Purpose | None = None, curve: Curve = SMALL
) -> bytes:
    made = AuthHeader(
        metadata=metadata or Metadata(),
        purpose=purpose or Purpose(),
        iv=b"8 bytes.",
        batch_id=3,
        dm_number=9,
        public_key=curve.point.ljust(96, b"\0") if metadata is NOT_IN_ROM else bytes(96),
    )
    root = KRTL if made.purpose.tp_mode is RequiredTp.PCI else bytes(32)
    dm = purpose is DM
    key = _provisioning_key("DM" if dm else "CM", 9 if dm else 3, root)
    parts = Parts(b"code" * 4, b"data" * 8, Secret(b"guk." * 40))
    return seal(made, parts, key=key, sign=curve.sign).build()


def _check(data: bytes, **keys: object) -> tuple[Check, str]:
    return check_seal(parse(data), SealKeys(**keys), RELEASE)  # type: ignore[arg-type]


def _flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("purpose", [None, CM, DM], ids=["combined", "CM", "DM"])
def test_in_tci_mode_everybody_has_the_key_of_the_tag(purpose: Purpose | None) -> None:
    """Nothing need be given; the message of the device manufacturer has its own number."""
    data = _built(TAG, purpose)
    assert seal_name(parse(data)) == "tag"
    assert _check(data) == (Check.GOOD, "the provisioning key of TP mode TCI")
    for at in (8 + 4, 8 + 132, 8 + 248, len(data) - 1):
        assert _check(_flip(data, at))[0] is Check.BAD


def test_in_pci_mode_krtl_is_needed() -> None:
    """Without it nothing is said to be good, and what is missing is named."""
    data = _built(TAG, PCI)
    result, why = _check(data)
    assert result is Check.NOT_CHECKED
    assert "--krtl" in why
    assert _check(data, krtl=KRTL)[0] is Check.GOOD
    assert _check(data, krtl=Secret(b"r" * 32))[0] is Check.BAD
    assert _check(_flip(data, 8 + 250), krtl=KRTL)[0] is Check.BAD


@pytest.mark.parametrize("curve", [SMALL, LARGE], ids=["P-256", "P-384"])
@pytest.mark.parametrize("purpose", [None, DM], ids=["combined", "DM"])
def test_a_signature_is_checked_with_the_key_given(curve: Curve, purpose: Purpose | None) -> None:
    """Right key, another key, any change; without the key it is not checked."""
    data = _built(purpose=purpose, curve=curve)
    result, why = _check(data)
    assert result is Check.NOT_CHECKED
    assert "--key" in why
    assert _check(data, points=(curve.point,)) == (Check.GOOD, "the key given")
    other = ec.generate_private_key(curve.key.curve).public_key()
    stranger = other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    assert _check(data, points=(stranger,))[0] is Check.BAD
    assert _check(data, points=(stranger, curve.point))[0] is Check.GOOD
    for at in (8 + 4, 8 + 108, 8 + 248, len(data) - 1):
        assert _check(_flip(data, at), points=(curve.point,))[0] is Check.BAD


def test_a_signed_message_of_pci_mode_needs_both() -> None:
    """The signature covers the secret values in the clear."""
    data = _built(purpose=PCI)
    result, why = _check(data, points=(SMALL.point,))
    assert (result, "--krtl" in why) == (Check.NOT_CHECKED, True)
    assert _check(data, points=(SMALL.point,), krtl=KRTL)[0] is Check.GOOD
    assert _check(data, krtl=KRTL)[0] is Check.NOT_CHECKED


def test_without_secrets_no_krtl_is_needed() -> None:
    """Nothing is encrypted, so that the signature covers what stands there."""
    data = _built(Metadata(values=ValuesProtection.PLAIN), PCI)
    assert _check(data, points=(SMALL.point,))[0] is Check.GOOD


@pytest.mark.parametrize("curve", [SMALL, LARGE], ids=["P-256", "P-384"])
def test_a_key_in_the_message_says_only_that_it_is_whole(curve: Curve) -> None:
    """Whoever's it is; a key that was given must be that one."""
    data = _built(NOT_IN_ROM, curve=curve)
    result, why = _check(data)
    assert result is Check.GOOD
    assert "whoever's it is" in why
    assert _check(data, points=(curve.point,)) == (Check.GOOD, "the key given")
    result, why = _check(data, points=(bytes(len(curve.point)),))
    assert (result, "another key" in why) == (Check.BAD, True)
    assert _check(_flip(data, 8 + 250))[0] is Check.BAD


def test_a_message_without_a_signature_is_wrong() -> None:
    """BL1_1 takes none."""
    assert _check(_built(Metadata(signature=Signature.NONE)))[0] is Check.BAD


def test_a_tp_mode_without_a_key_is_not_checked() -> None:
    """No chip derives a key for it."""
    data = bytearray(_built(TAG))
    data[8 + 105] &= ~6
    result, why = _check(bytes(data))
    assert (result, "VIRGIN" in why) == (Check.NOT_CHECKED, True)


def test_key_files_of_both_curves_are_taken() -> None:
    """Private or public; a key of another kind signs no messages."""
    for curve in (SMALL, LARGE):
        pem = curve.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert point_of(pem) == curve.point
        public = curve.key.public_key()
        assert point_of(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)) == (
            curve.point
        )
    other = ec.generate_private_key(ec.SECP521R1())
    assert point_of(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())) is None


def test_keys_do_not_show_themselves() -> None:
    """KRTL stands in no error and no log."""
    assert "R" * 32 not in repr(SealKeys(krtl=KRTL))
    assert KRTL.hex() not in repr(SealKeys(krtl=KRTL))
