# SPDX-License-Identifier: Apache-2.0
"""`hil runs`: verdicts and places of runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.commands.options import Commands
from hil.errors import HilError


def add(commands: Commands) -> None:
    """Add `hil runs`."""
    runs = commands.add_parser("runs", help="verdicts and places of the runs in a folder")
    runs.add_argument("folder", nargs="?", type=Path, default=Path("runs"))
    runs.set_defaults(run=_runs)


def _runs(options: argparse.Namespace) -> int:
    from hil.report.runs_view import find_runs, read_run, render_run

    count = bad = 0
    for folder in find_runs(options.folder):
        count += 1
        try:
            run = read_run(folder)
        except HilError as error:
            bad += 1
            print(f"{'DAMAGED':<12} {error}")
            continue
        bad += not run.passed
        print(render_run(run))
    if not count:
        print(f"no run in {options.folder}")
    return 0 if count and not bad else 1
