# SPDX-License-Identifier: Apache-2.0
"""What a device said last is told once in the text of a failure, however many causes name its end."""

from __future__ import annotations

from pathlib import Path

from hil.bench.board_file import load_board
from hil.bench.boots import SystemBoot
from hil.diagnosis.boot import explain_boot
from hil.uart.boot_result import BootResult

ROOT = Path(__file__).resolve().parents[2]
WHY = "the model was killed by signal 9"


def dead(rse: int) -> BootResult:
    return BootResult(
        rse=rse, reached=(), failed_stage="BL1_1", reason="dead", waited=1.0, last_line="",
        detail=f"{WHY}; last lines: one | two | three (licence)", halt_line=None, boots=(),
        events=(), reports=(),
    )  # fmt: skip


def test_a_model_that_died(tmp_path: Path) -> None:
    """In the first place whole; the cause and its evidence have the first clause."""
    board = load_board(ROOT / "boards" / "virtual-fvp-rdv3-cfg2.yaml").board
    boot = SystemBoot(0, {rse: dead(rse) for rse in board.rse_ids}, 0.0)
    told = explain_boot(boot, 0, board)
    assert told.startswith(f"RSE 0: stage BL1_1 not reached: {WHY}; last lines: one | two | three")
    assert told.count("one | two | three") == 1
    assert f"    for: {WHY}\n" in told
