# SPDX-License-Identifier: Apache-2.0
"""`hil doctor`: what is missing to run a board, and whether its devices work."""

from __future__ import annotations

import argparse

from hil.commands.options import Commands, add_boards_folder
from hil.errors import UsageError


def add(commands: Commands) -> None:
    """Add `hil doctor`."""
    doctor = commands.add_parser("doctor", help="what is missing to run a board, and what mends it")
    doctor.add_argument("board", nargs="?", metavar="BOARD")
    doctor.add_argument(
        "--live",
        action="store_true",
        help="open the bench and look at every device: probes, identity, UARTs, power; loads nothing",
    )
    doctor.add_argument(
        "--release", action="store_true", help="let the devices of the board out of quarantine"
    )
    doctor.set_defaults(run=_doctor)
    add_boards_folder(doctor)


def _doctor(options: argparse.Namespace) -> int:
    from hil.bench.board_file import find_board, load_board
    from hil.bench.doctor import examine_board, examine_host, render_findings
    from hil.bench.health import check_live, count, quarantined
    from hil.bench.quarantine import Quarantine

    if (options.live or options.release) and not options.board:
        raise UsageError("hil doctor: --live and --release need a BOARD")
    findings = examine_host()
    if options.board:
        file = load_board(find_board(options.board, options.boards))
        if options.release:
            held = Quarantine(file).release()
            for state in held:
                print(f"{state.device}: out of quarantine, where it was since {state.since}")
            print(f"{len(held)} device(s) of {file.board.name} let out")
            if not options.live:
                return 0
        findings += examine_board(file)
        if options.live:
            health = check_live(file)
            findings += [*health.findings, *count(file, health)]
        else:
            findings += quarantined(file)
    print(render_findings(findings, options.board))
    return 1 if any(finding.missing for finding in findings) else 0
