# SPDX-License-Identifier: Apache-2.0
"""What is right and wrong with a MCUboot image, whatever kind of key has signed it.

Unlike `verify_image`, which is BL2's yes or no for RSE images, this goes on after the first finding
and knows the other signature types that TF-M's platforms use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from hil.errors import ImageError
from hil.images.development_keys import development_key
from hil.images.mcuboot import McubootImage
from hil.images.mcuboot_tlvs import (
    FLAG_ENCRYPTED,
    FLAG_RAM_LOAD,
    HASHES,
    KEYHASH,
    PUBKEY,
    SEC_CNT,
    SIGNATURES,
)

#: What ends a slot whose image is to be tried, and the byte in the trailer that confirms it.
TRAILER_MAGIC = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
#: The confirmation stands this far before the end of the slot for writes of up to 8 bytes.
_IMAGE_OK_FROM_END = len(TRAILER_MAGIC) + 8
_RSA_SALT = 32
_MAX_SIGNATURES = 8


class Check(StrEnum):
    """Result of one check."""

    GOOD = "good"
    BAD = "BAD"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class ImageCheck:
    """Result of all checks of an image."""

    hash: Check
    signature: Check
    #: What signature was checked against, or why it was not.
    signature_by: str
    #: What deserves a second look though it boots; sentences.
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found to be wrong; says nothing of what was not checked."""
        return Check.BAD not in (self.hash, self.signature)


def image_key(image: McubootImage) -> tuple[bytes | None, bytes | None]:
    """Return the public key in an image and its hash, whichever of them it holds."""
    keys, hashes = image.all(PUBKEY), image.all(KEYHASH)
    return keys[0].value if keys else None, hashes[0].value if hashes else None


def check_image(data: bytes, image: McubootImage, key: bytes | None = None) -> ImageCheck:
    """Check hash and signature of an image, and look for what weakens it.

    Args:
        data: The whole file that the image was parsed from.
        image: Its structure.
        key: Content of a key file (PEM) that must have signed it; without one, the signature is
            checked against the public key in the image, which proves that it is whole, not who
            signed it.

    Raises:
        ImageError: the key file holds no key.
    """
    public = None if key is None else public_key(key)
    hashed, (signature, by) = _hash(data, image), _signature(data, image, public)
    return ImageCheck(hashed, signature, by, tuple(_warnings(data, image)))


def public_key(pem: bytes) -> bytes:
    """Return the public half of a PEM file, as DER SubjectPublicKeyInfo.

    Raises:
        ImageError: no unencrypted key in it.
    """
    try:
        if b"PRIVATE KEY" in pem:
            key = load_pem_private_key(pem, password=None).public_key()
        else:
            key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ImageError("key: expected a public or unencrypted private key (PEM)") from None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _hash(data: bytes, image: McubootImage) -> Check:
    if image.flags & FLAG_ENCRYPTED:
        return Check.NOT_CHECKED
    found = [tlv for tlv in image.tlvs if not tlv.protected and tlv.type in HASHES]
    signed = data[: image.signed_size]
    good = [tlv.value == hashlib.new(HASHES[tlv.type], signed).digest() for tlv in found[:8]]
    return Check.GOOD if good and all(good) else Check.BAD


def _signature(data: bytes, image: McubootImage, expected: bytes | None) -> tuple[Check, str]:
    """Return whether a signature is good, and against what."""
    if image.flags & FLAG_ENCRYPTED:
        return Check.NOT_CHECKED, "the image is encrypted; check the clear one"
    inside, inside_hash = image_key(image)
    if expected is not None and not _names(expected, inside, inside_hash):
        return Check.BAD, "signed by another key than the one given"
    key = expected or inside
    if key is None:
        return Check.NOT_CHECKED, "the image holds only the hash of its key; give the key (--key)"
    signatures = [t for t in image.tlvs if t.type in SIGNATURES and not t.protected]
    if not signatures:
        return Check.BAD, "there is no signature"
    loaded = _loaded(key)
    if loaded is None:
        return Check.BAD, "the key in the image is none"
    signed = data[: image.signed_size]
    good = any(_verifies(loaded, tlv.value, signed) for tlv in signatures[:_MAX_SIGNATURES])
    by = "the key given" if expected else "the public key in the image, whoever's it is"
    return (Check.GOOD if good else Check.BAD), by


def _names(key: bytes, inside: bytes | None, inside_hash: bytes | None) -> bool:
    """Return whether an image holds a key, or its hash."""
    loaded = _loaded(key)
    forms = [key]
    if isinstance(loaded, rsa.RSAPublicKey):
        forms.append(loaded.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    if inside is not None:
        return inside in forms
    # The hash is of the kind that the image's own hash is.
    algorithms = HASHES.values()
    digests = [hashlib.new(name, form).digest() for form in forms for name in algorithms]
    return inside_hash in digests


def _loaded(der: bytes) -> object | None:
    try:
        return load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _verifies(key: object, signature: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            algorithm: HashAlgorithm = SHA384() if key.key_size == 384 else SHA256()
            key.verify(signature, data, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(SHA256()), _RSA_SALT)
            key.verify(signature, data, pss, SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, hashlib.sha256(data).digest())
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _warnings(data: bytes, image: McubootImage) -> list[str]:
    """Return what a release manager wants to know of an image that verifies."""
    key, key_hash = image_key(image)
    found = []
    if (known := development_key(key=key, key_hash=key_hash)) is not None:
        found.append(f"development key {known.name}: anybody can sign with it")
    if key is None and key_hash is None:
        found.append("names no key: neither PUBKEY nor KEYHASH")
    if image.security_counter is None:
        where = "outside the protected TLVs" if image.all(SEC_CNT) else "missing"
        found.append(f"security counter {where}: nothing protects against rollback")
    elif image.security_counter == 0:
        found.append("security counter 0: it bars no older image")
    elif not image.flags & FLAG_RAM_LOAD and padding_of(data, image) == "padded, not confirmed":
        found.append(
            "padded but not confirmed: where images are swapped, BL2 raises the stored security "
            "counter only after the image has confirmed itself, so that rollback stays possible"
        )
    return found


def padding_of(data: bytes, image: McubootImage) -> str | None:
    """Return how imgtool padded a file to its slot, None if it did not."""
    if len(data) - image.end < len(TRAILER_MAGIC) or not data.endswith(TRAILER_MAGIC):
        return None
    confirmed = data[-_IMAGE_OK_FROM_END] == 1
    return "padded and confirmed" if confirmed else "padded, not confirmed"
