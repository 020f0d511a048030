# SPDX-License-Identifier: Apache-2.0
"""The ways to damage an image: functions from the bytes of a good one to those of a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hil.errors import ImageError
from hil.images.bl1_2_format import read_bl1_image
from hil.images.mcuboot import McubootImage, Tlv, Version, parse_image
from hil.images.mcuboot_parts import ImageParts
from hil.images.mcuboot_signatures import der_sequence
from hil.images.mcuboot_tlvs import (
    DEPENDENCY,
    DEPENDENCY_LAYOUT,
    ECDSASIG,
    SEC_CNT,
    SHA256,
    tlv_name,
)
from hil.images.signing_key import SigningKey


@dataclass(frozen=True)
class Material:
    """What a mutation may use.

    Attributes:
        good: The file that boots.
        key: The key that has signed it; None where nobody has it.
        other: Another image of the same device, properly signed, that belongs elsewhere.
    """

    good: bytes = field(repr=False)
    key: SigningKey | None = None
    other: bytes | None = field(default=None, repr=False)

    @property
    def image(self) -> McubootImage:
        """Structure of the good image."""
        return parse_image(self.good)

    @property
    def parts(self) -> ImageParts:
        """The good image taken apart."""
        return ImageParts.of(self.good, self.image)

    def signed(self, parts: ImageParts) -> bytes:
        """Sign changed parts again, so that only what was changed can be refused.

        Raises:
            NotApplicableError: the key is not there, or the image is not of a kind that it can sign.
        """
        if self.key is None:
            raise NotApplicableError("it needs the key that signs the image")
        return self.signed_by(parts, self.key)

    def signed_by(self, parts: ImageParts, key: SigningKey) -> bytes:
        """Sign changed parts with any key.

        Raises:
            NotApplicableError: the image is not of a kind that a P-256 key can sign.
        """
        if not self.image.all(SHA256) or not self.image.all(ECDSASIG):
            raise NotApplicableError("it needs an image that is signed with ECDSA P-256")
        if len(self.image.all(ECDSASIG)) > 1:
            raise NotApplicableError("it has several signatures, and one key makes one right")
        return parts.signed_by(key).build()


class NotApplicableError(ImageError):
    """Raised when an image has not what a mutation changes; the reason is one phrase.

    Args:
        reason: What is missing.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


Mutation = Callable[[Material], bytes]


def flip(at: Callable[[Material], int], mask: int = 0x01) -> Mutation:
    """Flip bits of the byte at a place; negative places count from the end."""

    def mutate(material: Material) -> bytes:
        data = bytearray(material.good)
        place = at(material)
        if not -len(data) <= place < len(data):
            raise NotApplicableError(f"it has no byte {place:#x}")
        data[place] ^= mask
        return bytes(data)

    return mutate


def at(place: int) -> Callable[[Material], int]:
    """Return a fixed place."""
    return lambda _material: place


def payload_at(share: float) -> Callable[[Material], int]:
    """Return a place in the payload of a MCUboot image: 0 its beginning, 1 its last byte."""

    def place(material: Material) -> int:
        image = material.image
        if image.image_size == 0:
            raise NotApplicableError("it has no payload")
        return image.header_size + round((image.image_size - 1) * share)

    return place


def image_end(material: Material) -> int:
    """Return the place of the last byte that BL2 reads of a MCUboot image.

    Behind it are the padding of the slot and (`imgtool --pad-sig`) that of the signature.
    """
    last = max(material.image.tlvs, key=lambda tlv: tlv.offset, default=None)
    padding = 0
    if last is not None and last.type == ECDSASIG:
        padding = len(last.value) - len(der_sequence(last.value))
    return material.image.end - 1 - padding


def bl2_at(field: str, offset: int = 0) -> Callable[[Material], int]:
    """Return a place in a BL2 image, whatever its build has put into the header.

    Args:
        field: "rotpk", "rotpk_len", "sig", "sig_len", "protected" or "code", the first signer's.
        offset: Bytes from its beginning.
    """

    def place(material: Material) -> int:
        image = read_bl1_image(material.good)
        layout, entry = image.layout, image.signers[0].offset
        signature = entry + layout.rotpk_size + 4
        places = {
            "rotpk": entry,
            "rotpk_len": entry + layout.rotpk_size,
            "sig": signature,
            "sig_len": signature + layout.signature_size,
            "protected": image.protected_offset,
            "code": image.protected_offset + 12,
        }
        return places[field] + offset

    return place


def fill(byte: int) -> Mutation:
    """Replace everything by one byte."""
    return lambda material: bytes([byte]) * len(material.good)


def cut_half(material: Material) -> bytes:
    """Keep the first half; the rest is erased flash."""
    half = len(material.good) // 2
    return material.good[:half] + b"\xff" * (len(material.good) - half)


def cut_image(material: Material) -> bytes:
    """Keep the first half of a MCUboot image, not of its slot; the rest is erased flash."""
    half = material.image.end // 2
    return material.good[:half] + b"\xff" * (len(material.good) - half)


def other_image(material: Material) -> bytes:
    """Put another image of the device in its place."""
    if material.other is None:
        raise NotApplicableError("the device has no other image of this kind")
    return material.other


def tlv_bytes(kind: int, change: Callable[[bytearray, Tlv], None]) -> Mutation:
    """Change the bytes of the first TLV of a type, without making anything right again."""

    def mutate(material: Material) -> bytes:
        data = bytearray(material.good)
        change(data, _first(material, kind))
        return bytes(data)

    return mutate


def flip_value(data: bytearray, tlv: Tlv) -> None:
    """Flip a bit in the middle of the value."""
    if not tlv.value:
        raise NotApplicableError("the TLV is empty")
    data[tlv.offset + 4 + len(tlv.value) // 2] ^= 0x04


def lengthen(data: bytearray, tlv: Tlv) -> None:
    """Let the length field say 0x1000 bytes more than there are."""
    data[tlv.offset + 3] ^= 0x10


def tlv_entries(
    kind: int, change: Callable[[tuple[int, bytes]], list[tuple[int, bytes]]]
) -> Mutation:
    """Replace the first TLV of a type by others; lengths are made right, hash and signature not."""

    def mutate(material: Material) -> bytes:
        first, parts = _first(material, kind), material.parts
        area = parts.protected if first.protected else parts.tlvs
        number = next(n for n, entry in enumerate(area) if entry[0] == kind)
        new = (*area[:number], *change(area[number]), *area[number + 1 :])
        which = {"protected": new} if first.protected else {"tlvs": new}
        return replace(parts, **which).build()  # type: ignore[arg-type]

    return mutate


def drop(_entry: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    """Leave it out."""
    return []


def double(entry: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    """Have it twice."""
    return [entry, entry]


def shorten(entry: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    """Leave its last byte out."""
    return [(entry[0], entry[1][:-1])]


def tlv_area(place: int, value: bytes) -> Mutation:
    """Overwrite bytes of the header of the TLV area."""

    def mutate(material: Material) -> bytes:
        data = bytearray(material.good)
        start = material.image.signed_size + place
        data[start : start + len(value)] = value
        return bytes(data)

    return mutate


def unknown_tlv(material: Material) -> bytes:
    """Append a TLV of a type for vendors to the unprotected ones."""
    parts = material.parts
    return replace(parts, tlvs=(*parts.tlvs, (0xA0, b"vendor"))).build()


def more_tlvs(kinds: tuple[int, ...], broken: int) -> Mutation:
    """Repeat unprotected TLVs behind the others, one of them with a flipped bit."""

    def mutate(material: Material) -> bytes:
        parts = material.parts
        extra = []
        for kind in kinds:
            value = bytearray(_first(material, kind).value)
            if kind == broken and value:
                value[len(value) // 2] ^= 0x04
            extra.append((kind, bytes(value)))
        return replace(parts, tlvs=(*parts.tlvs, *extra)).build()

    return mutate


def resigned(change: Callable[[Material, ImageParts], ImageParts]) -> Mutation:
    """Change parts and sign again with the right key."""
    return lambda material: material.signed(change(material, material.parts))


def by_stranger(material: Material) -> bytes:
    """Sign the unchanged image with a key that nobody trusts."""
    return material.signed_by(material.parts, SigningKey.fresh())


def oldest(_material: Material, parts: ImageParts) -> ImageParts:
    """Give it the lowest version."""
    return replace(parts, version=Version(0, 0, 0, 0))


def lower_counter(material: Material, parts: ImageParts) -> ImageParts:
    """Lower the security counter by one."""
    counter = material.image.security_counter
    if not counter:
        raise NotApplicableError("its security counter is 0 or missing")
    value = (counter - 1).to_bytes(4, "little")
    return replace(
        parts, protected=tuple((k, value if k == SEC_CNT else v) for k, v in parts.protected)
    )


def no_counter(_material: Material, parts: ImageParts) -> ImageParts:
    """Leave the security counter out."""
    return replace(parts, protected=tuple(e for e in parts.protected if e[0] != SEC_CNT))


def depending(image: int, *minimum: int) -> Callable[[Material, ImageParts], ImageParts]:
    """Make it depend on a version of another image."""

    def change(_material: Material, parts: ImageParts) -> ImageParts:
        entry = (DEPENDENCY, DEPENDENCY_LAYOUT.pack(image, *minimum))
        others = tuple(e for e in parts.protected if e[0] != DEPENDENCY)
        return replace(parts, protected=(*others, entry))

    return change


def flags(set_: int = 0, clear: int = 0) -> Callable[[Material, ImageParts], ImageParts]:
    """Set and clear flags of the header."""
    return lambda _material, parts: replace(parts, flags=parts.flags & ~clear | set_)


def load_address(address: int) -> Callable[[Material, ImageParts], ImageParts]:
    """Have it loaded somewhere else."""
    return lambda _material, parts: replace(parts, load_address=address)


def _first(material: Material, kind: int) -> Tlv:
    found = next((tlv for tlv in material.image.tlvs if tlv.type == kind), None)
    if found is None:
        raise NotApplicableError(f"it has no TLV {tlv_name(kind)}")
    return found
