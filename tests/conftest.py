# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several of the harness's own tests use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is up to the machine. In CI everybody tries the same examples; elsewhere
# each run tries others.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("searching", deadline=None)
settings.load_profile("repeatable" if "CI" in os.environ else "searching")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with the vectors and transcripts of the real firmware; skips where there is none."""
    path = Path(os.environ.get("HIL_SHARED", ROOT.parent / "shared"))
    if not (path / "vectors").is_dir():
        pytest.skip("no folder with vectors and transcripts of the real firmware (set HIL_SHARED)")
    return path


@pytest.fixture(autouse=True)
def _same_working_directory() -> Iterator[None]:
    """Come back to where the tests run: a session of pyOCD changes to its project's folder."""
    before = Path.cwd()
    yield
    os.chdir(before)
