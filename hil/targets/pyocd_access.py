# SPDX-License-Identifier: Apache-2.0
"""What debug access a chip grants: pyOCD says "no cores" of a locked chip and of an empty socket."""

from __future__ import annotations

from typing import Any

from pyocd.core import exceptions

from hil.targets.pyocd_errors import Refusal

_PFR1, _DHCSR, _SECURE_DEBUG = 0xE000ED44, 0xE000EDF0, 1 << 20


def locked(session: Any) -> Refusal | None:
    """Return why no core was found, where an access port says that it is closed; None otherwise."""
    try:
        ports = [p for p in session.target.dp.aps.values() if hasattr(p, "is_enabled")]
        closed = [port.short_description for port in ports if not port.is_enabled]
    except (AttributeError, OSError, exceptions.Error):
        return None
    if not closed or len(closed) < len(ports):
        return None
    return Refusal(
        f"debug access is locked: {', '.join(closed)} of the chip is there and grants no memory "
        "access (DeviceEn is 0 in its CSW); nothing was erased",
        "open debug for this life-cycle state (authentication, DCU) or take a chip in another one; "
        "unlocking by mass erase is never tried by itself",
    )


def check_secure(session: Any) -> None:
    """Refuse a core with the Security Extension on which only non-secure debug is allowed."""
    target = session.target
    if target.read32(_PFR1) >> 4 & 0xF == 0:
        return
    if not target.read32(_DHCSR) & _SECURE_DEBUG:
        raise Refusal(
            "only non-secure debug is allowed (DHCSR.S_SDE is 0): secure memory can neither be written "
            "nor read, the core cannot be held at its reset vector",
            "open secure debug (authentication, DCU, SPIDEN), or say secure_debug: false for a board "
            "that is loaded through its non-secure memory; nothing was erased",
        )
