# SPDX-License-Identifier: Apache-2.0
"""The values of the boot state that a state line shows, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hil.diagnosis.facts import Facts
from hil.model.boot_state import Lcs, TpMode
from hil.model.system_inputs import SERVER
from hil.uart.report_lines import StateReport


@dataclass(frozen=True)
class StateField:
    """One value of the boot state: its name in formulas, in words, and as the state line shows it."""

    name: str
    words: str
    show: Callable[[StateReport], str]


def _lcs(state: StateReport) -> str:
    return {lcs.otp: lcs.name for lcs in Lcs}.get(state.lcs, f"{state.lcs:#x}")


def _tp(state: StateReport) -> str:
    return {tp.hardware: tp.name for tp in TpMode}.get(state.tp, f"{state.tp:#x}")


FIELDS = {
    field.name: field
    for field in (
        StateField("lcs", "LCS", _lcs),
        StateField("tp", "TP mode", _tp),
        StateField("reprov", "reprovisioning word", lambda state: f"{state.reprov:#x}"),
        StateField("bl1_2", "BL1_2 hash", lambda state: f"{state.bl1_2}..."),
    )
}


def believed_of(f: Facts, field: StateField) -> str | None:
    """Return what the board file says of a field, as the state line would show it."""
    rse = f.case.inputs.rses[SERVER]
    if not f.case.state_known:
        return None
    known = {"lcs": rse.lcs.name, "tp": rse.tp.name, "reprov": f"{rse.reprov:#x}"}
    if rse.bl1_2_hash is not None:
        known["bl1_2"] = f"{rse.bl1_2_hash[:4].hex()}..."
    return known.get(field.name)


def states_equal(f: Facts) -> bool:
    """Tell whether all state lines say the same, but for the policy."""
    return len({(s.lcs, s.tp, s.reprov, s.bl1_2) for s in f.states.values()}) == 1


def states_as_believed(f: Facts) -> bool:
    """Tell whether all state lines say what the board file says."""
    return all(
        field.show(state) == believed_of(f, field)
        for state in f.states.values()
        for field in FIELDS.values()
    )
