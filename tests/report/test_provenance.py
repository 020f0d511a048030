# SPDX-License-Identifier: Apache-2.0
"""Which commit a run's testcases are of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hil.report.provenance import git_state, refusal_of_git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A commit of one testcase."""
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    (tmp_path / ".gitignore").write_text("runs/\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def test_a_commit_is_its_own(checkout: Path) -> None:
    """What is ignored, or no source, changes nothing."""
    (checkout / "runs").mkdir()
    (checkout / "runs" / "x.py").touch()
    (checkout / "notes.txt").touch()
    (checkout / "venv" / "lib").mkdir(parents=True)
    (checkout / "venv" / "lib" / "conftest.py").touch()
    assert "+changes" not in str(git_state(checkout))


@pytest.mark.parametrize(
    "name", ["conftest.py", "testcases/a/test_b.py", "pytest.ini", "boards/b.yaml"]
)
def test_a_source_that_nobody_added_is_a_change(checkout: Path, name: str) -> None:
    """Pytest takes it all the same."""
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).touch()
    assert str(git_state(checkout)).endswith("+changes")


def test_a_source_that_was_altered_is_a_change(checkout: Path) -> None:
    """Also one that git knows."""
    (checkout / "test_a.py").write_text("")
    assert str(git_state(checkout)).endswith("+changes")


def test_no_checkout_has_no_commit(tmp_path: Path) -> None:
    """Testcases may lie anywhere."""
    assert git_state(tmp_path / "none") is None


def test_what_git_refuses_is_told(checkout: Path) -> None:
    """A record without a commit says why, where there is a checkout at all."""
    assert refusal_of_git(checkout) is None
    (checkout / "sub").mkdir()
    assert refusal_of_git(checkout / "sub") is None
    (checkout / ".git" / "HEAD").unlink()
    assert "not a git repository" in str(refusal_of_git(checkout / "sub"))
    assert git_state(checkout) is None
