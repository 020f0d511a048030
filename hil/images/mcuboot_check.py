# SPDX-License-Identifier: Apache-2.0
"""What is right and wrong with a MCUboot image, whatever kind of key has signed it.

Unlike `verify_image`, which is BL2's yes or no for RSE images, this goes on after the first finding
and knows the other signature types that TF-M's platforms use.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hil.errors import ImageError
from hil.images.development_keys import development_key
from hil.images.mcuboot import TRAILER_MAGIC, McubootImage
from hil.images.mcuboot_signatures import (
    Digests,
    is_key,
    is_signed,
    key_naming,
    named_keys,
    names_of,
    verifies,
)
from hil.images.mcuboot_tlvs import (
    FLAG_ENCRYPTED,
    FLAG_RAM_LOAD,
    HASHES,
    KEYHASH,
    KEYID,
    PUBKEY,
    SEC_CNT,
    SIG_PURE,
)

#: The byte that confirms an image stands this far before the end of the slot, for writes of up to 8
#: bytes.
_IMAGE_OK_FROM_END = len(TRAILER_MAGIC) + 8
#: What an image has that does not hold the public key, by the TLV that names it.
_HOLDS = {
    KEYHASH: "the image holds only the hash of its key",
    KEYID: "the image holds only the number of its key",
    None: "the image names no key",
}
_CLEAR = (
    "in the clear though flagged as encrypted (imgtool --clear): where images are loaded to RAM, "
    "BL2 decrypts what is not encrypted and refuses it"
)


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
    public, digests = None if key is None else public_key(key), Digests(data, image)
    hashed = _hash(image, digests)
    warnings = _warnings(data, image)
    if image.flags & FLAG_ENCRYPTED:
        # Hash and signature are of the clear image, which imgtool --clear writes with the flag set.
        if hashed is not Check.GOOD:
            by = "the image is encrypted; check the clear one"
            return ImageCheck(Check.NOT_CHECKED, Check.NOT_CHECKED, by, tuple(warnings))
        warnings.append(_CLEAR)
    signature, by = _signature(image, digests, public)
    return ImageCheck(hashed, signature, by, tuple(warnings))


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


def _hash(image: McubootImage, digests: Digests) -> Check:
    found = [tlv for tlv in image.tlvs if not tlv.protected and tlv.type in HASHES]
    if not found and image.all(SIG_PURE):
        # The signature alone covers it.
        return Check.NOT_CHECKED
    good = [tlv.value == digests.of(HASHES[tlv.type]) for tlv in found]
    return Check.GOOD if good and all(good) else Check.BAD


def _signature(image: McubootImage, digests: Digests, expected: bytes | None) -> tuple[Check, str]:
    """Return whether the signature is good, and against what."""
    naming, named = key_naming(image), named_keys(image)
    if not is_signed(image):
        return Check.BAD, "there is no signature"
    if expected is None:
        if naming != PUBKEY:
            return Check.NOT_CHECKED, f"{_HOLDS[naming]}; give the key (--key)"
        if not all(map(is_key, named)):
            return Check.BAD, "the key in the image is none"
        # Whoever trusts several of them takes the last; a wrong one is damage for all.
        good = all(verifies(der, frozenset({der}), image, digests) for der in named)
        by = "the public key in the image, whoever's it is"
        return (Check.GOOD if good else Check.BAD), by
    names, by = names_of(expected, image), "the key given"
    if naming is not None and names.isdisjoint(named):
        return Check.BAD, "signed by another key than the one given"
    if naming == KEYID:
        # Which number is the key's, only the device knows.
        signs = (name for name in named if verifies(expected, frozenset({name}), image, digests))
        number = next(signs, None)
        good = number is not None
        by += f", in the image number {int.from_bytes(number or b'', 'little'):#x}" if good else ""
    else:
        good = verifies(expected, names, image, digests)
    if good and naming is None:
        return Check.BAD, "by the key given, but the image names no key: BL2 looks for none"
    if good and len(named) > 1:
        by += "; it names other keys too, whose signatures are not checked"
    return (Check.GOOD if good else Check.BAD), by


def _warnings(data: bytes, image: McubootImage) -> list[str]:
    """Return what a release manager wants to know of an image that verifies."""
    key, key_hash = image_key(image)
    found = []
    if (known := development_key(key=key, key_hash=key_hash)) is not None:
        found.append(f"development key {known.name}: anybody can sign with it")
    if key_naming(image) is None:
        found.append("names no key: neither PUBKEY, KEYHASH nor KEYID")
    if image.security_counter is None:
        where = "outside the protected TLVs" if image.all(SEC_CNT) else "missing"
        found.append(
            f"security counter {where}: nothing protects against rollback, and BL2 refuses it where it "
            "is built with MCUBOOT_HW_ROLLBACK_PROT, TF-M's default"
        )
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
