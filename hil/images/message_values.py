# SPDX-License-Identifier: Apache-2.0
"""What a provisioning message would write to OTP, as far as it is in the clear.

The data of a CM or combined message ends with the OTP areas of the chip manufacturer, of BL1_2 and
of the device manufacturer, whose sizes stand at its beginning. Source: TF-M 2.3.1 rse_otp_layout.h,
rse_provisioning_values.h; builds without CCA properties.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hil.model.provisioning_fields import CodeProtection, MessageType
from hil.model.provisioning_message import Message

_INFO = struct.Struct("<HH")
_AREAS = 4
#: zero count, blob version, policies, RSE id.
_CM = struct.Struct("<4I")
#: zero count, size, version, hash of BL1_2.
_BL1_2 = struct.Struct("<3I48s")
#: Bit of the CM policies that asks for the handshake between the RSEs.
VHUK_AGREEMENT_REQUIRED = 1 << 0
#: More RSEs than any topology has; a larger number is not an id.
_MAX_RSE = 16


@dataclass(frozen=True)
class MessageValues:
    """Values of the chip manufacturer's area."""

    rse_id: int
    policies: int
    bl1_2_sha256: bytes

    @property
    def vhuk_agreement(self) -> bool:
        """Whether BL1_2 takes part in the handshake between the RSEs."""
        return bool(self.policies & VHUK_AGREEMENT_REQUIRED)


def message_values(message: Message) -> MessageValues | None:
    """Return the values of a message, None where they are encrypted or laid out in another way."""
    header = message.header
    if header is None or message.type != MessageType.BLOB:
        return None
    if header.metadata.code is not CodeProtection.PLAIN:
        return None
    data = message.data
    if len(data) < _AREAS * _INFO.size:
        return None
    infos = [_INFO.unpack_from(data, number * _INFO.size) for number in range(_AREAS)]
    # The dynamic area, the last, is not in the message.
    sizes = [-(-size // 4) * 4 for _offset, size in infos[:-1]]
    cm = len(data) - sum(sizes)
    bl1_2 = cm + sizes[0]
    if cm < _AREAS * _INFO.size or sizes[0] < _CM.size or sizes[1] < _BL1_2.size:
        return None
    _zeros, _version, policies, rse_id = _CM.unpack_from(data, cm)
    if rse_id >= _MAX_RSE:
        return None
    _zeros, _size, _version, digest = _BL1_2.unpack_from(data, bl1_2)
    return MessageValues(rse_id, policies, digest[:32])
