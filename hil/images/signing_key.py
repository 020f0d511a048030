# SPDX-License-Identifier: Apache-2.0
"""EC P-256 keys as the formats on an RSE want them: raw signatures, bare points, DER keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from hil.errors import ImageError
from hil.images.files import read_bounded

#: Bytes of a raw signature r||s and of a bare point X||Y.
RAW_SIZE = 64
_MAX_KEY_FILE = 64 * 1024


@dataclass(frozen=True)
class PublicKey:
    """The public half of an EC P-256 key."""

    _key: ec.EllipticCurvePublicKey

    @property
    def der(self) -> bytes:
        """The key as DER SubjectPublicKeyInfo: the PUBKEY TLV of a MCUboot image."""
        return self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def point(self) -> bytes:
        """The point X||Y without the leading 04: the rotpk of a BL2 image, the ROM's key."""
        return self._key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    @property
    def mcuboot_rotpk_hash(self) -> bytes:
        """What the OTP holds to trust this key for MCUboot images."""
        return hashlib.sha256(self.der).digest()

    @property
    def bl2_rotpk_hash(self) -> bytes:
        """What the OTP holds to trust this key for the BL2 image."""
        return hashlib.sha256(self.point).digest()

    def verifies_der(self, signature: bytes, data: bytes) -> bool:
        """Return whether a DER signature over SHA-256 of the data is by this key."""
        try:
            self._key.verify(signature, data, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def verifies_raw(self, signature: bytes, data: bytes) -> bool:
        """Return whether a raw signature r||s over SHA-256 of the data is by this key."""
        if len(signature) != RAW_SIZE:
            return False
        r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
        return self.verifies_der(encode_dss_signature(r, s), data)

    @classmethod
    def from_der(cls, der: bytes) -> PublicKey:
        """Return the key of a DER SubjectPublicKeyInfo.

        Raises:
            ImageError: it is none, or not of EC P-256.
        """
        try:
            key = load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm):
            raise ImageError("expected a public key (DER SubjectPublicKeyInfo)") from None
        return cls(_p256_public(key, None))

    @classmethod
    def from_point(cls, point: bytes) -> PublicKey:
        """Return the key of a bare point X||Y.

        Raises:
            ImageError: no point of P-256.
        """
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
        except ValueError:
            raise ImageError("expected a point X||Y of P-256 (64 bytes)") from None
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """Read a PEM file, public or private.

        Raises:
            ImageError: no such file, or no unencrypted EC P-256 key in it.
        """
        data = read_bounded(path, _MAX_KEY_FILE, "key")
        if b"PRIVATE KEY" in data:
            return SigningKey.load(path).public
        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm):
            raise ImageError("expected a public or private key (PEM)", path=path) from None
        return cls(_p256_public(key, path))


@dataclass(frozen=True)
class SigningKey:
    """A private EC P-256 key; never shows itself."""

    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self._key.public_key())

    def sign_raw(self, data: bytes) -> bytes:
        """Return the raw signature r||s over SHA-256 of the data."""
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign_der(self, data: bytes) -> bytes:
        """Return the DER signature over SHA-256 of the data: the ECDSASIG TLV of MCUboot images."""
        return self._key.sign(data, ec.ECDSA(SHA256()))

    @classmethod
    def fresh(cls) -> SigningKey:
        """Return a key that nobody trusts."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read a PEM file.

        Raises:
            ImageError: no such file, or no unencrypted private EC P-256 key in it.
        """
        data = read_bounded(path, _MAX_KEY_FILE, "key")
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ImageError("expected an unencrypted private key (PEM)", path=path) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ImageError("expected a key of EC P-256", path=path)
        return cls(key)


def _p256_public(key: object, path: Path | None) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ImageError("expected a key of EC P-256", path=path)
    return key
