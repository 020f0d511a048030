# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several of the harness's own tests use."""

from __future__ import annotations

import os
import signal
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


#: None of ours: pytest leaves a folder open that it looks through for old ones of its own, while
#: another session removes them.
OF_PYTEST = "ignore:unclosed scandir iterator:ResourceWarning"


def pytest_configure(config: pytest.Config) -> None:
    """Let no warning pass; in a lab's run, which is no test of ours, one must not decide anything."""
    # What comes later decides, so that everybody's exceptions are said again.
    for line in ("error", *config.getini("filterwarnings"), OF_PYTEST):
        config.addinivalue_line("filterwarnings", line)


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


@pytest.fixture(scope="session", autouse=True)
def _control_c_is_heard() -> Iterator[None]:
    """Let what tests start hear Ctrl-C, also where a shell runs them in the background (`.ci/run &`)."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def hang_up_is_heard() -> Iterator[None]:
    """Let what a test starts hear SIGHUP, also where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
