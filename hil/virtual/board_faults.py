# SPDX-License-Identifier: Apache-2.0
"""The faults that a virtual board can be told to have, besides those of the firmware."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hil.errors import UsageError
from hil.virtual import board_reset_line, mem_ap, nor

#: Faults of the probe take the request from which on they hold, as in `probe-gone:500`.
_COUNTED = {
    "probe-gone": "the probe answers 'unplugged' from the N-th request on",
    "probe-silent": "the probe does not answer any more from the N-th request on",
}

#: Every fault of the board with what it does.
BOARD_FAULTS = {
    **nor.FAULTS,
    **mem_ap.FAULTS,
    **board_reset_line.FAULTS,
    **_COUNTED,
    "reset-clears-ram": "every reset clears the RAMs",
    "uart-silent": "nothing comes out of the UART",
}


@dataclass(frozen=True)
class FaultPlan:
    """The faults of one board, parsed."""

    #: Faults of the board that hold from the start.
    names: frozenset[str] = frozenset()
    #: Faults of the probe, with the request from which on they hold.
    counted: dict[str, int] = field(default_factory=dict)
    #: Everything else: what the firmware is told.
    firmware: frozenset[str] = frozenset()

    def reached(self, name: str, requests: int) -> bool:
        """Whether a counted fault holds at the given request."""
        return name in self.counted and requests >= self.counted[name]


def parse_faults(arguments: Iterable[str], firmware_faults: Iterable[str]) -> FaultPlan:
    """Sort the faults of the command line.

    Args:
        arguments: `NAME` or `NAME:N`.
        firmware_faults: What the firmware knows.

    Raises:
        UsageError: A name that nobody knows, or a count where none belongs.
    """
    known_to_firmware = frozenset(firmware_faults)
    names, counted, firmware = set(), {}, set()
    for argument in arguments:
        name, _, count = argument.partition(":")
        if name in _COUNTED:
            if count and not count.isdecimal():
                raise UsageError(f"--fault {argument}: {count!r} is not a number of requests")
            counted[name] = int(count or 1)
        elif argument in BOARD_FAULTS:
            names.add(argument)
        elif argument in known_to_firmware:
            firmware.add(argument)
        else:
            known = ", ".join(sorted({*BOARD_FAULTS, *known_to_firmware}))
            raise UsageError(f"--fault {argument}: no such fault; there are {known}")
    return FaultPlan(frozenset(names), counted, frozenset(firmware))
