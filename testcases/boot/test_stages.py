# SPDX-License-Identifier: Apache-2.0
"""Every RSE boots: each stage in order and in time, on the console it should be on, without errors."""

from __future__ import annotations

import pytest
from hil_fixtures.verdicts import fail

from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.diagnosis.boot import diagnose_boot, explain_boot


@pytest.mark.req("RSE-BOOT-STAGES")
def test_reaches_every_stage_in_time(
    first_boot: SystemBoot, board: Board, rse: int, request: pytest.FixtureRequest
) -> None:
    """The RSE reaches each stage of the board file in order, each within its budget."""
    if not first_boot.of(rse).ok:
        diagnosis = diagnose_boot(first_boot, board)
        told = explain_boot(first_boot, rse, board, diagnosis)
        fail(told, boot=first_boot, rse=rse, diagnosis=diagnosis, request=request)


@pytest.mark.req("RSE-BOOT-STAGES")
def test_console_belongs_to_this_rse(first_boot: SystemBoot, rse: int) -> None:
    """`CHIP ID` on this UART is the id of this RSE: no two consoles are exchanged."""
    boot = first_boot.last(rse)
    chip_id = boot.chip_id if boot else None
    if chip_id is None:
        pytest.skip(
            f"RSE {rse} printed no CHIP ID line (this platform's BL2 has none, or not reached)"
        )
    if chip_id != rse:
        fail(
            f"RSE {rse}: its console says CHIP ID {chip_id}. Either the consoles of RSE {rse} and "
            f"{chip_id} are exchanged in the board file, or this die was provisioned with the bundle "
            f"of RSE {chip_id}",
            boot=first_boot,
            rse=rse,
        )


@pytest.mark.req("RSE-BOOT-ERRORS")
def test_no_unexpected_error(first_boot: SystemBoot, board: Board, rse: int) -> None:
    """No error line on the UART but those that the board file expects."""
    errors = first_boot.unexpected_errors(rse, board.allowed_errors)
    if errors:
        told = "\n".join(f"  {line}" for line in errors[:20])
        fail(
            f"RSE {rse}: {len(errors)} unexpected error line(s), first: {errors[0]}\n{told}\n"
            "Expected ones can be listed in the board file under `allowed_errors`",
            boot=first_boot,
            rse=rse,
        )
