# SPDX-License-Identifier: Apache-2.0
"""What a debugger sees of OTP and lifecycle manager."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.virtual.chip_windows import LcmWindow, OtpWindow
from hil.virtual.otp import OTP_SIZE, Otp


@pytest.fixture
def otp(tmp_path: Path) -> Otp:
    """Fuses that are all blown where keys stand, and some beyond."""
    fuses = Otp(tmp_path / "otp")
    fuses.write(0, b"\xff" * 0xE0)
    return fuses


def test_keys_read_as_zero_and_the_rest_as_it_is(otp: Otp) -> None:
    """HUK, GUK and provisioning keys are hidden, the ROTPK after them is not."""
    window = OtpWindow(otp)
    words = [window.read(offset) for offset in range(0, OTP_SIZE, 4)]
    assert words[: 0xC0 // 4] == [0] * 48
    assert words[0xC0 // 4 : 0xE4 // 4] == [0xFFFFFFFF] * 8 + [0]


def test_the_debugger_cannot_blow_fuses(otp: Otp) -> None:
    """A write changes nothing."""
    OtpWindow(otp).write(0xE0, 0xFFFFFFFF)
    assert otp.word(0xE0) == 0


def test_the_lifecycle_registers_follow_the_fuses(otp: Otp) -> None:
    """Lifecycle state, TP mode and OTP size as the hardware's constants."""
    window = LcmWindow(otp)
    assert [window.read(offset) for offset in (0x00, 0x08, 0x1C)] == [0xCCCC3C3C, 0x33CC, 0x4000]
    otp.write_word(0xE0, 0x0000FFFF)
    assert window.read(0x08) == 0x111155AA
