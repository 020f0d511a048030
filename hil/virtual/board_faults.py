# SPDX-License-Identifier: Apache-2.0
"""The faults that a virtual board can be told to have, besides those of the firmware."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hil.errors import UsageError
from hil.virtual import board_reset_line, mem_ap, nor
from hil.virtual.fault_counts import FOR_EVER, FaultCounts

#: Faults of the probe and its wire, counted in requests.
_PROBE = {
    "probe-gone": "the probe answers 'unplugged'",
    "probe-silent": "the probe does not answer",
    "wait-storm": "the bus behind the access port answers WAIT",
    "sticky-fault": "an upset sets the sticky error at each access; for ever until a power cycle",
}

#: Faults that can hold for some occasions only: `NAME:N` from the N-th on, `NAME:N:M` for M of them.
#: `NAME:pageN` and `NAME:pageN:M` begin in the middle of the N-th page of flash.
COUNTED = {
    **{name: f"{what} (counted in requests)" for name, what in _PROBE.items()},
    **{name: f"{what} (counted in commands)" for name, what in nor.FAULTS.items()},
}

_PAGE = "page"

#: What happens once if it is not said how often.
_ONCE = frozenset({"power-cut"})

#: Every fault of the board with what it does.
BOARD_FAULTS = {
    **COUNTED,
    **mem_ap.FAULTS,
    **board_reset_line.FAULTS,
    "reset-clears-ram": "every reset clears the RAMs",
    "reset-spoils-flash": "every reset clears a byte of the flash",
    "uart-silent": "nothing comes out of the UART",
}


@dataclass(frozen=True)
class FaultPlan:
    """The faults of one board, parsed."""

    #: Faults of the board that hold from the start.
    names: frozenset[str] = frozenset()
    #: Faults that hold at certain occasions.
    counts: FaultCounts = field(default_factory=FaultCounts)
    #: Everything else: what the firmware is told.
    firmware: frozenset[str] = frozenset()


def parse_faults(arguments: Iterable[str], firmware_faults: Iterable[str]) -> FaultPlan:
    """Sort the faults of the command line.

    Args:
        arguments: `NAME`, `NAME:N`, `NAME:N:M`; `NAME:pageN`, `NAME:pageN:M`.
        firmware_faults: What the firmware knows.

    Raises:
        UsageError: A name that nobody knows, or a count where none belongs.
    """
    known_to_firmware = frozenset(firmware_faults)
    names, firmware = set(), set()
    counted: dict[str, range] = {}
    after_page: dict[str, tuple[int, int]] = {}
    for argument in arguments:
        name, *counts = argument.split(":")
        if name in COUNTED:
            in_page = bool(counts) and counts[0].startswith(_PAGE)
            first, times = _occasions(name, counts, _PAGE if in_page else "")
            if in_page:
                after_page[name] = first, times
            else:
                counted[name] = range(first, first + times)
        elif argument in BOARD_FAULTS:
            names.add(argument)
        elif argument in known_to_firmware:
            firmware.add(argument)
        else:
            known = ", ".join(sorted({*BOARD_FAULTS, *known_to_firmware}))
            raise UsageError(f"--fault {argument}: no such fault; there are {known}")
    counts_of_all = FaultCounts((), counted, after_page)
    return FaultPlan(frozenset(names), counts_of_all, frozenset(firmware))


def _occasions(name: str, counts: list[str], prefix: str) -> tuple[int, int]:
    """Return when a fault begins and how often it holds, from the numbers after its name."""
    numbers = [count.removeprefix(prefix) for count in counts]
    if len(numbers) > 2 or not all(number.isdecimal() for number in numbers):
        given = ":".join([name, *counts])
        wrong = next((number for number in numbers if not number.isdecimal()), given)
        raise UsageError(f"--fault {given}: {wrong!r} is not a number of occasions")
    first = int(numbers[0]) if numbers else 1
    times = int(numbers[1]) if len(numbers) > 1 else (1 if name in _ONCE else FOR_EVER)
    return first, times
