# SPDX-License-Identifier: Apache-2.0
"""The combined provisioning message of development devices: CM, BL1_2 and DM values in one blob.

Purpose COMBINED, signature ROTPK_IN_ROM (ECDSA P-256 over header, code, data and the plain secret
values), secret values encrypted with AES-256-CTR under the provisioning key of the chip
manufacturer. Header as TF-M 2.3.1 rse_provisioning_message.h; the areas in the data follow
rse_otp_layout.h. The code is free of content: what runs on a device is its own provisioning code.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

from hil.errors import ModelError
from hil.model.boot_state import BL1_2_CODE_SIZE, TpMode
from hil.model.keys import KEY_SIZE, provisioning_key
from hil.model.provisioning_fields import Purpose, RequiredTp
from hil.model.provisioning_message import IV_SIZE, AuthHeader, Message
from hil.model.provisioning_seal import Parts, Sign, seal
from hil.model.releases import release_for
from hil.model.secret import Secret

#: Bit of the CM policies.
VHUK_AGREEMENT_REQUIRED = 1 << 0

CODE_SIZE = 16
#: Nodes of the routing table: next hop to each.
MAX_NODES = 8
_OTP_SIZE = 16 * 1024
_CM_OFFSET = 0x300
_DYNAMIC_SIZE = 0x400
_DMA_ICS_SIZE = 0x108
_BLOB_VERSION = 1
_HASH = 32


class DevelopmentValueError(ModelError):
    """Raised for a value that does not fit its field.

    Args:
        message: What was found and what was expected.
        field: Name of the value.
    """

    def __init__(self, message: str, *, field: str) -> None:
        self.field = field
        self.text = message
        super().__init__(f"development message [{field}]: {message}")


@dataclass(frozen=True)
class RotpkHashes:
    """What the OTP holds to trust the keys of the images, 32 bytes each.

    Of MCUboot images it is the hash of the key as it stands in the image (DER), of the BL2 image
    the hash of the bare point.
    """

    bl2: bytes
    secure: bytes
    non_secure: bytes
    host_secure: bytes
    host_non_secure: bytes
    secure_debug: bytes = bytes(_HASH)
    host_cca: bytes = bytes(_HASH)


@dataclass(frozen=True)
class DevelopmentValues:
    """Everything that one RSE is provisioned with.

    Raises:
        DevelopmentValueError: a value that does not fit its field.
    """

    rse_id: int
    rse_amount: int
    bl1_2: bytes = field(repr=False)
    rotpks: RotpkHashes
    guk: Secret
    kp_cm: Secret
    kce_cm: Secret
    kp_dm: Secret
    kce_dm: Secret
    tp: TpMode = TpMode.TCI
    vhuk_agreement: bool = True
    dm_policies: int = 0
    batch_id: int = 0
    dm_number: int = 0
    #: Root key that the provisioning key comes from in PCI mode.
    krtl: Secret | None = None

    def __post_init__(self) -> None:
        for name in ("guk", "kp_cm", "kce_cm", "kp_dm", "kce_dm"):
            key: bytes = getattr(self, name)
            _need(len(key) == KEY_SIZE, name, f"expected {KEY_SIZE} bytes, got {len(key)}")
            # Plain bytes would show themselves in the repr of this object.
            object.__setattr__(self, name, Secret(key))
        if self.krtl is not None:
            object.__setattr__(self, "krtl", Secret(self.krtl))
        _need(self.tp is not TpMode.VIRGIN, "tp", f"expected TCI or PCI, got {self.tp.name}")
        if self.tp is TpMode.PCI:
            size = len(self.krtl or b"")
            _need(size == KEY_SIZE, "krtl", f"PCI mode needs {KEY_SIZE} bytes, got {size}")
        size = len(self.bl1_2)
        _need(size == BL1_2_CODE_SIZE, "bl1_2", f"expected {BL1_2_CODE_SIZE} bytes, got {size}")
        amount = self.rse_amount
        _need(
            1 <= amount <= MAX_NODES, "rse_amount", f"expected 1 to {MAX_NODES} RSEs, got {amount}"
        )
        _need(
            0 <= self.rse_id < amount,
            "rse_id",
            f"expected 0 to {amount - 1}, got {self.rse_id}",
        )
        for name, value in vars(self.rotpks).items():
            _need(
                len(value) == _HASH, f"rotpks.{name}", f"expected {_HASH} bytes, got {len(value)}"
            )
        for name in ("batch_id", "dm_number", "dm_policies"):
            number: int = getattr(self, name)
            _need(0 <= number < 2**32, name, f"expected a number of 32 bits, got {number}")

    @property
    def cm_policies(self) -> int:
        """The policy word."""
        return VHUK_AGREEMENT_REQUIRED if self.vhuk_agreement else 0

    @property
    def provisioning_key(self) -> Secret:
        """The key that the secret values are encrypted with."""
        # From 2.2 on every release derives the same key.
        return provisioning_key(self.tp, self.krtl, "CM", self.batch_id, release_for("2.3.1"))

    def message(self, sign: Sign, iv: bytes) -> Message:
        """Return the signed message.

        Args:
            sign: Signs with the key that the ROM must trust.
            iv: 8 bytes, other ones for each message.
        """
        _need(len(iv) == IV_SIZE, "iv", f"expected {IV_SIZE} bytes, got {len(iv)}")
        header = AuthHeader(
            purpose=Purpose(tp_mode=RequiredTp[self.tp.name]),
            version=_BLOB_VERSION,
            iv=iv,
            batch_id=self.batch_id,
            dm_number=self.dm_number,
        )
        return seal(header, self.parts(), key=self.provisioning_key, sign=sign)

    def parts(self) -> Parts:
        """Return code, data and secret values."""
        values = b"".join((self.guk, self.kp_cm, self.kce_cm, self.kp_dm, self.kce_dm))
        return Parts(bytes(CODE_SIZE), self._data(), Secret(values))

    def _data(self) -> bytes:
        areas = (self._cm_area(), self._bl1_2_area(), self._dm_area(), bytes(_DYNAMIC_SIZE))
        infos, offset = b"", _CM_OFFSET
        for area in areas:
            infos += struct.pack("<HH", offset, len(area))
            offset += -(-len(area) // 4) * 4
        _need(offset <= _OTP_SIZE, "areas", f"{offset} bytes do not fit the OTP of {_OTP_SIZE}")
        dma_ics = bytes(_DMA_ICS_SIZE) + struct.pack("<I", _DMA_ICS_SIZE)
        return infos + dma_ics + b"".join(areas[:3])

    def _cm_area(self) -> bytes:
        keys = self.rotpks
        rotpks = (keys.bl2, keys.secure, keys.secure_debug, keys.host_cca)
        words = struct.pack("<4I", 0, _BLOB_VERSION, self.cm_policies, self.rse_id)
        chip_output_data, reserved = bytes(16 + 96), bytes(4)
        return words + chip_output_data + reserved + _rotpk_areas(rotpks, 4)

    def _bl1_2_area(self) -> bytes:
        words = struct.pack("<3I", 0, len(self.bl1_2), _BLOB_VERSION)
        return words + hashlib.sha256(self.bl1_2).digest().ljust(48, b"\0") + self.bl1_2

    def _dm_area(self) -> bytes:
        keys = self.rotpks
        rotpks = (keys.non_secure, keys.host_secure, keys.host_non_secure)
        words = struct.pack("<3I", 0, _BLOB_VERSION, self.dm_policies)
        # Every node is reached directly.
        routing, reserved = bytes(range(MAX_NODES)), bytes(4)
        return words + routing + reserved + _rotpk_areas(rotpks, 8)


def _rotpk_areas(rotpks: tuple[bytes, ...], amount: int) -> bytes:
    """Return the areas {zero_count, policies, hashes}; the first holds the keys in use."""
    first = bytes(8) + b"".join(rotpks)
    return first + bytes(len(first) * (amount - 1))


def _need(holds: bool, name: str, message: str) -> None:
    if not holds:
        raise DevelopmentValueError(message, field=name)
