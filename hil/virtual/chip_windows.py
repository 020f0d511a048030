# SPDX-License-Identifier: Apache-2.0
"""What a debugger sees of the lifecycle manager and the OTP behind it; never a key.

Register layout as in TF-M 2.3.1 lcm_drv.c.
"""

from __future__ import annotations

from hil.virtual.lifecycle import Lcm
from hil.virtual.otp import OTP_SIZE, Otp
from hil.virtual.otp_layout import ROTPK

LCM_BASE, LCM_SIZE = 0x500A0000, 0x1000
OTP_BASE = LCM_BASE + LCM_SIZE

#: HUK, GUK and the provisioning keys stand before: software and debugger read zeros there.
_SECRETS_END = ROTPK
_REG_LCS, _REG_TP_MODE, _REG_OTP_SIZE = 0x00, 0x08, 0x1C


class OtpWindow:
    """The OTP as words, read only.

    Args:
        otp: The fuses.
    """

    def __init__(self, otp: Otp) -> None:
        self._otp = otp

    def read(self, offset: int) -> int:
        """Return a word; zero where the hardware hides keys."""
        return self._otp.word(offset) if offset >= _SECRETS_END else 0

    def write(self, _offset: int, _value: int) -> None:
        """Ignore a write: the debugger cannot blow fuses."""


class LcmWindow:
    """The registers of the lifecycle manager, read only, as after a reset now.

    Args:
        otp: The fuses.
    """

    def __init__(self, otp: Otp) -> None:
        self._otp = otp

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _REG_LCS:
            return Lcm(self._otp).lcs.value
        if offset == _REG_TP_MODE:
            return Lcm(self._otp).tp_mode.value
        return OTP_SIZE if offset == _REG_OTP_SIZE else 0

    def write(self, _offset: int, _value: int) -> None:
        """Ignore a write."""
