# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the log reader runs; how fast it is, is not asked here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_reads_what_it_says(tmp_path: Path) -> None:
    """A log is repeated until it has the wanted size, and all of it is counted."""
    log = tmp_path / "x.log"
    log.write_bytes(b"[INF] Starting bootloader\r\n" + b"x" * 71 + b"\r\n")
    command = [sys.executable, str(ROOT / "benchmarks/parse_speed.py"), "--size", "1", str(log)]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode in (0, 1), run.stderr
    assert "MB/s, peak" in run.stdout
    assert "20000 lines, 10000 boots, 0 tests" in run.stdout
