# SPDX-License-Identifier: Apache-2.0
"""Sets up `.venv` with the pinned versions, once, also when two start at the same time.

Runs on a bare Python 3.11 or later, standard library only. The stamp inside `.venv` holds a digest
of what decides its content, so an up-to-date one costs a few milliseconds and needs no network.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "rse-hil.stamp"
INPUTS = ("pyproject.toml", "ci/constraints.txt", "ci/setup_venv.py")
OLDEST, FIRST_UNTRIED = (3, 11), (3, 14)


def digest() -> str:
    """Return what the present `.venv` must have been made from."""
    sha = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())
    for name in INPUTS:
        sha.update((ROOT / name).read_bytes())
    return sha.hexdigest()


def build() -> None:
    """Make the environment anew and install the project with its development tools."""
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        sys.exit(
            f"{made.stdout}{made.stderr}\nsetup: Python cannot make a virtual environment; "
            "on Debian and Ubuntu: apt-get install python3-venv"
        )
    # The constraint goes by environment so that it binds the build's own requirements too, and as
    # a URL because pip splits the variable at blanks.
    env = os.environ | {"PIP_CONSTRAINT": (ROOT / "ci/constraints.txt").as_uri()}
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet", "-e", f"{ROOT}[dev]"]
    if subprocess.run(pip, env=env, check=False).returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            "setup: pip could not install the packages (see above); is a package index in reach?"
        )


def hand_over_to_a_fitting_python() -> None:
    """Go on with another Python of this machine if the one that runs is too old or too new."""
    for minor in range(FIRST_UNTRIED[1] - 1, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # Version managers put launchers on PATH for versions that are not switched on.
        if (
            found
            and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            os.execv(found, [found, *sys.argv])


def main() -> None:
    """Bring `.venv` up to date or say why that is not possible."""
    if not OLDEST <= sys.version_info[:2] < FIRST_UNTRIED:
        hand_over_to_a_fitting_python()
        sys.exit(
            f"setup: rse-hil needs Python 3.11 to 3.13, this is {sys.version.split()[0]} "
            f"({sys.executable}); name another one: make PYTHON=/path/to/python3.11 ..."
        )
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = digest()
        if STAMP.is_file() and STAMP.read_text() == wanted:
            return
        print("setting up .venv (once; a minute or so) ...", flush=True)
        build()
        STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
