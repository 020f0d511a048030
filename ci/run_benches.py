# SPDX-License-Identifier: Apache-2.0
"""Runs `pytest testcases` on one board after the other and ends with a short verdict for each.

Every run is a process of its own; a failing board does not keep the next one from running. The exit
status is that of the run whose failure weighs most (docs/verdicts.md), 0 only if every run passed. A
run that was killed left no JUnit file; it gets one here, in which the killed test is an error.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from hil.report.exit_status import combined_status
from hil.report.junit import write_junit
from hil.report.recorded import read_record
from hil.report.runs_view import find_runs

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the boards named on the command line and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run records go")
    parser.add_argument("boards", nargs="+")
    options = parser.parse_args()

    # A folder of its own per call: two calls side by side do not list each other's runs.
    (ROOT / options.runs).mkdir(parents=True, exist_ok=True)
    runs = Path(tempfile.mkdtemp(prefix="benches-", dir=ROOT / options.runs))
    statuses = []
    for board in options.boards:
        print(f"\n== {board}", flush=True)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "testcases",
            "--board",
            board,
            "--runs",
            str(runs),
        ]
        statuses.append(subprocess.run([*command, "-q"], cwd=ROOT, check=False).returncode)
    for folder in find_runs(runs):
        recorded = read_record(folder)
        if not recorded.junit.is_file():
            write_junit(recorded.junit, recorded)
    print(flush=True)
    subprocess.run([sys.executable, "-m", "hil.cli", "runs", str(runs)], cwd=ROOT, check=False)
    # A process that a signal ended has a negative status, which no shell can show.
    return combined_status(128 - status if status < 0 else status for status in statuses)


if __name__ == "__main__":
    sys.exit(main())
