# SPDX-License-Identifier: Apache-2.0
"""What the firmware checks of its OTP at start (TF-M otp_lcm.c): zero counts and device status.

A mismatch bricks the device: the reason goes into the device status word, and every later boot
fails on that.
"""

from __future__ import annotations

from hil.virtual.error_codes import INTEGRITY_CHECKER_COMPARISON_FAILED, PlatError
from hil.virtual.lifecycle import Lcs
from hil.virtual.otp_layout import OtpMap, Region

_AREAS_WITH_INFO = ("cm", "bl1_2", "dm", "dynamic")
_MODIFIED_BEFORE_CM = 1
_INTEGRITY_FAILURE = 5
_KRTL_MAX = 64


def disable_device(otp: OtpMap, reason: int) -> None:
    """Brick the device for ever."""
    status = otp.release.device_status
    otp.otp.write_word(status, otp.otp.word(status) | reason << 17)


def check_minimal(otp: OtpMap, lcs: Lcs) -> None:
    """BL1_1 of 2.3 in SE: area infos and the content of BL1_2 only.

    Raises:
        PlatError: With the code that the firmware prints.
    """
    _check_infos(otp, lcs)
    region = otp.region("bl1_2")
    if not otp.intact(region):
        disable_device(otp, _INTEGRITY_FAILURE)
        # The caller hands on what the comparison returned, in hardware where it is aligned.
        aligned = region.start % 8 == region.size % 8 == 0
        code = INTEGRITY_CHECKER_COMPARISON_FAILED if aligned else otp.code("ZERO_COUNT_MISMATCH")
        raise PlatError(code, "BL1_2 area does not match its zero count")
    _check_status(otp)


def check_all(otp: OtpMap, lcs: Lcs) -> None:
    """Everything that can be checked in this life-cycle state.

    Raises:
        PlatError: With the code that the firmware returns.
    """
    _check_infos(otp, lcs)
    if lcs in (Lcs.DM, Lcs.SE):
        _check_area(otp, "cm", "OTP_INIT_CM_ZERO_COUNT_ERR")
        _check_area(otp, "bl1_2", "OTP_INIT_BL1_2_ZERO_COUNT_ERR")
        if lcs is Lcs.SE:
            _check_area(otp, "dm", "OTP_INIT_DM_ZERO_COUNT_ERR")
        otp.rotpk_set("dm")
        cm_keys = otp.region("cm_rotpk")
        if not otp.release.old and not otp.intact(cm_keys):
            raise PlatError(otp.code("OTP_INIT_CM_ROTPK_ZERO_COUNT_ERR"), "CM ROTPK area")
    _check_status(otp)


def check_untouched_before_cm(otp: OtpMap, area: Region) -> None:
    """The CM blob's first act: nobody wrote to this die before.

    Raises:
        PlatError: If somebody did; the device is bricked then.
    """
    if otp.otp.word(otp.release.device_status):
        disable_device(otp, _MODIFIED_BEFORE_CM)
        name = "PROVISIONING_DEVICE_STATUS_TAMPERING_DETECTED"
        raise PlatError(otp.code(name), "device status is set before CM provisioning")
    if any(otp.otp.read(area.start, area.size)):
        disable_device(otp, _MODIFIED_BEFORE_CM)
        raise PlatError(otp.code("PROVISIONING_CM_TAMPERING_DETECTED"), "CM area is not blank")


def _check_infos(otp: OtpMap, lcs: Lcs) -> None:
    if lcs not in (Lcs.DM, Lcs.SE):
        return
    for name in _AREAS_WITH_INFO:
        if not otp.intact(otp.info_region(name)):
            disable_device(otp, _INTEGRITY_FAILURE)
            code = otp.code(f"OTP_INIT_{name.upper()}_ZERO_COUNT_ERR")
            raise PlatError(code, f"info word of the {name} area")


def _check_area(otp: OtpMap, name: str, error: str) -> None:
    if not otp.intact(otp.region(name)):
        disable_device(otp, _INTEGRITY_FAILURE)
        raise PlatError(otp.code(error), f"content of the {name} area")


def _check_status(otp: OtpMap) -> None:
    if otp.krtl_usage > _KRTL_MAX:
        raise PlatError(otp.code("OTP_INIT_KRTL_COUNTER_EXCEEDED"), "KRTL used too often")
    if otp.otp.word(otp.release.device_status) >> 17:
        raise PlatError(otp.code("OTP_INIT_INVALID_DEVICE_STATUS"), "the device was disabled")
