# SPDX-License-Identifier: Apache-2.0
"""The values in the bundles of TF-M 2.1, field by field.

Source: TF-M 2.1.0 rse_provisioning_bundle.h cm_provisioning_data, dm_provisioning_data.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.errors import ModelError
from hil.model.boot_state import BL1_2_CODE_SIZE
from hil.model.message_error import MessageError
from hil.model.secret import Secret

_DMA_ICS_SIZE = 0x400
_ROTPK_HASH = 32


@dataclass(frozen=True)
class CmValues:
    """Values of the CM bundle."""

    bl1_2_hash: bytes
    bl1_2: bytes = field(repr=False)
    dma_ics: bytes = field(repr=False)
    guk: Secret
    cca_system_properties: int = 0

    def pack(self) -> Secret:
        """Return the bytes, without padding."""
        return Secret(_pack(_CM, vars(self)))

    @classmethod
    def parse(cls, data: bytes) -> CmValues:
        """Return the values at the start of some bytes.

        Raises:
            MessageError: cut.
        """
        return cls(*_parse(_CM, data))


@dataclass(frozen=True)
class DmValues:
    """Values of the DM bundle.

    Attributes:
        sender_table: Index of the sending MHU link to each RSE.
        receiver_table: Index of the receiving MHU link from each RSE.
        bl2_rotpks: Hash of the key of each MCUboot image.
    """

    rse_id: int
    sender_table: tuple[int, ...]
    receiver_table: tuple[int, ...]
    bl1_rotpk: bytes
    bl2_encryption_key: Secret
    bl2_rotpks: tuple[bytes, ...]
    s_image_encryption_key: Secret
    ns_image_encryption_key: Secret
    host_rotpk_s: bytes
    host_rotpk_ns: bytes
    host_rotpk_cca: bytes
    implementation_id: bytes
    verification_service_url: bytes
    profile_definition: bytes
    secure_debug_pk: bytes

    def pack(self) -> Secret:
        """Return the bytes, without padding.

        Raises:
            ModelError: tables of different lengths, or a value that does not fit its field.
        """
        if len(self.sender_table) != len(self.receiver_table):
            raise ModelError("sender_table and receiver_table: expected one entry for each RSE")
        return Secret(_pack(_dm(len(self.sender_table), len(self.bl2_rotpks)), vars(self)))

    @classmethod
    def parse(cls, data: bytes, *, rse_amount: int, images: int) -> DmValues:
        """Return the values at the start of some bytes.

        Args:
            data: The values of an opened bundle.
            rse_amount: RSE_AMOUNT of the build.
            images: MCUBOOT_IMAGE_NUMBER of the build.

        Raises:
            MessageError: cut.
        """
        return cls(*_parse(_dm(rse_amount, images), data))


#: Kind and size of a field: a word, words, bytes, secret bytes, or hashes.
_Layout = Sequence[tuple[str, str, int]]

_CM: _Layout = (
    ("bl1_2_hash", "bytes", 32),
    ("bl1_2", "bytes", BL1_2_CODE_SIZE),
    ("dma_ics", "bytes", _DMA_ICS_SIZE),
    ("guk", "secret", 32),
    ("cca_system_properties", "word", 4),
)


def _dm(rse_amount: int, images: int) -> _Layout:
    return (
        ("rse_id", "word", 4),
        ("sender_table", "words", 4 * rse_amount),
        ("receiver_table", "words", 4 * rse_amount),
        ("bl1_rotpk", "bytes", 56),
        ("bl2_encryption_key", "secret", 32),
        ("bl2_rotpks", "hashes", _ROTPK_HASH * images),
        ("s_image_encryption_key", "secret", 32),
        ("ns_image_encryption_key", "secret", 32),
        ("host_rotpk_s", "bytes", 96),
        ("host_rotpk_ns", "bytes", 96),
        ("host_rotpk_cca", "bytes", 96),
        ("implementation_id", "bytes", 32),
        ("verification_service_url", "bytes", 32),
        ("profile_definition", "bytes", 32),
        ("secure_debug_pk", "bytes", 32),
    )


def _pack(layout: _Layout, values: dict[str, object]) -> bytes:
    packed = b""
    for name, _kind, size in layout:
        content = _bytes_of(name, values[name])
        if len(content) != size:
            raise ModelError(f"{name}: expected {size} bytes, got {len(content)}")
        packed += content
    return packed


def _bytes_of(name: str, value: object) -> bytes:
    if isinstance(value, int):
        if not 0 <= value <= 0xFFFFFFFF:
            raise ModelError(f"{name}: expected a number of 32 bits, got {value}")
        return struct.pack("<I", value)
    if isinstance(value, tuple):
        return b"".join(_bytes_of(name, item) for item in value)
    if isinstance(value, bytes):
        return bytes(value)
    raise ModelError(f"{name}: expected bytes or numbers, got {type(value).__name__}")


def _parse(layout: _Layout, data: bytes) -> list[Any]:
    values: list[Any] = []
    at = 0
    for name, kind, size in layout:
        content = data[at : at + size]
        if len(content) < size:
            raise MessageError(f"expected {size} bytes, got {len(content)}", offset=at, field=name)
        words = struct.unpack(f"<{size // 4}I", content) if kind in ("word", "words") else ()
        values.append(
            {
                "word": words[0] if words else 0,
                "words": words,
                "secret": Secret(content),
                "hashes": tuple(content[i : i + _ROTPK_HASH] for i in range(0, size, _ROTPK_HASH)),
                "bytes": content,
            }[kind]
        )
        at += size
    return values
