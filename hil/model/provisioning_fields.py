# SPDX-License-Identifier: Apache-2.0
"""The bit fields of a provisioning message: what it is for, and how it is protected.

Every word can be taken apart and put together again without loss: values without a meaning have a
member of their own, and bits that belong to no field are kept.

Source: TF-M 2.3.1 rse_provisioning_message.h; 2.2 has the same numbers under older names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from hil.errors import ModelError
from hil.model.boot_state import Lcs, TpMode


class MessageType(IntEnum):
    """First word of a message."""

    BLOB = 0x1111B10B
    CERTIFICATE = 0x2222CE57
    PLAIN_DATA = 0x3333DA7A
    #: From 2.3 on.
    AUTH_PLAIN_DATA = 0x4444DA7A


class ReplyType(IntEnum):
    """First word of what a chip answers."""

    CERTIFICATE = 0x2222CE57
    CHIP_OUTPUT_DATA = 0x33330C0D
    PLAIN_DATA = 0x3333DA7A


class BlobType(IntEnum):
    """What a blob does; the firmware does not look at it, the blob's own code does what it does."""

    SINGLE_LCS = 1
    COMBINED = 2
    NEXT_PUBLIC_KEY = 3
    ENDORSEMENT_CERTIFICATE = 4
    DEBUG_ENABLING = 5
    VIRTUAL_TCI = 6
    TEST = 7


class RequiredTp(IntEnum):
    """TP mode that a message needs; on a virgin chip it sets it."""

    VIRGIN = 0
    PCI = 1
    TCI = 2
    RESERVED = 3

    @property
    def tp_mode(self) -> TpMode | None:
        """The mode, None for the reserved value."""
        return None if self is RequiredTp.RESERVED else TpMode[self.name]


class ValidLcs(IntFlag):
    """Life-cycle states that a message is valid in."""

    CM = 1
    DM = 2
    SE = 4
    RMA = 8

    def has(self, lcs: Lcs) -> bool:
        """Return whether a state is among them."""
        return bool(self & ValidLcs[lcs.name])


class CodeProtection(IntEnum):
    """Whether code and data are encrypted."""

    PLAIN = 0
    AES = 1
    RESERVED_2 = 2
    RESERVED_3 = 3


class ValuesProtection(IntEnum):
    """Who decrypts the secret values."""

    PLAIN = 0
    AES = 1
    #: The blob's own code (2.2: BY_BLOB).
    BY_MESSAGE = 2
    RESERVED = 3


class NonRomKey(IntEnum):
    """Which key outside the ROM has signed."""

    CM_ROTPK = 0
    #: The one that the message before it brought (2.2: PREVIOUS_BLOB).
    PREVIOUS_MESSAGE = 1
    #: From 2.3 on.
    DM_ROTPK = 2
    RESERVED = 3


class Signature(IntEnum):
    """How a message is authenticated."""

    NONE = 0
    #: AES-CCM under the provisioning key.
    KRTL_DERIVATIVE = 1
    #: ECDSA, both.
    ROTPK_IN_ROM = 2
    ROTPK_NOT_IN_ROM = 3

    @property
    def is_ecdsa(self) -> bool:
        """Whether it is a signature, not a tag."""
        return self in (Signature.ROTPK_IN_ROM, Signature.ROTPK_NOT_IN_ROM)


class Personalization(IntEnum):
    """Whether a message is for one SoC alone."""

    STATIC = 0
    PERSONALIZED = 1
    RESERVED_2 = 2
    RESERVED_3 = 3


_PURPOSE_FIELDS = 0xF8000EFF
_METADATA_FIELDS = 0xFC01FF0F


@dataclass(frozen=True)
class Purpose:
    """The word `purpose`: where and when a message may run.

    Raises:
        ModelError: a value that does not fit its field.
    """

    #: A `BlobType`, or a number of 8 bits that is none.
    type: int = BlobType.COMBINED
    tp_mode: RequiredTp = RequiredTp.TCI
    needs_sp_mode: bool = True
    chained: bool = False
    valid_lcs: ValidLcs = ValidLcs.CM | ValidLcs.DM
    #: Bits that no field has, in place.
    reserved: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.type <= 0xFF:
            raise ModelError(f"purpose: type has 8 bits, got {self.type:#x}")
        if not 0 <= self.reserved <= 0xFFFFFFFF or self.reserved & _PURPOSE_FIELDS:
            raise ModelError(f"purpose: {self.reserved:#010x} is not in the reserved bits")

    @property
    def word(self) -> int:
        """The word in the message."""
        return (
            self.type
            | self.tp_mode << 9
            | self.needs_sp_mode << 11
            | self.chained << 27
            | self.valid_lcs << 28
            | self.reserved
        )

    @classmethod
    def from_word(cls, word: int) -> Purpose:
        """Return what a word says."""
        number = word & 0xFF
        return cls(
            BlobType(number) if number in set(BlobType) else number,
            RequiredTp(word >> 9 & 0b11),
            bool(word >> 11 & 1),
            bool(word >> 27 & 1),
            ValidLcs(word >> 28),
            word & ~_PURPOSE_FIELDS,
        )


@dataclass(frozen=True)
class Metadata:
    """The word `metadata`: how a message is protected.

    Raises:
        ModelError: a value that does not fit its field.
    """

    code: CodeProtection = CodeProtection.PLAIN
    values: ValuesProtection = ValuesProtection.AES
    #: Number of the CM ROTPK that has signed, 9 bits.
    cm_rotpk: int = 0
    non_rom_key: NonRomKey = NonRomKey.CM_ROTPK
    signature: Signature = Signature.ROTPK_IN_ROM
    personalization: Personalization = Personalization.STATIC
    #: Bits that no field has, in place.
    reserved: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.cm_rotpk <= 0x1FF:
            raise ModelError(f"metadata: the CM ROTPK number has 9 bits, got {self.cm_rotpk:#x}")
        if not 0 <= self.reserved <= 0xFFFFFFFF or self.reserved & _METADATA_FIELDS:
            raise ModelError(f"metadata: {self.reserved:#010x} is not in the reserved bits")

    @property
    def word(self) -> int:
        """The word in the message."""
        return (
            self.code
            | self.values << 2
            | self.cm_rotpk << 8
            | self.non_rom_key << 26
            | self.signature << 28
            | self.personalization << 30
            | self.reserved
        )

    @classmethod
    def from_word(cls, word: int) -> Metadata:
        """Return what a word says."""
        return cls(
            CodeProtection(word & 0b11),
            ValuesProtection(word >> 2 & 0b11),
            word >> 8 & 0x1FF,
            NonRomKey(word >> 26 & 0b11),
            Signature(word >> 28 & 0b11),
            Personalization(word >> 30),
            word & ~_METADATA_FIELDS,
        )
