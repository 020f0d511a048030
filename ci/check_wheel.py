# SPDX-License-Identifier: Apache-2.0
"""Builds the wheel and checks what a lab's own repository gets from it.

The wheel is installed into a folder of its own (no dependencies; those of this environment serve).
There a repository with its own `boards/` and `testcases/` must find the `hil` command's boards and
the pytest plugin without a line of configuration, and nothing called `fixtures`, `testcases` or
`boards` may lie in site-packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {"hil", "hil_boards", "hil_fixtures"}
MUST_HAVE = (
    "hil/py.typed",
    "hil_fixtures/plugin.py",
    "hil_boards/virtual-rse4.yaml",
    "hil_boards/pyocd/virtual_rse.py",
    "hil_boards/payloads/tfm_s.bin",
    "hil_boards/keys/dev-EC-P256.pem",
)
LAB_TEST = '''
def test_lab(board, rse):
    """A lab's own test sees the board and its RSEs."""
    assert board.name == "our-board"
    assert rse in (0, 1)
'''
LAB_BOARD = """
extends: virtual-rse4
rses:
  - {id: 0, probe: "{rse0.probe}", console: {serial: "{rse0.uart}"}}
  - {id: 1, probe: "{rse1.probe}", console: {serial: "{rse1.uart}"}}
"""


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """Run a command, show what it said if it fails, return its output."""
    env = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, look inside, install aside, use as a lab would."""
    with tempfile.TemporaryDirectory(prefix="rse-hil-wheel-") as scratch_name:
        scratch = Path(scratch_name)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        os.environ["PIP_CONSTRAINT"] = (ROOT / "ci/constraints.txt").as_uri()
        run(*pip, "wheel", "-q", "--no-deps", "-w", scratch, ROOT, cwd=scratch)
        wheel = next(scratch.glob("rse_hil-*.whl"))
        names = zipfile.ZipFile(wheel).namelist()
        top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
        if top != ALLOWED:
            sys.exit(f"the wheel would install {sorted(top)}, expected {sorted(ALLOWED)}")
        if lacking := [name for name in MUST_HAVE if name not in names]:
            sys.exit(f"the wheel lacks {lacking}")

        site = scratch / "site"
        run(*pip, "install", "-q", "--no-deps", "--target", site, wheel, cwd=scratch)
        lab = scratch / "lab"
        (lab / "testcases").mkdir(parents=True)
        (lab / "boards").mkdir()
        (lab / "testcases/test_lab.py").write_text(LAB_TEST)
        (lab / "boards/our-board.yaml").write_text(LAB_BOARD)
        listed = run(sys.executable, "-m", "hil.cli", "boards", cwd=lab, path=site)
        for board in ("our-board", "virtual-fvp-rdv3-cfg2"):
            if board not in listed:
                sys.exit(f"`hil boards` in a lab's repository does not list {board}:\n{listed}")
        pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "testcases"]
        said = run(*pytest, "--board", "our-board", cwd=lab, path=site)
        if "2 passed" not in said:
            sys.exit(f"a lab's own testcase did not run:\n{said}")
        print(
            f"{wheel.name}: {len(names)} files, {', '.join(sorted(top))}; a lab's repository works"
        )


if __name__ == "__main__":
    main()
