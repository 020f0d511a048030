# SPDX-License-Identifier: Apache-2.0
"""`hil log`: read UART logs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hil.commands.options import Commands
from hil.errors import HilError


def add(commands: Commands) -> None:
    """Add `hil log`."""
    log = commands.add_parser("log", help="read UART logs: stages, times, first error, verdict")
    log.add_argument("files", nargs="+", type=Path, metavar="FILE")
    log.set_defaults(run=_log)


def _log(options: argparse.Namespace) -> int:
    from hil.uart.log_reader import read_log, render

    failed = 0
    for number, path in enumerate(options.files):
        if number:
            print()
        try:
            print(render(read_log(path)))
        except HilError as error:
            failed += 1
            print(f"hil: {error}", file=sys.stderr)
    return 2 if failed else 0
