# SPDX-License-Identifier: Apache-2.0
"""`hil doctor`: what is missing to run a board."""

from __future__ import annotations

import argparse

from hil.commands.options import Commands, add_boards_folder


def add(commands: Commands) -> None:
    """Add `hil doctor`."""
    doctor = commands.add_parser("doctor", help="what is missing to run a board, and what mends it")
    doctor.add_argument("board", nargs="?", metavar="BOARD")
    doctor.set_defaults(run=_doctor)
    add_boards_folder(doctor)


def _doctor(options: argparse.Namespace) -> int:
    from hil.bench.board_file import find_board, load_board
    from hil.bench.doctor import examine_board, examine_host, render_findings

    findings = examine_host()
    if options.board:
        findings += examine_board(load_board(find_board(options.board, options.boards)))
    print(render_findings(findings, options.board))
    return 1 if any(finding.missing for finding in findings) else 0
