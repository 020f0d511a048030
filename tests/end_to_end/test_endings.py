# SPDX-License-Identifier: Apache-2.0
"""Signals at awkward moments: a run ends in good order all the same."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from .conftest import LIMIT, ROOT, Lab

#: A plugin that sends its own process a signal where an exception is taken for an error of a plugin.
PLUGIN = """
import os, signal, pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if call.when == "setup" and "rse1" in item.nodeid:
        os.kill(os.getpid(), signal.{name})
"""
FVP = "extends: virtual-fvp-rdv3-cfg2\n"
SLOW = "budgets: {vhuk: 30}\nlauncher: {parameters: {virtual.time_scale: 6}}\n"


@pytest.mark.usefixtures("hang_up_is_heard")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 2)])
def test_a_signal_inside_of_a_hook(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    """It waits for the next moment at which a test can be ended; pytest sees no internal error."""
    (lab.folder / "awkward.py").write_text(PLUGIN.format(name=name))
    monkeypatch.setenv("PYTHONPATH", str(lab.folder))
    run = lab.run(lab.board(FVP), "-k", "stages", "-p", "awkward")
    assert run.status == status, run.output
    assert "INTERNALERROR" not in run.output
    assert "Traceback" not in run.output
    assert run.recorded.verdict == "interrupted"
    assert run.recorded.junit.is_file()
    assert not (run.folder / "state").exists()


@pytest.mark.usefixtures("hang_up_is_heard")
def test_a_terminal_that_goes_away(lab: Lab) -> None:
    """A closed window, a lost ssh: the run is interrupted, with a verdict and without a trace."""
    board = lab.board(FVP + SLOW)
    terminal, inner = pty.openpty()
    command = [sys.executable, "-m", "pytest", "testcases", "-q", "-p", "no:cacheprovider"]
    command += ["--board", board, "--boards", str(lab.boards), "--runs", str(lab.runs)]
    become_leader = [sys.executable, "-c", _LEADER, *command]
    process = subprocess.Popen(
        become_leader, cwd=ROOT, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    )
    os.close(inner)
    threading.Thread(target=_drain, args=(terminal,), daemon=True).start()
    lab._started.append(process)
    try:
        lab.wait_for("Starting TF-M BL1_2", "rse1")
    finally:
        os.close(terminal)
    process.wait(LIMIT)
    [run] = lab.all_runs()
    assert run.recorded.verdict == "interrupted"
    assert run.recorded.finished is not None
    assert not (run.folder / "state").exists()


_LEADER = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        return


def test_nohup_is_heard(lab: Lab) -> None:
    """Who starts a run so that it survives the terminal gets that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = lab.start(lab.board(FVP), "-k", "stages")
    finally:
        signal.signal(signal.SIGHUP, before)
    lab.wait_for("Starting TF-M BL1_2", "rse1")
    process.send_signal(signal.SIGHUP)
    assert lab.finish(process).recorded.verdict == "pass"


def test_a_killed_run_leaves_no_keys(lab: Lab) -> None:
    """SIGKILL in mid-boot: the OTP images of its devices are gone, their logs are kept."""
    process = lab.start(lab.board(FVP + SLOW))
    lab.wait_for("Starting TF-M BL1_2", "rse1")
    [state] = lab.runs.glob("*/state")
    assert list(state.glob("*.img"))
    process.kill()
    run = lab.finish(process)
    for _ in range(LIMIT * 20):
        if not state.exists():
            break
        threading.Event().wait(0.05)
    assert not state.exists()
    assert (Path(run.folder) / "logs" / "model.log").is_file()


#: A fixture that cannot be torn down once its test was interrupted, and a plugin that fails at the end.
ENDS = {
    "fixture": """
import pytest
@pytest.fixture(autouse=True, scope="session")
def odd():
    yield
    raise ValueError("cannot be undone")
""",
    "plugin": """
def pytest_sessionfinish():
    raise ValueError("cannot be undone")
""",
}


@pytest.mark.parametrize("what", ENDS)
def test_an_end_that_fails(lab: Lab, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The record is closed all the same, claims no pass, and says what failed."""
    (lab.folder / "awkward_end.py").write_text(ENDS[what])
    (lab.folder / "awkward.py").write_text(PLUGIN.format(name="SIGTERM"))
    monkeypatch.setenv("PYTHONPATH", str(lab.folder))
    signal_too = ["-p", "awkward"] if what == "fixture" else []
    run = lab.run(lab.board(FVP), "-k", "stages", "-p", "awkward_end", *signal_too)
    assert run.status == (143 if signal_too else 1), run.output
    assert ("Traceback" in run.output) == (not signal_too)
    assert run.recorded.verdict == "interrupted"
    assert run.recorded.finished is not None
    assert run.recorded.junit.is_file()
    [warning] = run.recorded.warnings
    assert warning.endswith("did not end in good order: ValueError: cannot be undone")
    assert not (run.folder / "state").exists()
