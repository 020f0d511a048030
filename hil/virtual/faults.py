# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with one virtual RSE, by name.

A fault is a property of one chip; its siblings never know. A test that wants a fault names it, the
firmware asks `has()` at the place where the fault bites.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable

from hil.errors import UsageError

NEVER_JOIN = "never-join"
SLOW_JOIN = "slow-join"
DIE_IN_BL1_2 = "die-in-bl1_2"
NO_BOOT = "no-boot"
HANG_IN_BL2 = "hang-in-bl2"
OTHER_GUK = "other-guk"
OTHER_DIE = "other-die"
SAME_DIE = "same-die"
PANIC_IN_RUNTIME = "panic-in-runtime"
NO_REPORT = "no-report"
STOCK_2_2_2 = "stock-2.2.2"

KNOWN: dict[str, str] = {
    NEVER_JOIN: "stops silently right after 'Starting TF-M BL1_2', never enters the handshake",
    SLOW_JOIN: "enters the handshake half a second late, so it comes after its siblings",
    DIE_IN_BL1_2: "takes part in the handshake, then stops silently before it reports anything",
    NO_BOOT: "dead silence: the core never prints a byte",
    HANG_IN_BL2: "waits for ever for the SCP's doorbell in BL2",
    OTHER_GUK: "the KMU delivers another GUK than that of its siblings",
    OTHER_DIE: "a replaced chip: draws the HUK of another die when it is provisioned",
    SAME_DIE: "a copy of chip 0, as models of chips may be: draws that one's HUK when provisioned",
    PANIC_IN_RUNTIME: "the TF-M runtime ends in a SecureFault and resets",
    NO_REPORT: "stock firmware without the fingerprint reporter: no [HIL1] lines",
    STOCK_2_2_2: "release 2.2.2 as tagged: no routing tables, and BL2 cannot read the RSE id",
}


def check(names: Iterable[str]) -> frozenset[str]:
    """The names as a set.

    Raises:
        UsageError: For a name that is not in KNOWN.
    """
    wanted = frozenset(names)
    for name in sorted(wanted - KNOWN.keys()):
        near = difflib.get_close_matches(name, KNOWN, n=1)
        guess = f", did you mean {near[0]!r}" if near else ""
        known = ", ".join(KNOWN)
        raise UsageError(f"unknown fault {name!r} of a virtual RSE{guess}; known are {known}")
    return wanted


def other_guk(guk: bytes) -> bytes:
    """The GUK of a chip with OTHER_GUK."""
    return hashlib.sha256(b"another GUK" + guk).digest()


def die_number(chip: int, names: frozenset[str]) -> int:
    """Number of the die in that chip's place; it decides the HUK."""
    if SAME_DIE in names:
        return 0
    return chip + 0x100 if OTHER_DIE in names else chip
