# SPDX-License-Identifier: Apache-2.0
"""What a provisioning message would write to OTP, as far as it is in the clear.

The data of a CM or combined message holds place and size of the OTP areas, the DMA's command
sequence for the OTP, and the areas of the chip manufacturer and of BL1_2, one behind the other.
Before them may be the data of the provisioning code, behind them the area of the device manufacturer
and zeros up to 16 bytes. A DM message has none of this. Source: TF-M 2.3.1 rse_otp_layout.h,
rse_otp_config.h, rse_provisioning_values.h, otp_config.py, provisioning_message_config.py.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hil.model.provisioning_fields import CodeProtection, MessageType
from hil.model.provisioning_message import Message

#: Offset and size of the areas of CM, BL1_2, DM and of the dynamic one.
_INFOS = struct.Struct("<8H")
#: From there to the CM area: the command sequence of 0x108 bytes, and its size.
_CM_AT = _INFOS.size + 0x108 + 4
#: zero count, blob version, policies.
_CM = struct.Struct("<3I")
_ID = struct.Struct("<I")
#: Bytes of the CM area -> offset of the RSE id, None where there is none (RSE_OTP_HAS_RSE_ID off).
#: TF-M's own have CCA properties, parameters of the TRNG and of its entropy; this project's have
#: not. Each with keys as SHA-256, then as SHA-384.
_ID_AT = {708: 16, 964: 16, 704: None, 960: None, 676: 12, 932: 12}
#: zero count, size, version, hash of BL1_2.
_BL1_2 = struct.Struct("<3I48s")
#: Where the areas are in the OTP: behind the hardware's words, up to its end.
_AREAS = range(0xF8, 0x4000)
#: Most bytes of data that provisioning code may have (PROVISIONING_BUNDLE_DATA_SIZE).
_MAX_DATA = 0x5000
#: Bit of the CM policies that asks for the handshake between the RSEs.
VHUK_AGREEMENT_REQUIRED = 1 << 0
#: More RSEs than any topology has; a larger number is not an id.
_MAX_RSE = 16


@dataclass(frozen=True)
class MessageValues:
    """Values of the chip manufacturer's area."""

    #: None in a build for one RSE, whose OTP has no place for it.
    rse_id: int | None
    policies: int
    #: Digest and zeros; of SHA-256 or SHA-384 (MEASURED_BOOT_HASH_ALG).
    bl1_2_hash: bytes

    @property
    def vhuk_agreement(self) -> bool:
        """Whether BL1_2 takes part in the handshake between the RSEs."""
        return bool(self.policies & VHUK_AGREEMENT_REQUIRED)

    @property
    def bl1_2_digest(self) -> bytes:
        """The digest without the zeros behind it."""
        size = hashlib.sha256().digest_size
        return self.bl1_2_hash if any(self.bl1_2_hash[size:]) else self.bl1_2_hash[:size]


def message_values(message: Message) -> MessageValues | None:
    """Return the values of a message, None where they are encrypted or laid out in another way."""
    header = message.header
    if header is None or message.type != MessageType.BLOB:
        return None
    if header.metadata.code is not CodeProtection.PLAIN:
        return None
    data = message.data
    for infos, cm_size in _layouts(data):
        cm = infos + _CM_AT
        if cm + cm_size + _BL1_2.size > len(data):
            continue
        _zeros, _version, policies = _CM.unpack_from(data, cm)
        id_at, rse_id = _ID_AT[cm_size], None
        if id_at is not None:
            (rse_id,) = _ID.unpack_from(data, cm + id_at)
        _zeros, _size, _version, digest = _BL1_2.unpack_from(data, cm + cm_size)
        if rse_id is None or rse_id < _MAX_RSE:
            return MessageValues(rse_id, policies, digest)
    return None


def _layouts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the places of the areas may stand, with the size of the CM area."""
    for at in range(0, min(len(data) - _INFOS.size, _MAX_DATA), 4):
        numbers = _INFOS.unpack_from(data, at)
        if numbers[1] in _ID_AT and _are_areas(numbers):
            yield at, numbers[1]


def _are_areas(numbers: tuple[int, ...]) -> bool:
    """Return whether offsets and sizes are of areas that follow each other in the OTP."""
    end = _AREAS.start
    for offset, size in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < end or offset % 4:
            return False
        end = offset + size
    return numbers[3] >= _BL1_2.size and end <= _AREAS.stop
