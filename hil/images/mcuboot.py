# SPDX-License-Identifier: Apache-2.0
"""MCUboot images: reading their structure and verifying hash and signature.

Layout: header (32 bytes used of `hdr_size`), payload, protected TLVs, TLVs. The hash and the
signature cover everything before the TLVs. Source: MCUboot bootutil/image.h; TF-M signs RSE images
with EC P-256 and the full public key in the image (MCUBOOT_HW_KEY).
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from hil.errors import ImageError
from hil.images.files import read_bounded
from hil.images.mcuboot_tlvs import (
    DEPENDENCY,
    ECDSASIG,
    FLAG_ENCRYPTED,
    FLAG_RAM_LOAD,
    PUBKEY,
    SEC_CNT,
    SHA256,
    Dependency,
    dependency_of,
    tlv_name,
)
from hil.images.signing_key import PublicKey

__all__ = [
    "ECDSASIG",
    "FLAG_ENCRYPTED",
    "FLAG_RAM_LOAD",
    "HEADER",
    "HEADER_SIZE",
    "MAGIC",
    "PUBKEY",
    "SEC_CNT",
    "SHA256",
    "TLV_HEAD",
    "McubootImage",
    "Tlv",
    "Version",
    "load_image",
    "parse_image",
    "peek_version",
    "verify_image",
]

MAGIC = b"\x3d\xb8\xf3\x96"
TLV_MAGIC = 0x6907
PROTECTED_TLV_MAGIC = 0x6908
#: What ends a slot whose image is to be tried.
TRAILER_MAGIC = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")

#: Magic, load address, header size, size of protected TLVs, image size, flags, version.
HEADER = struct.Struct("<4sIHHIIBBHI4x")
HEADER_SIZE = HEADER.size
#: Magic and size of a TLV area; type and size of a TLV.
TLV_HEAD = struct.Struct("<HH")


@dataclass(frozen=True, order=True)
class Version:
    """Version of an image; compares as MCUboot compares it."""

    major: int
    minor: int
    revision: int
    build: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.revision}+{self.build}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version of a text like "1.2.3" or "1.2.3+4".

        Raises:
            ImageError: not of that form, or a number that does not fit its field.
        """
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:\+(\d+))?", text)
        if match is None:
            raise ImageError(f"version: expected MAJOR.MINOR.REVISION[+BUILD], got {text!r}")
        version = cls(*(int(part or "0") for part in match.groups()))
        if max(version.major, version.minor) > 0xFF or version.revision > 0xFFFF:
            raise ImageError(f"version: expected at most 255.255.65535, got {text!r}")
        if version.build > 0xFFFF_FFFF:
            raise ImageError(f"version: expected a build number of 32 bits, got {text!r}")
        return version


@dataclass(frozen=True)
class Tlv:
    """One type-length-value entry."""

    type: int
    value: bytes
    #: Of the entry in the file.
    offset: int
    protected: bool

    @property
    def name(self) -> str:
        """Name as MCUboot's header gives it, or the number."""
        return tlv_name(self.type)


@dataclass(frozen=True)
class McubootImage:
    """Structure of an image; says nothing yet about whether it verifies."""

    path: Path | None
    load_address: int
    header_size: int
    protected_size: int
    #: Of the payload, bytes.
    image_size: int
    flags: int
    version: Version
    tlvs: tuple[Tlv, ...]
    #: First byte after the TLVs; whatever follows is padding and trailer of the slot.
    end: int

    @property
    def ram_load(self) -> bool:
        """Whether the image is copied to `load_address` before it runs."""
        return bool(self.flags & FLAG_RAM_LOAD)

    @property
    def signed_size(self) -> int:
        """Bytes that the hash and the signature cover, from the start of the file."""
        return self.header_size + self.image_size + self.protected_size

    @property
    def security_counter(self) -> int | None:
        """Value of the protected security counter, None where there is none."""
        counters = self.all(SEC_CNT, protected=True)
        return int.from_bytes(counters[0].value, "little") if counters else None

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it asks of other images; malformed entries are left out."""
        found = (dependency_of(tlv.value) for tlv in self.all(DEPENDENCY, protected=True))
        return tuple(each for each in found if each is not None)

    def all(self, tlv_type: int, *, protected: bool = False) -> list[Tlv]:
        """Return the entries of a type in one of the two areas."""
        return [t for t in self.tlvs if t.type == tlv_type and t.protected == protected]

    def one(self, tlv_type: int) -> Tlv:
        """Return the only unprotected entry of a type.

        Raises:
            ImageError: there is none, or more than one.
        """
        found = self.all(tlv_type)
        if len(found) != 1:
            raise ImageError(
                f"expected one TLV, found {len(found)}",
                path=self.path,
                field=f"TLV {tlv_name(tlv_type)}",
            )
        return found[0]


def parse_image(data: bytes, path: Path | None = None) -> McubootImage:
    """Return the structure of an image.

    Args:
        data: The whole file; more may follow the image.
        path: Named in errors.

    Raises:
        ImageError: not an image, or one that is cut or inconsistent; offset and field say where.
    """
    if len(data) < HEADER_SIZE:
        raise ImageError(
            f"expected a header of {HEADER_SIZE} bytes, the file has {len(data)}",
            path=path,
            offset=0,
            field="header",
        )
    (magic, load_address, header_size, protected, image_size, flags, *version) = HEADER.unpack_from(
        data
    )
    if magic != MAGIC:
        raise ImageError(
            f"expected 96f3b83d, got {magic[::-1].hex()}", path=path, offset=0, field="ih_magic"
        )
    if header_size < HEADER_SIZE:
        raise ImageError(
            f"expected at least {HEADER_SIZE}, got {header_size}",
            path=path,
            offset=8,
            field="ih_hdr_size",
        )
    tlv_start = header_size + image_size
    if tlv_start + protected + TLV_HEAD.size > len(data):
        raise ImageError(
            f"header {header_size} + image {image_size} + protected TLVs {protected} bytes do not "
            f"fit the file of {len(data)} bytes",
            path=path,
            offset=12,
            field="ih_img_size",
        )
    tlvs: list[Tlv] = []
    if protected:
        end = _parse_tlvs(data, tlv_start, PROTECTED_TLV_MAGIC, path, tlvs)
        if end != tlv_start + protected:
            raise ImageError(
                f"header says {protected} bytes of protected TLVs, their own header "
                f"{end - tlv_start}",
                path=path,
                offset=10,
                field="ih_protect_tlv_size",
            )
    end = _parse_tlvs(data, tlv_start + protected, TLV_MAGIC, path, tlvs)
    image = McubootImage(
        path,
        load_address,
        header_size,
        protected,
        image_size,
        flags,
        Version(*version),
        tuple(tlvs),
        end,
    )
    for counter in image.all(SEC_CNT, protected=True):
        if len(counter.value) != 4:
            raise ImageError(
                f"expected 4 bytes, got {len(counter.value)}",
                path=path,
                offset=counter.offset,
                field="TLV SEC_CNT",
            )
    return image


def _parse_tlvs(data: bytes, start: int, magic: int, path: Path | None, tlvs: list[Tlv]) -> int:
    """Append the entries of one area; return its end."""
    what = "protected TLV area" if magic == PROTECTED_TLV_MAGIC else "TLV area"
    if start + TLV_HEAD.size > len(data):
        raise ImageError("the file ends before it", path=path, offset=start, field=what)
    found, total = (int(number) for number in TLV_HEAD.unpack_from(data, start))
    if found != magic:
        raise ImageError(
            f"expected magic {magic:#x}, got {found:#x}", path=path, offset=start, field=what
        )
    end = start + total
    if total < TLV_HEAD.size or end > len(data):
        raise ImageError(
            f"{total} bytes do not fit the {len(data) - start} that are left",
            path=path,
            offset=start + 2,
            field=what,
        )
    at = start + TLV_HEAD.size
    while at < end:
        if at + TLV_HEAD.size > end:
            raise ImageError("entry is cut", path=path, offset=at, field=what)
        kind, size = TLV_HEAD.unpack_from(data, at)
        value_at = at + TLV_HEAD.size
        if value_at + size > end:
            raise ImageError(
                f"{size} bytes do not fit its area",
                path=path,
                offset=at,
                field=f"TLV {tlv_name(kind)}",
            )
        protected = magic == PROTECTED_TLV_MAGIC
        tlvs.append(Tlv(kind, data[value_at : value_at + size], at, protected))
        at = value_at + size
    return end


def verify_image(data: bytes, key: PublicKey, path: Path | None = None) -> McubootImage:
    """Check hash and signature of an image as BL2 does, and return its structure.

    Args:
        data: The whole file; padding and trailer of the slot may follow the image.
        key: The key that must have signed it.
        path: Named in errors.

    Raises:
        ImageError: malformed, changed, signed by another key, or of a kind that cannot be verified
            here (encrypted, other signature types).
    """
    image = parse_image(data, path)
    if image.flags & FLAG_ENCRYPTED:
        raise ImageError(
            "the image is encrypted; verify the clear one", path=path, offset=16, field="ih_flags"
        )
    signed = data[: image.signed_size]
    digest = image.one(SHA256)
    if digest.value != hashlib.sha256(signed).digest():
        raise ImageError(
            "hash does not match: header, payload or protected TLVs were changed",
            path=path,
            offset=digest.offset,
            field="TLV SHA256",
        )
    public = image.one(PUBKEY)
    if public.value != key.der:
        raise ImageError(
            "signed by another key than expected",
            path=path,
            offset=public.offset,
            field="TLV PUBKEY",
        )
    signature = image.one(ECDSASIG)
    if not key.verifies_der(signature.value, signed):
        raise ImageError(
            "signature does not verify", path=path, offset=signature.offset, field="TLV ECDSASIG"
        )
    return image


def load_image(path: Path, key: PublicKey | None = None) -> McubootImage:
    """Read an image file; with a key verify it too.

    Raises:
        ImageError: no such file, or what `parse_image` and `verify_image` refuse.
    """
    data = read_bounded(path)
    return parse_image(data, path) if key is None else verify_image(data, key, path)


def peek_version(data: bytes) -> Version | None:
    """Return the version in the header of an image, None where the data is no MCUboot image."""
    if len(data) < HEADER_SIZE or not data.startswith(MAGIC):
        return None
    return Version(*HEADER.unpack_from(data)[-4:])
