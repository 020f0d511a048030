# SPDX-License-Identifier: Apache-2.0
"""Signals that end a run on several boards: each is torn down and has its record, in bounded time."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from .conftest import LIMIT, Lab, Run

BOARD = "extends: virtual-fvp-rdv3-cfg2\n"
SLOW = "budgets: {vhuk: 30}\nlauncher: {parameters: {virtual.time_scale: 6}}\n"
#: A tear-down that takes longer than pytest-xdist gives a worker; it says when it begins.
PLUGIN = """
import os, time, pytest
from pathlib import Path
def pytest_configure():
    from hil_fixtures import several_boards
    from xdist.workermanage import NodeManager
    NodeManager.EXIT_TIMEOUT = 1
    several_boards.TEAR_DOWN_LIMIT = float(os.environ.get("ODD_LIMIT", "300"))
here = Path(__file__).parent
@pytest.fixture(scope="session", autouse=True)
def slow_to_go():
    yield
    (here / f"{os.getpid()}.going").touch()
    time.sleep(float(os.environ.get("ODD_SECONDS", "4")))
"""


@pytest.fixture
def slow_to_go(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose two boards take some seconds to be torn down."""
    (lab.folder / "odd_end.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(lab.folder))
    lab.board(BOARD + SLOW, "one")
    lab.board(BOARD + SLOW, "two")
    return lab


def begun(lab: Lab) -> subprocess.Popen[str]:
    """Start both boards and wait until both boot."""
    process = lab.start("one", "--board", "two", "-p", "odd_end")
    for name in ("one", "two"):
        lab.wait_for("Starting TF-M BL1_1", "rse0", board=name)
    return process


def going(lab: Lab, count: int) -> list[int]:
    """Wait until some workers are being torn down; return their numbers."""
    deadline = time.monotonic() + LIMIT
    while len(found := list(lab.folder.glob("*.going"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(path.stem) for path in found]


def verdicts(lab: Lab) -> dict[str, str]:
    """Return how the record of each board ended."""
    return {run.recorded.board: run.recorded.verdict for run in lab.all_runs()}


def ended(lab: Lab, process: subprocess.Popen[str]) -> Run:
    """Wait for the end; nothing of the run is left."""
    run = lab.finish(process)
    assert "Traceback" not in run.output
    assert "INTERNALERROR" not in run.output
    assert not list(lab.runs.glob("*/state"))
    return run


def test_every_board_is_torn_down_and_recorded(slow_to_go: Lab) -> None:
    """The process that started them waits, whatever else it is sent meanwhile."""
    process = begun(slow_to_go)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
        time.sleep(0.2)
    run = ended(slow_to_go, process)
    assert run.status == 2, run.output
    assert run.output.count("INTERRUPTED  ") == 2
    assert verdicts(slow_to_go) == {"one": "interrupted", "two": "interrupted"}
    assert all(each.recorded.junit.is_file() for each in slow_to_go.all_runs())


def test_a_worker_that_dies_while_it_is_waited_for(slow_to_go: Lab) -> None:
    """SIGKILL of one in its tear-down: the other one has its record, and nobody waits for the dead."""
    process = begun(slow_to_go)
    process.send_signal(signal.SIGTERM)
    os.kill(going(slow_to_go, 2)[0], signal.SIGKILL)
    run = ended(slow_to_go, process)
    assert run.status == 143, run.output
    assert sorted(verdicts(slow_to_go).values()) == ["interrupted", "killed"]


def test_a_tear_down_that_hangs_is_waited_for_no_longer_than_its_limit(
    slow_to_go: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the workers are killed, and their devices with them."""
    monkeypatch.setenv("ODD_LIMIT", "1")
    monkeypatch.setenv("ODD_SECONDS", "600")
    process = begun(slow_to_go)
    # On a busy machine a worker is killed before it has begun with its tear-down.
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    run = ended(slow_to_go, process)
    assert run.status == 143, run.output
    assert time.monotonic() - begin < 200  # not the 600 s of the tear-down
    assert verdicts(slow_to_go) == {"one": "killed", "two": "killed"}


def test_workers_that_wait_for_their_first_test(
    slow_to_go: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal while one board is still collecting ends the other one, which waits for it."""
    wait = (
        "import time\n"
        "def pytest_collection_finish(session):\n"
        "    own = getattr(session.config, 'workerinput', {}).get('hil_board', '')\n"
        "    if own.endswith('two.yaml'): time.sleep(6)\n"
    )
    (slow_to_go.folder / "odd_wait.py").write_text(wait)
    process = slow_to_go.start("one", "--board", "two", "-p", "odd_wait")
    deadline = time.monotonic() + LIMIT
    while not list(slow_to_go.runs.glob("*-one/run.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    run = ended(slow_to_go, process)
    assert run.status == 143, run.output
    assert time.monotonic() - begin < 120  # not the limit of a tear-down
    assert verdicts(slow_to_go)["one"] == "interrupted"
