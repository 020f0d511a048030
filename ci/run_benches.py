# SPDX-License-Identifier: Apache-2.0
"""Runs `pytest testcases` on one board after the other and ends with a short verdict for each.

Every run is a process of its own; a failing board does not keep the next one from running. The exit
status is 0 only if every run passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

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
    failed = False
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
        failed |= subprocess.run([*command, "-q"], cwd=ROOT, check=False).returncode != 0
    print(flush=True)
    shown = subprocess.run(
        [sys.executable, "-m", "hil.cli", "runs", str(runs)], cwd=ROOT, check=False
    )
    return 1 if failed or shown.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
