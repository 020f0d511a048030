# SPDX-License-Identifier: Apache-2.0
"""The error loop of BL1_1 and BL1_2 (`boot_platform_error_state`).

2.2 prints the encoded failure of its fault-injection library, always the same number; 2.3 prints
the encoded value and the real code.
"""

from __future__ import annotations

from hil.virtual.machine import BootEnd, Machine

_OLD_FAILURE = -1431677611
_MASK = 0xA5A5A5A5


def fatal(machine: Machine, code: int) -> BootEnd:
    """Print the fatal line; the caller's boot ends with the result."""
    if machine.release.old:
        machine.console.error_crlf(f"Fatal boot error {_OLD_FAILURE}")
    else:
        machine.console.error_crlf(f"Fatal boot error 0x{code ^ _MASK:x} (0x{code:x})")
    return BootEnd.HALT
