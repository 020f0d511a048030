# SPDX-License-Identifier: Apache-2.0
"""The boot state: what of a device's life enters its keys, field by field.

Source: TF-M 2.2 and 2.3 rse_boot_state.c, TF-M 2.1 rse_key_derivation.c, lcm_drv.h,
tfm_plat_otp.h. The life-cycle state enters as its software (OTP) number, the test/production mode
as its LCM hardware word.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum, IntFlag
from typing import TypeVar

from hil.errors import ModelError

HASH_SIZE = 32
DCU_SIZE = 16
#: The OTP area that BL1_1 hashes, padding included (BL1_2_CODE_SIZE).
BL1_2_CODE_SIZE = 0x2000

_E = TypeVar("_E", bound=Enum)


class Lcs(Enum):
    """Life-cycle states with both encodings; the value is the OTP one."""

    CM = 0
    DM = 1
    SE = 3
    RMA = 7

    @property
    def otp(self) -> int:
        """Number that enters the boot state (plat_otp_lcs_t)."""
        return self.value

    @property
    def hardware(self) -> int:
        """Word of the LCM register."""
        return _LCS_HARDWARE[self]

    @classmethod
    def from_otp(cls, value: int) -> Lcs:
        """Return the state of an OTP number, as the report line prints it."""
        return _lookup({lcs.otp: lcs for lcs in cls}, value, "life-cycle state (OTP number)")

    @classmethod
    def from_hardware(cls, value: int) -> Lcs:
        """Return the state of an LCM register word."""
        return _lookup({w: lcs for lcs, w in _LCS_HARDWARE.items()}, value, "LCM LCS word")


_LCS_HARDWARE = {
    Lcs.CM: 0xCCCC3C3C,
    Lcs.DM: 0xDDDD5A5A,
    Lcs.SE: 0xEEEEA5A5,
    Lcs.RMA: 0xFFFFC3C3,
}


class TpMode(Enum):
    """Test/production modes with both encodings; the value is the LCM hardware word."""

    VIRGIN = 0x000033CC
    TCI = 0x111155AA
    PCI = 0x2222AA55

    @property
    def hardware(self) -> int:
        """Word of the LCM register, which enters the boot state."""
        return self.value

    @property
    def otp(self) -> int:
        """Word tp_mode_config of the OTP."""
        return _TP_OTP[self]

    @classmethod
    def from_otp(cls, value: int) -> TpMode:
        """Return the mode of an OTP word."""
        return _lookup({w: tp for tp, w in _TP_OTP.items()}, value, "tp_mode_config word")

    @classmethod
    def from_hardware(cls, value: int) -> TpMode:
        """Return the mode of an LCM register word, as the report line prints it."""
        return _lookup({tp.hardware: tp for tp in cls}, value, "LCM TP word")


_TP_OTP = {TpMode.VIRGIN: 0x00000000, TpMode.TCI: 0x0000FFFF, TpMode.PCI: 0xFFFF0000}


def _lookup(table: dict[int, _E], value: int, what: str) -> _E:
    if value in table:
        return table[value]
    known = ", ".join(f"{number:#x} {member.name}" for number, member in table.items())
    raise ModelError(f"{value:#x} is no {what}; there are {known}")


class StateField(IntFlag):
    """The fields, with the firmware's bits of the mask that selects them."""

    TP = 0x01
    LCS = 0x02
    REPROV = 0x04
    BL1_2 = 0x08
    DCU = 0x10


#: No boot state at all: the context is empty, not a hash of nothing.
NO_FIELDS = StateField(0)
#: What most keys include; the DCU words only with ADAC secure debug.
ALL_FIELDS = StateField.TP | StateField.LCS | StateField.REPROV | StateField.BL1_2

#: TF-M 2.2 and later.
STANDARD_ORDER = (
    StateField.TP,
    StateField.LCS,
    StateField.REPROV,
    StateField.BL1_2,
    StateField.DCU,
)
#: TF-M 2.1.
TFM_2_1_ORDER = (StateField.LCS, StateField.TP, StateField.REPROV, StateField.BL1_2)


@dataclass(frozen=True)
class BootState:
    """Values that enter the boot state of one RSE.

    Raises:
        ModelError: a value the firmware cannot hold.
    """

    tp: TpMode
    lcs: Lcs
    #: First word of the CM reprovisioning counter.
    reprov: int
    #: Hash of the 8 KiB BL1_2 code area; only the first 32 bytes enter.
    bl1_2_hash: bytes = field(repr=False)
    #: The four DCU enabled words, only with ADAC secure debug.
    dcu: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.reprov <= 0xFFFF_FFFF:
            raise ModelError(f"reprov: expected a 32-bit word, got {self.reprov:#x}")
        if len(self.bl1_2_hash) < HASH_SIZE:
            raise ModelError(
                f"bl1_2_hash: expected at least {HASH_SIZE} bytes, got {len(self.bl1_2_hash)}"
            )
        if self.dcu is not None and len(self.dcu) != DCU_SIZE:
            raise ModelError(f"dcu: expected {DCU_SIZE} bytes, got {len(self.dcu)}")

    def preimage(
        self,
        mask: StateField = ALL_FIELDS,
        order: tuple[StateField, ...] = STANDARD_ORDER,
    ) -> bytes:
        """Return the bytes that are hashed: the selected fields in the release's order."""
        if StateField.DCU in mask and (self.dcu is None or StateField.DCU not in order):
            raise ModelError("the mask selects the DCU words, but this boot state has none")
        fields = {
            StateField.TP: self.tp.hardware.to_bytes(4, "little"),
            StateField.LCS: self.lcs.otp.to_bytes(4, "little"),
            StateField.REPROV: self.reprov.to_bytes(4, "little"),
            StateField.BL1_2: bytes(self.bl1_2_hash[:HASH_SIZE]),
            StateField.DCU: self.dcu or b"",
        }
        return b"".join(fields[name] for name in order if name in mask)

    def digest(
        self,
        mask: StateField = ALL_FIELDS,
        order: tuple[StateField, ...] = STANDARD_ORDER,
    ) -> bytes:
        """Return the context that enters a key: SHA-256 of the preimage, empty without fields."""
        if not mask:
            return b""
        return hashlib.sha256(self.preimage(mask, order)).digest()


def bl1_2_hash(code: bytes) -> bytes:
    """Return the hash of the BL1_2 code area as BL1_1 computes it: over all 8 KiB.

    Args:
        code: The padded code, as the build's bl1_2_padded.bin has it.

    Raises:
        ModelError: the code is not padded to the size of its area.
    """
    if len(code) != BL1_2_CODE_SIZE:
        raise ModelError(
            f"BL1_2: expected the padded code (bl1_2_padded.bin, {BL1_2_CODE_SIZE} bytes), "
            f"got {len(code)} bytes"
        )
    return hashlib.sha256(code).digest()
