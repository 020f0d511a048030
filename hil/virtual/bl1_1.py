# SPDX-License-Identifier: Apache-2.0
"""BL1_1, the ROM: OTP checks, provisioning where it is due, then BL1_2 from OTP.

What fails before the UART is up is silent: at 2.2 all OTP checks, from 2.3 on none in this stage.
"""

from __future__ import annotations

import hashlib

from hil.virtual.error_codes import PlatError
from hil.virtual.fatal import fatal
from hil.virtual.lifecycle import Lcs
from hil.virtual.machine import BootContext, BootEnd, Machine, Stage
from hil.virtual.otp_checks import check_all, check_minimal
from hil.virtual.provisioning import provision

#: What FVP builds provision for the noise source and its health tests.
_NOISE_SOURCE = "Noise Source: rosc_id: 0, subsample_count: 0x20"
_HEALTH_TESTS = "SP800-90B: high_threshold: 821, repetition_count: 81"

_RECOVERY_NOT_IMPLEMENTED = 1


def bl1_1(machine: Machine, context: BootContext) -> Stage:
    """Run the stage."""
    yield machine.delay(0.02)
    try:
        _init_otp(machine)
    except PlatError as error:
        if machine.release.old:
            return BootEnd.HALT
        return fatal(machine, error.code)
    lcs = machine.lcm.lcs
    if not machine.release.old and lcs is not Lcs.CM:
        machine.console.info_crlf(_NOISE_SOURCE)
        machine.console.info_crlf(_HEALTH_TESTS)
    machine.console.info("Starting TF-M BL1_1")
    yield machine.delay(0.02)
    if lcs in (Lcs.CM, Lcs.DM):
        try:
            return (yield from provision(machine))
        except PlatError as error:
            machine.console.error("BL1 provisioning failed")
            return fatal(machine, error.code)
    context.bl1_2_hash = hashlib.sha256(machine.otp.bl1_2_code).digest()
    if context.bl1_2_hash != machine.otp.bl1_2_hash[:32]:
        machine.console.error("BL1_2 image failed to validate")
        return fatal(machine, _RECOVERY_NOT_IMPLEMENTED)
    machine.console.info("Jumping to BL1_2")
    return None


def _init_otp(machine: Machine) -> None:
    machine.lcm.check_keys()
    if machine.lcm.lcs is Lcs.SE and not machine.release.old:
        check_minimal(machine.otp, machine.lcm.lcs)
    else:
        check_all(machine.otp, machine.lcm.lcs)
