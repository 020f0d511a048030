# SPDX-License-Identifier: Apache-2.0
"""The provisioning message as it lies in SRAM: headers, sizes, and what the bit fields ask for.

Layout as TF-M 2.3.1 rse_provisioning_message.h (2.2 has the same numbers under older names); the
data and secret values are those of the development message.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from hil.virtual.lifecycle import Lcs, TpMode
from hil.virtual.otp_layout import (
    BL1_2_AREA_SIZE,
    CM_AREA_SIZE,
    DM_AREA_SIZE,
    DMA_ICS_SIZE,
    KEY_SIZE,
    Area,
)

TYPE_BLOB = 0x1111B10B
TYPE_CERTIFICATE = 0x2222CE57
TYPE_PLAIN_DATA = 0x3333DA7A
TYPE_AUTH_PLAIN_DATA = 0x4444DA7A

OUTER_HEADER = struct.Struct("<II")
_AUTHENTICATED_AT = 100
_FIELDS = struct.Struct("<III8s12sIIIII96s")
HEADER_SIZE = _AUTHENTICATED_AT + _FIELDS.size

PURPOSE_COMBINED = 2
SIGNATURE_ROTPK_IN_ROM = 2
_TP_MODES = {0: TpMode.VIRGIN, 1: TpMode.PCI, 2: TpMode.TCI}
_LCS_BITS = {Lcs.CM: 1, Lcs.DM: 2, Lcs.SE: 4, Lcs.RMA: 8}


@dataclass(frozen=True)
class Blob:
    """A blob message: what stands after the outer header."""

    signature: bytes
    authenticated: bytes
    metadata: int
    purpose: int
    iv: bytes
    batch_id: int
    code_size: int
    data_size: int
    secret_values_size: int
    payload: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> Blob:
        """Take the fields apart; sizes are checked by the handler."""
        body = body.ljust(HEADER_SIZE, b"\0")
        (signature_size,) = struct.unpack_from("<I", body)
        metadata, purpose, _version, iv, _uid, batch, _dm, code, data, secret, _key = (
            _FIELDS.unpack_from(body, _AUTHENTICATED_AT)
        )
        return cls(
            signature=body[4 : 4 + min(signature_size, 96)],
            authenticated=body[_AUTHENTICATED_AT:HEADER_SIZE],
            metadata=metadata,
            purpose=purpose,
            iv=iv,
            batch_id=batch,
            code_size=code,
            data_size=data,
            secret_values_size=secret,
            payload=body[HEADER_SIZE:],
        )

    @property
    def tp_mode(self) -> TpMode | None:
        """The TP mode that the blob wants; None for a reserved value."""
        return _TP_MODES.get(self.purpose >> 9 & 0b11)

    @property
    def wants_sp_mode(self) -> bool:
        """Whether the blob runs in secure-provisioning mode only."""
        return bool(self.purpose >> 11 & 1)

    @property
    def chained(self) -> bool:
        """Whether the blob has to come after another one."""
        return bool(self.purpose >> 27 & 1)

    @property
    def type(self) -> int:
        """The purpose's type field."""
        return self.purpose & 0xFF

    @property
    def personalised(self) -> bool:
        """Whether the blob is for one SoC id only."""
        return self.metadata >> 30 == 1

    @property
    def signature_type(self) -> int:
        """How the blob is signed."""
        return self.metadata >> 28 & 0b11

    @property
    def code_and_data_encrypted(self) -> bool:
        """Whether code and data are under AES."""
        return self.metadata & 0b11 == 1

    @property
    def secrets_encrypted(self) -> bool:
        """Whether the secret values are under AES."""
        return self.metadata >> 2 & 0b11 == 1

    @property
    def encrypted_size(self) -> int:
        """How many bytes are under AES."""
        size = self.code_size + self.data_size if self.code_and_data_encrypted else 0
        return size + (self.secret_values_size if self.secrets_encrypted else 0)

    def valid_in(self, lcs: Lcs) -> bool:
        """Whether the blob may run in that life-cycle state."""
        return bool(self.purpose >> 28 & _LCS_BITS[lcs])


@dataclass(frozen=True)
class Values:
    """Data and secret values of the development message, taken apart.

    Attributes:
        areas: Where the areas go.
        dma_ics: Integrity check values of the DMA program.
    """

    areas: dict[str, Area]
    dma_ics: bytes
    cm: bytes
    bl1_2: bytes
    dm: bytes
    guk: bytes = field(repr=False)
    kp_cm: bytes = field(repr=False)
    kce_cm: bytes = field(repr=False)
    kp_dm: bytes = field(repr=False)
    kce_dm: bytes = field(repr=False)


_INFOS = struct.Struct("<8H")
_DATA_SIZE = _INFOS.size + DMA_ICS_SIZE + 4 + CM_AREA_SIZE + BL1_2_AREA_SIZE + DM_AREA_SIZE
_SECRETS_SIZE = 5 * KEY_SIZE


def unpack_values(data: bytes, secret_values: bytes) -> Values | None:
    """The values; None if the sizes are not those of the development message."""
    if len(data) != _DATA_SIZE or len(secret_values) != _SECRETS_SIZE:
        return None
    numbers = _INFOS.unpack_from(data)
    names = ("cm", "bl1_2", "dm", "dynamic")
    areas = {name: Area(*numbers[2 * i : 2 * i + 2]) for i, name in enumerate(names)}
    ics_at = _INFOS.size
    (ics_size,) = struct.unpack_from("<I", data, ics_at + DMA_ICS_SIZE)
    cm_at = ics_at + DMA_ICS_SIZE + 4
    bl1_2_at = cm_at + CM_AREA_SIZE
    dm_at = bl1_2_at + BL1_2_AREA_SIZE
    keys = [secret_values[start : start + KEY_SIZE] for start in range(0, _SECRETS_SIZE, KEY_SIZE)]
    return Values(
        areas,
        data[ics_at : ics_at + min(ics_size, DMA_ICS_SIZE)],
        data[cm_at:bl1_2_at],
        data[bl1_2_at:dm_at],
        data[dm_at:],
        *keys,
    )
