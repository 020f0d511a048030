# SPDX-License-Identifier: Apache-2.0
"""The two provisioning bundles of TF-M 2.1, CM and DM: parsed, built, sealed and opened.

A bundle is its magic, code, values padded to their area, data, IV, tag and the magic again; BL1
polls for the two magics. AES-CCM with the IV of 12 bytes as nonce covers code, values and data; the
first magic is authenticated, the second one is not.

Source: TF-M 2.1.0 rse_provisioning_bundle.h, bl1_provisioning.c; sizes of rdfremont.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hil.errors import ModelError
from hil.model.message_error import MessageError
from hil.model.provisioning_seal import TAG_SIZE, SealError, need_key
from hil.model.secret import Secret

_MAGIC = struct.Struct("<Q")
IV_SIZE = 12


class BundleMagic(IntEnum):
    """What a bundle begins and ends with."""

    CM = 0xAAAAC0DEFEEDAAAA
    DM = 0xAAAABEEFFEEDAAAA


@dataclass(frozen=True)
class BundleLayout:
    """Sizes of a platform; every bundle of it has all its parts in full."""

    code_size: int = 0xB000
    values_size: int = 0x3D00
    data_size: int = 0

    @property
    def hidden_size(self) -> int:
        """Bytes under the cipher."""
        return self.code_size + self.values_size + self.data_size

    @property
    def size(self) -> int:
        """Bytes of a bundle."""
        return 2 * _MAGIC.size + self.hidden_size + IV_SIZE + TAG_SIZE

    def parts(self) -> tuple[tuple[str, int], ...]:
        """Return the name and the size of each part, in order."""
        return (
            ("magic", _MAGIC.size),
            ("code", self.code_size),
            ("values", self.values_size),
            ("data", self.data_size),
            ("iv", IV_SIZE),
            ("tag", TAG_SIZE),
            ("magic2", _MAGIC.size),
        )


RDFREMONT = BundleLayout()
#: tc and kronos.
TC = BundleLayout(values_size=0x3800, data_size=0x500)


@dataclass(frozen=True)
class Bundle:
    """A bundle as it is loaded.

    Attributes:
        owner: Whose bundle it is.
        hidden: Code, values and data under the cipher.
        iv: 12 bytes.
        tag: 16 bytes.
    """

    owner: BundleMagic
    hidden: bytes = field(repr=False)
    iv: bytes
    tag: bytes

    def build(self) -> bytes:
        """Return the bytes of the bundle."""
        magic = _MAGIC.pack(self.owner)
        return magic + self.hidden + self.iv + self.tag + magic


def parse_bundle(data: bytes, layout: BundleLayout = RDFREMONT) -> Bundle:
    """Return a bundle; bytes behind it do not belong to it.

    Raises:
        MessageError: cut, or without its magic at either end; BL1 waits for ever then.
    """
    if len(data) < layout.size:
        offset, last = 0, "magic"
        for name, size in layout.parts():
            last = name
            if offset + size > len(data):
                break
            offset += size
        raise MessageError(
            f"expected a bundle of {layout.size} bytes, got {len(data)}", offset=offset, field=last
        )
    (magic,) = _MAGIC.unpack_from(data)
    if magic not in set(BundleMagic):
        known = ", ".join(f"{owner:#x} ({owner.name})" for owner in BundleMagic)
        raise MessageError(f"expected {known}, got {magic:#x}", offset=0, field="magic")
    at = layout.size - _MAGIC.size
    (again,) = _MAGIC.unpack_from(data, at)
    if again != magic:
        raise MessageError(f"expected {magic:#x}, got {again:#x}", offset=at, field="magic2")
    end = _MAGIC.size + layout.hidden_size
    return Bundle(
        BundleMagic(magic),
        data[_MAGIC.size : end],
        data[end : end + IV_SIZE],
        data[end + IV_SIZE : at],
    )


@dataclass(frozen=True)
class BundleParts:
    """What a bundle carries, in the clear; `values` without their padding."""

    code: bytes
    values: Secret = field(repr=False)
    data: bytes = b""


def seal_bundle(
    owner: BundleMagic,
    parts: BundleParts,
    key: bytes,
    iv: bytes,
    layout: BundleLayout = RDFREMONT,
) -> Bundle:
    """Return a bundle, encrypted and authenticated.

    Args:
        owner: Whose bundle it is.
        parts: What it carries; each part is padded with zeros to its size.
        key: The owner's provisioning key ("provisioning_key_cm", "provisioning_key_dm" of 2.1.0).
        iv: 12 bytes.
        layout: Sizes of the platform.

    Raises:
        ModelError: a part is larger than its area.
    """
    sized = (
        ("code", parts.code, layout.code_size),
        ("values", bytes(parts.values), layout.values_size),
        ("data", parts.data, layout.data_size),
    )
    for name, content, size in sized:
        if len(content) > size:
            raise ModelError(f"{name}: at most {size} bytes, got {len(content)}")
    if len(iv) != IV_SIZE:
        raise ModelError(f"iv: expected {IV_SIZE} bytes, got {len(iv)}")
    plain = b"".join(content.ljust(size, b"\0") for _, content, size in sized)
    sealed = AESCCM(need_key(key), TAG_SIZE).encrypt(iv, plain, _MAGIC.pack(owner))
    return Bundle(owner, sealed[:-TAG_SIZE], iv, sealed[-TAG_SIZE:])


def open_bundle(bundle: Bundle, key: bytes, layout: BundleLayout = RDFREMONT) -> BundleParts:
    """Return what a bundle carries, after its tag has verified; values with their padding.

    Raises:
        SealError: the tag does not verify; BL1 says "bundle decryption failed".
    """
    aad = _MAGIC.pack(bundle.owner)
    try:
        plain = AESCCM(need_key(key), TAG_SIZE).decrypt(bundle.iv, bundle.hidden + bundle.tag, aad)
    except InvalidTag as error:
        raise SealError("bundle: the CCM tag does not verify") from error
    code, values = layout.code_size, layout.code_size + layout.values_size
    return BundleParts(plain[:code], Secret(plain[code:values]), plain[values:])
