# SPDX-License-Identifier: Apache-2.0
"""Which sources a run was made from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def git_state(folder: Path) -> str | None:
    """Return the commit of a folder, with "+changes" for an altered tree; None where there is none."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        described = subprocess.run(
            [git, "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+changes"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None
