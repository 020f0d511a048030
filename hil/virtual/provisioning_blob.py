# SPDX-License-Identifier: Apache-2.0
"""What the combined provisioning code does on the chip, in the order of the release.

A virtual RSE cannot execute the blob's code: a message of type "combined" stands for TF-M's
cm_provisioning_code.c and dm_provisioning_code.c. Each write goes to the fuses at once, so a kill
in the middle leaves a half-provisioned die, as on silicon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from hil.virtual import faults
from hil.virtual.error_codes import LCM_SET_LCS_INVALID_TP_MODE, PlatError
from hil.virtual.lifecycle import TpMode
from hil.virtual.machine import Machine, Stage
from hil.virtual.otp import OTP_SIZE
from hil.virtual.otp_checks import check_untouched_before_cm
from hil.virtual.otp_layout import (
    AREA_INFO,
    DM_AREA_SIZE,
    GUK,
    HUK,
    KCE_CM,
    KCE_DM,
    KP_CM,
    KP_DM,
    Area,
    Region,
)
from hil.virtual.provisioning_message import Values

_STEP_SECONDS = 0.004
_ACCEPTABLE_KRTL_USAGE = 6
_INFO_NAMES = {"cm": "CM", "bl1_2": "BL1_2", "soc": "SOC", "dm": "DM", "dynamic": "dynamic"}


def die_huk(chip: int, names: frozenset[str]) -> bytes:
    """What the TRNG of that die gives when the HUK is drawn."""
    return hashlib.sha256(f"virtual RSE die {faults.die_number(chip, names)}".encode()).digest()


def provision_cm(machine: Machine, values: Values) -> Stage:
    """CM part: keys, areas, BL1_2, HUK; ends in DM.

    Raises:
        PlatError: If the die was tampered with, or KRTL was used too often.
    """
    otp, fuses = machine.otp, machine.otp.otp
    area = values.areas["cm"]
    check_untouched_before_cm(otp, Region(area.offset, area.size, 0))
    if not machine.release.old:
        _check_krtl_usage(machine)
    yield from _key(machine, "GUK", GUK, values.guk)
    yield from _key(machine, "KP_CM", KP_CM, values.kp_cm)
    machine.console.info("Provisioning DMA ICS")
    fuses.write(machine.release.dma_ics, values.dma_ics)
    yield machine.delay(_STEP_SECONDS)
    soc_size = machine.release.soc_area_size
    infos = {**values.areas, "soc": Area(OTP_SIZE - soc_size, soc_size)}
    for name, spelt in _INFO_NAMES.items():
        machine.console.info(f"Writing {spelt} area info")
        fuses.write_word(AREA_INFO[name], infos[name].offset | infos[name].size << 16)
        yield machine.delay(_STEP_SECONDS)
    if machine.release.old:
        yield from _area(machine, "CM", area, values.cm)
        yield from _area(machine, "BL1_2", values.areas["bl1_2"], values.bl1_2)
        yield from _key(machine, "HUK", HUK, die_huk(machine.chip, machine.faults))
    else:
        yield from _area(machine, "BL1_2", values.areas["bl1_2"], values.bl1_2)
        yield from _key(machine, "HUK", HUK, die_huk(machine.chip, machine.faults))
        yield from _area(machine, "CM", area, values.cm)
    yield from _key(machine, "KCE_CM", KCE_CM, values.kce_cm)
    machine.console.info("Transitioning to DM LCS")
    for name in ("cm", "bl1_2", "dm", "dynamic"):
        otp.seal(otp.info_region(name))
    for name in ("cm", "cm_rotpk", "bl1_2"):
        otp.seal(otp.region(name))
    _transition(machine, machine.lcm.to_dm)
    yield machine.delay(_STEP_SECONDS)
    return None


def provision_dm(machine: Machine, values: Values) -> Stage:
    """DM part: keys, routing, owner keys; ends in SE.

    Raises:
        PlatError: If the DM area announced in CM has another size.
    """
    otp, fuses = machine.otp, machine.otp.otp
    yield from _key(machine, "KP_DM", KP_DM, values.kp_dm)
    yield from _key(machine, "KCE_DM", KCE_DM, values.kce_dm)
    area = otp.area("dm")
    if area.size != DM_AREA_SIZE:
        code = otp.code("DM_PROVISIONING_INVALID_DM_AREA_SIZE")
        raise PlatError(code, f"DM area of {area.size} bytes, the blob has {DM_AREA_SIZE}")
    machine.console.info("Writing DM provisioning values")
    fuses.write(area.offset, values.dm)
    yield machine.delay(_STEP_SECONDS)
    if not machine.release.old:
        machine.console.info("Writing DM ROTPK values")
        yield machine.delay(_STEP_SECONDS)
    machine.console.info("Transitioning to SE LCS")
    for name in ("dm", "dm_rotpk"):
        otp.seal(otp.region(name))
    _transition(machine, machine.lcm.to_se)
    yield machine.delay(_STEP_SECONDS)
    return None


def _transition(machine: Machine, transition: Callable[[], None]) -> None:
    """Change the life-cycle state; outside SP mode the driver enters that first, by a reset.

    Raises:
        PlatError: The chip has no TP mode.
    """
    if machine.lcm.tp_mode is TpMode.VIRGIN:
        raise PlatError(LCM_SET_LCS_INVALID_TP_MODE, "no other state without a TP mode")
    if machine.lcm.sp_mode:
        transition()
    else:
        machine.lcm.request_sp_mode()


def _key(machine: Machine, name: str, key: int, value: bytes) -> Stage:
    machine.console.info(f"Provisioning {name}")
    machine.lcm.write_key(key, value)
    yield machine.delay(_STEP_SECONDS)
    return None


def _area(machine: Machine, name: str, area: Area, content: bytes) -> Stage:
    machine.console.info(f"Writing {name} provisioning values")
    machine.otp.otp.write(area.offset, content)
    yield machine.delay(_STEP_SECONDS)
    return None


def _check_krtl_usage(machine: Machine) -> None:
    usage = machine.otp.krtl_usage
    if usage > _ACCEPTABLE_KRTL_USAGE:
        limit = _ACCEPTABLE_KRTL_USAGE
        machine.console.error_crlf(f"KRTL Usage counter {usage} above the limit of {limit}")
        raise PlatError(machine.otp.code("SET_OTP_COUNTER_MAX_VALUE"), "KRTL used too often")
    if usage:
        machine.console.warn_unterminated(
            f"KTRL Usage counter expected to be 0, but read as {usage}"
        )
