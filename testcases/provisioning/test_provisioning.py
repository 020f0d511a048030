# SPDX-License-Identifier: Apache-2.0
"""Every RSE is provisioned: from virgin through CM and DM to the life-cycle state of the board file."""

from __future__ import annotations

import pytest
from hil_fixtures.verdicts import fail

from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.diagnosis.boot import explain_boot
from hil.model.system_inputs import SystemInputs

#: What a device proves that is provisioned up to a life-cycle state.
_PROVES = {
    "CM": (),
    "DM": ("RSE-PROV-CM",),
    "SE": ("RSE-PROV-CM", "RSE-PROV-DM", "RSE-PROV-SE"),
}


def test_from_virgin_to_its_life_cycle_state(
    first_boot: SystemBoot, board: Board, rse: int, request: pytest.FixtureRequest
) -> None:
    """A virgin RSE takes every step of the provisioning, and then boots without another."""
    request.applymarker(pytest.mark.req(*_PROVES[board.provisioning.lcs]))
    if not board.provisioning.from_virgin:
        pytest.skip("the board file does not say that the devices are virgin (from_virgin)")
    wanted = ["DM", "SE"] if board.provisioning.lcs == "SE" else ["DM"]
    seen = first_boot.life_cycle_steps(rse)
    told = explain_boot(first_boot, rse, board)
    if seen != wanted:
        fail(
            f"RSE {rse}: life-cycle states reached by provisioning: {', '.join(seen) or 'none'}; "
            f"expected {', '.join(wanted)}\n{told}",
            boot=first_boot,
            rse=rse,
        )
    last = first_boot.last(rse)
    if last is not None and last.provisioned:
        fail(
            f"RSE {rse} begins another provisioning after state {wanted[-1]} was reached\n{told}",
            boot=first_boot,
            rse=rse,
        )


def test_state_is_as_provisioned(
    first_boot: SystemBoot,
    inputs: SystemInputs,
    board: Board,
    rse: int,
    request: pytest.FixtureRequest,
) -> None:
    """Life cycle, TP mode, reprovisioning word and BL1_2 are what the board file says."""
    request.applymarker(pytest.mark.req(*_PROVES[board.provisioning.lcs][-1:]))
    reported = first_boot.state(rse)
    if reported is None:
        pytest.skip(f"RSE {rse} reported no [HIL1] state line")
    wanted = inputs.rses[rse]
    pairs = [
        ("LCS", f"{reported.lcs:x}", f"{wanted.lcs.otp:x}"),
        ("TP mode", f"{reported.tp:08x}", f"{wanted.tp.hardware:08x}"),
        ("reprovisioning word", f"{reported.reprov:x}", f"{wanted.reprov:x}"),
    ]
    if wanted.bl1_2_hash is not None:
        pairs.append(("BL1_2 hash", reported.bl1_2, wanted.bl1_2_hash[:4].hex()))
    wrong = [f"{name} is {seen}, expected {value}" for name, seen, value in pairs if seen != value]
    if wrong:
        fail(
            f"RSE {rse}: {'; '.join(wrong)}. Each of these enters the vHUK: an RSE in another state "
            "ends with another vHUK, without any error line",
            boot=first_boot,
            rse=rse,
        )
