# SPDX-License-Identifier: Apache-2.0
"""Which sources and tools a run was made from."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Packages whose versions decide how a run behaves.
PACKAGES = ("pytest", "pyocd", "pyserial", "pexpect", "imgtool", "junitparser", "cryptography")

#: Where pytest and the bench look for what they are told by.
_SOURCES: tuple[str, ...] = ("testcases", "tests", "fixtures", "hil", "boards")
_SOURCES += tuple(f":(glob)*.{suffix}" for suffix in ("py", "toml", "ini", "cfg"))


def provenance(root: Path, boards: Path, harness: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of sources and tools.

    Args:
        root: Folder of the testcases.
        boards: Folder of the board file.
        harness: What the record says of the harness so far.
    """
    git = git_state(root)
    theirs = git_state(boards)
    found: dict[str, Any] = {
        "harness": {**harness, "git": git},
        "packages": package_versions(PACKAGES),
    }
    if theirs is not None and theirs != git:
        found["boards_git"] = theirs
    return found


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> str | None:
    """Return the commit of a folder, with "+changes" for an altered tree; None where there is none.

    A source that nobody added yet, a conftest.py say, is a change too; `git describe` does not look.
    """
    found = _git(folder, "describe", "--always", "--abbrev=12", "--dirty=+changes")
    if found and not found.endswith("+changes"):
        others = ("ls-files", "--others", "--exclude-standard", "--", *_SOURCES)
        return f"{found}+changes" if _git(folder, *others) else found
    return found


def refusal_of_git(folder: Path) -> str | None:
    """Return why git tells nothing of a folder that is a checkout; None if it does, or it is none."""
    if not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return None
    told = _ask(folder, "rev-parse", "HEAD")
    if isinstance(told, str):
        return told
    return None if told.returncode == 0 else (told.stderr.strip() or "git failed").splitlines()[0]


def _git(folder: Path, *words: str) -> str | None:
    told = _ask(folder, *words)
    return None if isinstance(told, str) else told.stdout.strip() or None


def _ask(folder: Path, *words: str) -> subprocess.CompletedProcess[str] | str:
    """Return what git answered in a folder, or why it could not be asked."""
    git = shutil.which("git")
    if git is None:
        return "git is not installed"
    try:
        return subprocess.run(
            [git, "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"git: {type(error).__name__}"
