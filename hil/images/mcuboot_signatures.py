# SPDX-License-Identifier: Apache-2.0
"""Signatures of a MCUboot image: which of them counts, and whether it verifies.

A boot loader goes through the TLVs in order. One that names a key it trusts makes the next signature
of the kind it is built for count; signatures without such a name before them are passed over, and of
several that count the last one decides. Where an image names no key, the first signature is checked
with the key that is built in. Source: MCUboot image_validate.c.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from hil.images.mcuboot import McubootImage, Tlv
from hil.images.mcuboot_tlvs import (
    ECDSASIG,
    ED25519,
    HASHES,
    KEY_NAMES,
    KEYID,
    PUBKEY,
    RSA2048,
    RSA3072,
    SIG_PURE,
    SIGNATURES,
)

_RSA_SALT = 32
_RSA_KINDS = {2048: RSA2048, 3072: RSA3072}


class Digests:
    """Digests of what the hash and the signatures of an image cover, each computed once.

    Args:
        data: The whole file.
        image: Its structure.
    """

    def __init__(self, data: bytes, image: McubootImage) -> None:
        self.signed = data[: image.signed_size]
        self._found: dict[str, bytes] = {}

    def of(self, algorithm: str) -> bytes:
        """Return the digest by an algorithm that `hashlib` knows."""
        if algorithm not in self._found:
            self._found[algorithm] = hashlib.new(algorithm, self.signed).digest()
        return self._found[algorithm]


def is_signed(image: McubootImage) -> bool:
    """Return whether there is any signature."""
    return any(tlv.type in SIGNATURES for tlv in image.tlvs)


def key_naming(image: McubootImage) -> int | None:
    """Return the type of the TLVs that name a key, None where an image names none."""
    return next((kind for kind in KEY_NAMES if any(t.type == kind for t in image.tlvs)), None)


def named_keys(image: McubootImage) -> list[bytes]:
    """Return what names a key in an image, each once, in order."""
    naming = key_naming(image)
    return list(dict.fromkeys(tlv.value for tlv in image.tlvs if tlv.type == naming))


def names_of(der: bytes, image: McubootImage) -> frozenset[bytes]:
    """Return by what an image may name a key; any number that it has may be the key's."""
    naming, forms = key_naming(image), [der]
    if naming == KEYID:
        return frozenset(named_keys(image))
    loaded = _loaded(der)
    if isinstance(loaded, rsa.RSAPublicKey):
        forms.append(loaded.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    if naming == PUBKEY:
        return frozenset(forms)
    # The hash is of the kind that the image's own hash is.
    return frozenset(hashlib.new(name, form).digest() for form in forms for name in HASHES.values())


def verifies(der: bytes, names: frozenset[bytes], image: McubootImage, digests: Digests) -> bool:
    """Return whether the signature that counts for a key verifies.

    Args:
        der: The key, DER SubjectPublicKeyInfo or (RSA) PKCS#1.
        names: What names it in the image; no matter where the image names no key.
        image: The image.
        digests: Of its content.
    """
    key = _loaded(der)
    kind = _signature_kind(key)
    counts = _counting(image, kind, names) if kind is not None else None
    return counts is not None and _verifies(key, counts.value, image, digests)


def is_key(der: bytes) -> bool:
    """Return whether bytes are a public key of a kind that signs images."""
    return _signature_kind(_loaded(der)) is not None


def _counting(image: McubootImage, kind: int, names: frozenset[bytes]) -> Tlv | None:
    """Return the signature that decides for whoever trusts a key, None if there is none."""
    naming = key_naming(image)
    # Without a name in the image, the key is the one of the first signature.
    trusted, found = naming is None, None
    for tlv in image.tlvs:
        if tlv.type == naming:
            trusted = tlv.value in names
        elif tlv.type == kind:
            found = tlv if trusted else found
            trusted = False
    return found


def _loaded(der: bytes) -> object | None:
    try:
        return load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _signature_kind(key: object) -> int | None:
    """Return the TLV of the signatures by a key, None for a key that signs no images."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ECDSASIG
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA_KINDS.get(key.key_size)
    return ED25519 if isinstance(key, ed25519.Ed25519PublicKey) else None


def _verifies(key: object, signature: bytes, image: McubootImage, digests: Digests) -> bool:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            algorithm: HashAlgorithm = SHA384() if key.key_size == 384 else SHA256()
            digest = digests.of(algorithm.name)
            key.verify(der_sequence(signature), digest, ec.ECDSA(Prehashed(algorithm)))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(SHA256()), _RSA_SALT)
            key.verify(signature, digests.of("sha256"), pss, Prehashed(SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, _ed25519_message(image, digests))
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def der_sequence(signature: bytes) -> bytes:
    """Return an ECDSA signature without what follows it: `imgtool --pad-sig` appends zeros.

    Neither BL2 nor imgtool reads that; sequences of all curves here have a length of one byte.
    """
    return signature[: signature[1] + 2] if len(signature) > 1 else signature


def _ed25519_message(image: McubootImage, digests: Digests) -> bytes:
    """Return what is signed: the image itself or its digest, of the kind that the image holds."""
    if any(tlv.type == SIG_PURE for tlv in image.tlvs):
        return digests.signed
    held = (HASHES[tlv.type] for tlv in image.tlvs if tlv.type in HASHES)
    return digests.of(next(held, "sha256"))
