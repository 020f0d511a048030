# SPDX-License-Identifier: Apache-2.0
"""The life-cycle manager (LCM): life-cycle state, TP mode and secure-provisioning mode.

TP mode and life-cycle state are latched at reset; a change in OTP shows after the next one.
Writing the SP magic resets the chip, which then runs in SP mode until the reset after that.
How the real LCM marks a finished transition in its config words cannot be read back; here bit 11
of cm_config_2 and bit 31 of dm_config are the marks.
"""

from __future__ import annotations

from enum import Enum

from hil.virtual.error_codes import (
    LCM_INIT_INVALID_KEY,
    LCM_SET_TP_MODE_INVALID_LCS,
    LCM_SET_TP_MODE_INVALID_TRANSITION,
    PlatError,
)
from hil.virtual.otp import Otp
from hil.virtual.otp_layout import (
    CM_CONFIG_1,
    CM_CONFIG_2,
    CM_RMA_FLAG,
    DM_CONFIG,
    DM_RMA_FLAG,
    GUK,
    HUK,
    KCE_CM,
    KCE_DM,
    KEY_SIZE,
    KP_CM,
    KP_DM,
    TP_MODE_CONFIG,
    zero_bits,
)

_TRUE = 0xFFFFFFFF
_DM_MARK = 1 << 11
_SE_MARK = 1 << 31
#: All-zero keys are replaced by these words (development images only).
_DUMMY_KEY = bytes((0x01, 0x02, 0x03, 0x04)) * 8

#: Key -> (config word, byte in it) that holds its number of 0 bits.
_KEY_COUNTS = {
    HUK: (CM_CONFIG_1, 0),
    GUK: (CM_CONFIG_1, 1),
    KP_CM: (CM_CONFIG_1, 2),
    KCE_CM: (CM_CONFIG_1, 3),
    KP_DM: (DM_CONFIG, 0),
    KCE_DM: (DM_CONFIG, 1),
}
_CM_KEYS = (HUK, GUK, KP_CM, KCE_CM)
_DM_KEYS = (KP_DM, KCE_DM)


class Lcs(Enum):
    """Life-cycle state; the value is the hardware register."""

    CM = 0xCCCC3C3C
    DM = 0xDDDD5A5A
    SE = 0xEEEEA5A5
    RMA = 0xFFFFC3C3

    @property
    def otp_enum(self) -> int:
        """The software view that enters the boot state (plat_otp_lcs_t)."""
        return {Lcs.CM: 0, Lcs.DM: 1, Lcs.SE: 3, Lcs.RMA: 7}[self]


class TpMode(Enum):
    """Test or production chip; the value is the hardware register."""

    VIRGIN = 0x000033CC
    TCI = 0x111155AA
    PCI = 0x2222AA55
    INVALID = 0xDEADBEEF


_TP_WORDS = {0x00000000: TpMode.VIRGIN, 0x0000FFFF: TpMode.TCI, 0xFFFF0000: TpMode.PCI}


class Lcm:
    """The LCM of one chip; `latch()` is what a reset does to it."""

    def __init__(self, otp: Otp) -> None:
        self._otp = otp
        self._sp_requested = False
        self.sp_mode = False
        self.lcs = Lcs.CM
        self.tp_mode = TpMode.VIRGIN
        self.latch()

    def latch(self) -> None:
        """Take over the OTP's state, as a reset does."""
        otp = self._otp
        self.sp_mode, self._sp_requested = self._sp_requested, False
        self.tp_mode = _TP_WORDS.get(otp.word(TP_MODE_CONFIG), TpMode.INVALID)
        if otp.word(CM_RMA_FLAG) == otp.word(DM_RMA_FLAG) == _TRUE:
            self.lcs = Lcs.RMA
        elif not otp.word(CM_CONFIG_2) & _DM_MARK:
            self.lcs = Lcs.CM
        elif not otp.word(DM_CONFIG) & _SE_MARK:
            self.lcs = Lcs.DM
        else:
            self.lcs = Lcs.SE

    def check_keys(self) -> None:
        """What `lcm_init` does in SE: the hardware's own zero counts of the keys.

        Raises:
            PlatError: If a key does not have the number of 0 bits that was counted.
        """
        if self.lcs is Lcs.SE and any(
            self._count(key) != self._counted(key) for key in _KEY_COUNTS
        ):
            raise PlatError(LCM_INIT_INVALID_KEY, "a hardware key does not match its zero count")

    def request_sp_mode(self) -> None:
        """Write the SP magic; the chip resets and comes back in SP mode."""
        self._sp_requested = True

    def set_tp_mode(self, mode: TpMode) -> None:
        """Choose TCI or PCI, once, in CM; seen after the next reset.

        Raises:
            PlatError: In another state.
        """
        if self.lcs is not Lcs.CM:
            raise PlatError(
                LCM_SET_TP_MODE_INVALID_LCS, f"TP mode cannot be set in {self.lcs.name}"
            )
        if self.tp_mode is not TpMode.VIRGIN:
            raise PlatError(
                LCM_SET_TP_MODE_INVALID_TRANSITION, f"TP mode is {self.tp_mode.name} already"
            )
        word = next(word for word, known in _TP_WORDS.items() if known is mode)
        self._otp.write_word(TP_MODE_CONFIG, word)

    def write_key(self, key: int, value: bytes) -> None:
        """Write a hardware key with its zero count."""
        self._otp.write(key, value)
        word, byte = _KEY_COUNTS[key]
        counted = (zero_bits(value) & 0xFF) << (8 * byte)
        self._otp.write_word(word, self._otp.word(word) | counted)

    def to_dm(self) -> None:
        """CM to DM; all-zero keys become dummy words."""
        self._fill(_CM_KEYS)
        self._otp.write_word(CM_CONFIG_2, self._otp.word(CM_CONFIG_2) | _DM_MARK)

    def to_se(self) -> None:
        """DM to SE; all-zero keys become dummy words."""
        self._fill(_DM_KEYS)
        self._otp.write_word(DM_CONFIG, self._otp.word(DM_CONFIG) | _SE_MARK)

    def _fill(self, keys: tuple[int, ...]) -> None:
        for key in keys:
            if not any(self._otp.read(key, KEY_SIZE)):
                self.write_key(key, _DUMMY_KEY)

    def _count(self, key: int) -> int:
        return zero_bits(self._otp.read(key, KEY_SIZE)) & 0xFF

    def _counted(self, key: int) -> int:
        word, byte = _KEY_COUNTS[key]
        return self._otp.word(word) >> (8 * byte) & 0xFF
