# SPDX-License-Identifier: Apache-2.0
"""The other harnesses, in a virtual environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"


def python() -> str:
    """Return the Python that has the other harnesses, made at the first call."""
    if given := os.environ.get("HIL_BENCH_VENV"):
        return str(Path(given) / "bin" / "python")
    venv = FOLDER / ".venv"
    if not (venv / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        wanted = ["-r", str(FOLDER / "requirements.txt")]
        subprocess.run([str(venv / "bin" / "pip"), "install", "-q", *wanted], check=True)
        (venv / "done").touch()
    return str(venv / "bin" / "python")


def machine() -> str:
    """Return what this was measured on."""
    import platform

    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python "
        f"{platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start"
    )
