# SPDX-License-Identifier: Apache-2.0
"""MCUboot images taken apart and put together again, also in ways that no signing tool would.

Images for devices are signed by imgtool (`hil.images.signing`); this is for images that a boot must
refuse, and says of each what was changed and what was made right again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from hil.images.mcuboot import (
    HEADER,
    MAGIC,
    PROTECTED_TLV_MAGIC,
    TLV_HEAD,
    TLV_MAGIC,
    McubootImage,
    Version,
)
from hil.images.mcuboot_tlvs import ECDSASIG, KEYHASH, PUBKEY, SHA256
from hil.images.signing_key import SigningKey

#: imgtool fills a slot with what erased flash reads as.
_PADDING = b"\xff"

#: Type and value.
Entry = tuple[int, bytes]


@dataclass(frozen=True)
class ImageParts:
    """Everything that an image is made of; lengths follow from it."""

    load_address: int
    flags: int
    version: Version
    #: What stands between the header's fields and the payload.
    header_padding: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    protected: tuple[Entry, ...]
    tlvs: tuple[Entry, ...]
    #: What follows the image in the file: padding and trailer of the slot, or another image.
    rest: bytes = field(default=b"", repr=False)
    #: Offset at which that stood; what is behind the padding stays where it is.
    rest_at: int = 0

    @classmethod
    def of(cls, data: bytes, image: McubootImage) -> ImageParts:
        """Take an image apart."""
        return cls(
            image.load_address,
            image.flags,
            image.version,
            data[HEADER.size : image.header_size],
            data[image.header_size :][: image.image_size],
            tuple((tlv.type, tlv.value) for tlv in image.tlvs if tlv.protected),
            tuple((tlv.type, tlv.value) for tlv in image.tlvs if not tlv.protected),
            data[image.end :],
            image.end,
        )

    def build(self) -> bytes:
        """Put it together; hash and signature stay what they are."""
        image = self._signed() + _area(TLV_MAGIC, self.tlvs)
        moved = len(image) - self.rest_at
        if moved <= 0:
            return image + (_PADDING * -moved + self.rest if self.rest else b"")
        padding = self.rest[:moved]
        return image + self.rest[moved if padding == _PADDING * len(padding) else 0 :]

    def signed_by(self, key: SigningKey) -> ImageParts:
        """Return the parts with hash and signature made right by a key.

        The image goes on naming its key in its own way: the public key, its hash, or both are the
        new key's, the number of a built-in key stays, and an image that names none still does not.
        """
        signed = self._signed()
        right = {SHA256: hashlib.sha256(signed).digest(), ECDSASIG: key.sign_der(signed)}
        names = {PUBKEY: key.public.der, KEYHASH: key.public.mcuboot_rotpk_hash}
        kept = {kind for kind, _value in self.tlvs}
        tlvs = tuple((kind, (right | names).get(kind, value)) for kind, value in self.tlvs)
        missing = tuple((kind, value) for kind, value in right.items() if kind not in kept)
        return replace(self, tlvs=tlvs + missing)

    def _signed(self) -> bytes:
        protected = _area(PROTECTED_TLV_MAGIC, self.protected) if self.protected else b""
        v = self.version
        header = HEADER.pack(
            MAGIC,
            self.load_address,
            HEADER.size + len(self.header_padding),
            len(protected),
            len(self.payload),
            self.flags,
            v.major,
            v.minor,
            v.revision,
            v.build,
        )
        return header + self.header_padding + self.payload + protected


def _area(magic: int, entries: tuple[Entry, ...]) -> bytes:
    body = b"".join(TLV_HEAD.pack(kind, len(value)) + value for kind, value in entries)
    return TLV_HEAD.pack(magic, TLV_HEAD.size + len(body)) + body
