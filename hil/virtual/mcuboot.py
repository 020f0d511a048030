# SPDX-License-Identifier: Apache-2.0
"""MCUboot images: header, TLVs, and the checks of RAM_LOAD with hardware key and rollback.

Own parser, after MCUboot's documented layout; the order of checks and what is said follows
bootutil's image_validate.c and loader.c of 2.2.0 (TF-M 2.2.2) and e2a6d0b (TF-M 2.3.1 on RSE).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hil.virtual import ecdsa

MAGIC = 0x96F3B83D
FLAG_RAM_LOAD = 0x20
FLAG_NON_BOOTABLE = 0x10
_ENCRYPTED_FLAGS = 0x04 | 0x08
_COMPRESSED_FLAGS = 0x200 | 0x400 | 0x800

_HEADER = struct.Struct("<IIHHIIBBHI")
HEADER_SIZE = 32
_INFO = struct.Struct("<HH")
_PROTECTED_MAGIC = 0x6908
_PLAIN_MAGIC = 0x6907

_TLV_PUBLIC_KEY = 0x02
_TLV_SHA256 = 0x10
_TLV_ECDSA = 0x22
_TLV_DEPENDENCY = 0x40
_TLV_SECURITY_COUNTER = 0x50

#: Types that may be unprotected: names of keys, hashes, signatures, encrypted keys. 2.2.0 looks at
#: this list always (TF-M defines no ALLOW_ROGUE_TLVS), e2a6d0b not (no MCUBOOT_USE_TLV_ALLOW_LIST).
_ALLOWED = frozenset({0x01, 0x02, *range(0x10, 0x13), *range(0x20, 0x25), *range(0x30, 0x34)})

#: Image, minimum version; all images of the BL2.
_DEPENDENCY = struct.Struct("<B3xBBHI")
_IMAGES = 6
#: Buffers of bootutil; what is longer is not even read.
_LONGEST_SIGNATURE = 128
_LONGEST_KEY = _LONGEST_SIGNATURE + 24


@dataclass(frozen=True)
class Header:
    """An image header that passed the first look."""

    load_address: int
    header_size: int
    protected_size: int
    image_size: int
    flags: int
    version: tuple[int, int, int]
    build: int

    @property
    def hashed_size(self) -> int:
        """Bytes under the image hash: header, payload and protected TLVs."""
        return self.header_size + self.image_size + self.protected_size


def parse_header(data: bytes, slot_size: int) -> Header | None:
    """The header; None where MCUboot says "Image not found"."""
    magic, load, size, protected, image, flags, major, minor, revision, build = _HEADER.unpack_from(
        data
    )
    header = Header(load, size, protected, image, flags, (major, minor, revision), build)
    if magic != MAGIC or header.hashed_size >= slot_size:
        return None
    if flags & (_ENCRYPTED_FLAGS | _COMPRESSED_FLAGS):
        return None
    return header


@dataclass(frozen=True)
class Image:
    """An image as read from its slot.

    Attributes:
        header: Its header.
        data: Header, payload and all TLVs.
    """

    header: Header
    data: bytes

    @property
    def version(self) -> str:
        """Version as the slot line gives it."""
        return ".".join(map(str, self.header.version)) + f"+{self.header.build}"


def cut(header: Header, slot: bytes) -> Image | None:
    """The image without what follows it in the slot; None if the TLV areas make no sense."""
    at = header.header_size + header.image_size
    if header.protected_size and _info(slot, at) != (_PROTECTED_MAGIC, header.protected_size):
        return None
    at = header.hashed_size
    magic, size = _info(slot, at)
    if magic != _PLAIN_MAGIC or at + size > len(slot):
        return None
    return Image(header, slot[: at + size])


def _info(slot: bytes, at: int) -> tuple[int, int]:
    if at + _INFO.size > len(slot):
        return 0, 0
    magic, size = _INFO.unpack_from(slot, at)
    return magic, size


def _tlvs(image: Image) -> Iterator[tuple[int, int, bytes]]:
    """Type, length as announced, and value of all TLVs, protected ones first."""
    if image.header.protected_size:
        protected_at = image.header.header_size + image.header.image_size
        yield from _area(image, protected_at, image.header.hashed_size)
    yield from _unprotected(image)


def _unprotected(image: Image) -> Iterator[tuple[int, int, bytes]]:
    return _area(image, image.header.hashed_size, len(image.data))


def _area(image: Image, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    at = start + _INFO.size
    while at + _INFO.size <= end:
        kind, size = _INFO.unpack_from(image.data, at)
        at += _INFO.size
        yield kind, size, image.data[at : at + size]
        at += size


@dataclass
class Verdict:
    """What the check of an image found.

    Attributes:
        valid: Whether it may run.
        security_counter: Of the image, None if it has none.
        key_found: Whether its key is the provisioned one, None if it was not looked at.
        rolled_back: Its security counter is lower than the one in OTP.
    """

    valid: bool = False
    security_counter: int | None = None
    key_found: bool | None = None
    rolled_back: bool = False


def check(
    image: Image, key_hash: bytes, stored_counter: int, *, allow_list: bool = False
) -> Verdict:
    """Check hash, key, signature and security counter, in the order of the TLVs.

    Args:
        image: As read from its slot.
        key_hash: SHA-256 of the key that it must hold.
        stored_counter: Security counter in OTP.
        allow_list: Whether bootutil was built with its list of the types of unprotected TLVs.
    """
    verdict = Verdict()
    if allow_list and any(kind not in _ALLOWED for kind, _size, _value in _unprotected(image)):
        return verdict
    body = image.data[: image.header.hashed_size]
    hash_good = signature_good = False
    longest = {_TLV_PUBLIC_KEY: _LONGEST_KEY, _TLV_ECDSA: _LONGEST_SIGNATURE}
    key = b""
    for kind, size, value in _tlvs(image):
        if size > longest.get(kind, size) and (kind != _TLV_ECDSA or key):
            return verdict
        if kind == _TLV_SECURITY_COUNTER:
            verdict.security_counter = int.from_bytes(value, "little")
            if verdict.security_counter < stored_counter or len(value) != 4:
                verdict.rolled_back = len(value) == 4
                return verdict
        elif kind == _TLV_SHA256:
            hash_good = hashlib.sha256(body).digest() == value
            if not hash_good:
                return verdict
        elif kind == _TLV_PUBLIC_KEY:
            verdict.key_found = hashlib.sha256(value).digest() == key_hash
            key = value if verdict.key_found else b""
        elif kind == _TLV_ECDSA and key:
            # What follows the DER sequence (imgtool --pad-sig) is not read.
            signature_good = ecdsa.verify_der(key, body, value[: sum(value[1:2]) + 2])
            # Each signature needs a key of its own before it; one without is passed over.
            key = b""
    verdict.valid = hash_good and signature_good and verdict.security_counter is not None
    return verdict


def dependencies_met(image: Image, loaded: Mapping[int, tuple[int, int, int]]) -> bool:
    """Whether what the protected TLVs ask of other images holds.

    Args:
        image: A valid image.
        loaded: Versions of the images that this boot has loaded; of one that it has not, the header
            in bootutil's state is still zero.
    """
    end = image.header.hashed_size
    for at, kind, value in _protected(image, end):
        if kind != _TLV_DEPENDENCY:
            continue
        if len(value) != _DEPENDENCY.size or at + len(value) > end:
            return False
        other, *minimum = _DEPENDENCY.unpack(value)
        if other >= _IMAGES or loaded.get(other, (0, 0, 0)) < tuple(minimum[:3]):
            return False
    return True


def _protected(image: Image, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Place of the value, type and value of the protected TLVs."""
    at = image.header.header_size + image.header.image_size + _INFO.size
    while image.header.protected_size and at + _INFO.size <= end:
        kind, size = _INFO.unpack_from(image.data, at)
        at += _INFO.size
        yield at, kind, image.data[at : at + size]
        at += size
