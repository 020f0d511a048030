# SPDX-License-Identifier: Apache-2.0
"""The TLV types and flags of MCUboot images, and the values that have a structure of their own.

Source: MCUboot bootutil/image.h (e2a6d0b and v2.4.0; the older ones are a part of them), TF-M 2.3
lib/ext/mcuboot/0001-bootutil-Parse-key-ID-for-built-in-keys.patch, imgtool boot_record.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

KEYHASH = 0x01
PUBKEY = 0x02
#: Number of a built-in key; TF-M 2.3 adds it to v2.4.0, e2a6d0b has it.
KEYID = 0x03
SHA256 = 0x10
SHA384 = 0x11
SHA512 = 0x12
RSA2048 = 0x20
ECDSASIG = 0x22
RSA3072 = 0x23
ED25519 = 0x24
SIG_PURE = 0x25
DEPENDENCY = 0x40
SEC_CNT = 0x50
BOOT_RECORD = 0x60

TLV_NAMES = {
    KEYHASH: "KEYHASH",
    PUBKEY: "PUBKEY",
    KEYID: "KEYID",
    SHA256: "SHA256",
    SHA384: "SHA384",
    SHA512: "SHA512",
    RSA2048: "RSA2048",
    0x21: "ECDSA224",
    ECDSASIG: "ECDSASIG",
    RSA3072: "RSA3072",
    ED25519: "ED25519",
    SIG_PURE: "SIG_PURE",
    0x30: "ENCRSA2048",
    0x31: "ENCKW",
    0x32: "ENCEC256",
    0x33: "ENCX25519",
    0x34: "ENCX25519_SHA512",
    DEPENDENCY: "DEPENDENCY",
    SEC_CNT: "SEC_CNT",
    BOOT_RECORD: "BOOT_RECORD",
    0x70: "DECOMP_SIZE",
    0x71: "DECOMP_SHA",
    0x72: "DECOMP_SIGNATURE",
    0x73: "COMP_DEC_SIZE",
    0x74: "UUID_VID",
    0x75: "UUID_CID",
}
#: Algorithm that `hashlib` knows, for each type that holds the digest of the image.
HASHES = {SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
SIGNATURES = frozenset({RSA2048, ECDSASIG, RSA3072, ED25519})
#: What may name the key of the signature behind it; a boot loader knows one of them.
KEY_NAMES = (PUBKEY, KEYID, KEYHASH)

FLAG_PIC = 0x00000001
FLAG_ENCRYPTED_AES128 = 0x00000004
FLAG_ENCRYPTED_AES256 = 0x00000008
FLAG_ENCRYPTED = FLAG_ENCRYPTED_AES128 | FLAG_ENCRYPTED_AES256
FLAG_NON_BOOTABLE = 0x00000010
FLAG_RAM_LOAD = 0x00000020
FLAG_ROM_FIXED = 0x00000100
FLAG_NAMES = {
    FLAG_PIC: "PIC",
    FLAG_ENCRYPTED_AES128: "ENCRYPTED_AES128",
    FLAG_ENCRYPTED_AES256: "ENCRYPTED_AES256",
    FLAG_NON_BOOTABLE: "NON_BOOTABLE",
    FLAG_RAM_LOAD: "RAM_LOAD",
    FLAG_ROM_FIXED: "ROM_FIXED",
    0x00000200: "COMPRESSED_LZMA1",
    0x00000400: "COMPRESSED_LZMA2",
    0x00000800: "COMPRESSED_ARM_THUMB_FLT",
}

#: image_id, padding, minimum version.
DEPENDENCY_LAYOUT = struct.Struct("<B3xBBHI")
#: Key of the map in a boot record that names the kind of software.
_SW_TYPE = 1
_TEXT = 0x60
_LENGTH_IN_BYTE = 0x78


def tlv_name(tlv_type: int) -> str:
    """Return the name as MCUboot's header gives it, or the number."""
    return TLV_NAMES.get(tlv_type, f"{tlv_type:#x}")


def flag_names(flags: int) -> str:
    """Return the names of the flags that are set, unknown bits as one number."""
    names = [name for bit, name in FLAG_NAMES.items() if flags & bit]
    if rest := flags & ~sum(FLAG_NAMES):
        names.append(f"{rest:#x}")
    return " ".join(names) or "none"


@dataclass(frozen=True)
class Dependency:
    """What a DEPENDENCY TLV asks for."""

    image: int
    #: major, minor, revision, build.
    minimum: tuple[int, int, int, int]

    def __str__(self) -> str:
        major, minor, revision, build = self.minimum
        return f"image {self.image} at least {major}.{minor}.{revision}+{build}"


def dependency_of(value: bytes) -> Dependency | None:
    """Return what a DEPENDENCY TLV asks for, None if it has not the size of one."""
    if len(value) != DEPENDENCY_LAYOUT.size:
        return None
    image, *minimum = DEPENDENCY_LAYOUT.unpack(value)
    return Dependency(image, (minimum[0], minimum[1], minimum[2], minimum[3]))


def software_type(record: bytes) -> str | None:
    """Return the software type ("SPE", "NSPE") that a boot record names first, None if none.

    The record is a CBOR map; imgtool writes the type as its first entry.
    """
    if len(record) < 3 or record[0] >> 5 != 5 or record[1] != _SW_TYPE:
        return None
    kind, at = record[2], 3
    size = kind - _TEXT
    if kind == _LENGTH_IN_BYTE and len(record) > at:
        size, at = record[at], at + 1
    if not 0 <= size <= 0xFF or at + size > len(record):
        return None
    text = record[at : at + size]
    return text.decode("ascii") if text.isascii() and text.decode().isprintable() else None
