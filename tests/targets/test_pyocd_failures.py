# SPDX-License-Identifier: Apache-2.0
"""What goes wrong under the pyOCD launcher ends as a DeviceError that says what to do."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_pyocd_launcher import FLASH, MESSAGE, image, rse
from test_pyocd_launcher import settings as with_recovery
from virtual_boards import USER_SCRIPT, BoardProcess

from hil.errors import DeviceError
from hil.targets.load import LoadPlan, LoadProgress
from hil.targets.pyocd_child import Worker
from hil.targets.pyocd_crew import Crew
from hil.targets.pyocd_launcher import PyocdLauncher
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings
from hil.targets.recovery import Lab, MistakeError

pytest.importorskip("pyocd")


def settings(**changes: object) -> PyocdSettings:
    """Settings with which nothing is tried again: the first failure is what these tests are about."""
    return with_recovery(**{"recovery": [], **changes})


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path_factory.mktemp("board")) as process:
        yield process


def children() -> set[int]:
    """Process ids of our own children."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(path.parent.name))
    return found


def failure(
    given: PyocdSettings, device: PyocdRse, plan: LoadPlan, *, limit: float = 60
) -> DeviceError:
    """Load the plan, which must fail in time and leave no process behind."""
    before = children()
    launcher = PyocdLauncher(given, [device])
    started = time.monotonic()
    try:
        with pytest.raises(DeviceError) as caught:
            launcher.load(plan)
    finally:
        launcher.stop()
    assert time.monotonic() - started < limit
    assert children() <= before
    assert caught.value.rse == device.id
    return caught.value


def test_a_probe_id_must_match_exactly(board: BoardProcess, tmp_path: Path) -> None:
    """An id that is no probe's whole id is refused; the error says which there are."""
    given = settings(timeouts={"appear": 0})
    error = failure(given, replace(rse(board), probe="12"), LoadPlan(()))
    assert "no debug probe with the unique id '12'" in str(error)
    assert error.hint is not None
    assert error.hint.startswith("connected: ")


def test_nobody_listens_at_the_probes_port(board: BoardProcess) -> None:
    """A probe server that is not running is named as such."""
    error = failure(settings(), replace(rse(board), probe="remote:127.0.0.1:1"), LoadPlan(()))
    assert "Connection refused" in str(error)
    assert error.hint is not None
    assert "start the probe server" in error.hint


def test_an_image_outside_the_map_is_refused(board: BoardProcess, tmp_path: Path) -> None:
    """PyOCD would program what fits and say nothing; the launcher refuses before it erases."""
    plan = LoadPlan((image(tmp_path, "ap_bl1", 0, FLASH + 0x7FFFF8, 16),))
    error = failure(settings(), rse(board), plan)
    assert "image ap_bl1 (16 bytes at 0xb07ffff8) needs flash at 0xb0800000" in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "rse_virtula"},
        {"options": {"reset.post_dealy": 0.0}},
        {"options": {"reset.post_delay": "long"}},
        {"options": {"primary_core": 3}},
        {"user_script": "/none/user.py"},
        {"pack": ["/none/some.pack"]},
    ],
    ids=["target", "option", "type of an option", "core", "user script", "pack"],
)
def test_a_mistake_in_the_board_file_is_not_the_labs(
    board: BoardProcess, changes: dict[str, object]
) -> None:
    """Its class is harness: the device is not blamed, and nothing is tried again."""
    error = failure(settings(**changes), rse(board), LoadPlan(()))
    assert isinstance(error, MistakeError)
    assert error.failure_class == "harness"


def test_an_image_that_fits_nowhere_is_a_mistake_another_chip_is_the_labs(
    board: BoardProcess, tmp_path: Path
) -> None:
    """Who mends what: the board file's owner, or whoever plugs boards in."""
    plan = LoadPlan((image(tmp_path, "bl2", 0, 0x90000000, 16),))
    assert failure(settings(), rse(board), plan).failure_class == "harness"
    other = settings(expect_identity={"cpuid": 0x410FD210})
    assert failure(other, rse(board), LoadPlan(())).failure_class == "infrastructure"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "rse_virtula"}, "rse_virtula"),
        ({"options": {"reset.post_dealy": 0.0}}, "no option 'reset.post_dealy'"),
        ({"expect_identity": {"cpuid": 0x410FD210}}, "CPUID is 0x411fd221, expected 0x410fd210"),
    ],
)
def test_wrong_settings_are_found_before_anything_is_erased(
    board: BoardProcess, changes: dict[str, object], said: str
) -> None:
    """A wrong target type, option or chip ends the load before the first erase."""
    assert said in str(failure(settings(**changes), rse(board), LoadPlan(())))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("flash-erase-error", "erase sector failure (address 0xb0004000"),
        ("flash-program-error", "program page failure"),
        ("flash-bad-bit", "1 of 300 bytes differ"),
        ("debug-locked", "debug access is locked"),
        ("probe-gone:150", "unplugged"),
    ],
)
def test_a_faulty_board_is_explained(tmp_path: Path, fault: str, said: str) -> None:
    """Flash, debug access and probe failures each end with their own words."""
    with BoardProcess(tmp_path, f"--fault={fault}") as board:
        assert said in str(failure(settings(), rse(board), one_image(tmp_path)))


def test_a_flash_controller_that_hangs_ends_in_pyocds_own_limit(tmp_path: Path) -> None:
    """The limit can be set; the error names the page."""
    given = settings(options={"reset.post_delay": 0.0, "flash.timeout.program": 0.5})
    with BoardProcess(tmp_path, "--fault=flash-hang") as board:
        error = failure(given, rse(board), one_image(tmp_path))
    assert "program page timeout (address 0xb0004000" in str(error)


def test_a_silent_probe_ends_in_our_limit(tmp_path: Path) -> None:
    """PyOCD would wait for ever; the worker is ended and the error says after how long."""
    given = settings(timeouts={"appear": 0, "open": 1.5, "reset": 0.5})
    with BoardProcess(tmp_path, "--fault=probe-silent:150") as board:
        error = failure(given, rse(board), one_image(tmp_path))
    assert "did not answer within 2 s" in str(error)


def one_image(folder: Path) -> LoadPlan:
    return LoadPlan((image(folder, "bl2", 0, FLASH + 0x4000, 300),))


def test_a_board_that_dies_while_it_is_loaded(tmp_path: Path) -> None:
    """SIGKILL in the middle of a load ends in an error that names the probe server's end."""
    plan = LoadPlan((image(tmp_path, "big", 0, FLASH, 1 << 20),))
    with BoardProcess(tmp_path) as board:
        flash = tmp_path / "state" / "chip0.flash"

        def kill_once_it_programs() -> None:
            deadline = time.monotonic() + 10
            while not flash.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            board.stop(signal.SIGKILL)

        killer = threading.Thread(target=kill_once_it_programs)
        killer.start()
        error = failure(settings(timeouts={"load_per_mb": 0}), rse(board), plan)
        killer.join()
    assert "the probe server" in str(error)


def test_alive_explains_a_dead_board(tmp_path: Path) -> None:
    """After a SIGKILL alive() says in one sentence what is gone."""
    with BoardProcess(tmp_path) as board:
        launcher = PyocdLauncher(settings(), [rse(board)])
        board.stop(signal.SIGKILL)
        until, sentence = time.monotonic() + 30, None
        try:
            while sentence is None and time.monotonic() < until:
                sentence = launcher.alive(0)
        finally:
            launcher.stop()
    assert sentence is not None
    assert "gone" in sentence or "refused" in sentence


def test_one_broken_rse_does_not_hide_among_others(board: BoardProcess, tmp_path: Path) -> None:
    """With several failures the first RSE is named, the others are in the notes."""
    gone = [PyocdRse(n, f"remote:127.0.0.1:{n}", rse(board).console) for n in (1, 2)]
    launcher = PyocdLauncher(settings(), [rse(board), *gone])
    try:
        with pytest.raises(DeviceError) as caught:
            launcher.load(LoadPlan(()))
    finally:
        launcher.stop()
    assert caught.value.rse == 1
    assert any("RSE 2" in note for note in caught.value.__notes__)


def test_ram_is_written_after_the_flash_algorithm_used_it(
    board: BoardProcess, tmp_path: Path
) -> None:
    """A RAM image where the algorithm's buffers were is intact at the end of the load."""
    plan = LoadPlan(
        (
            image(tmp_path, "dtcm", 0, 0x30000000, 0x10000, "ram"),
            image(tmp_path, "message", 0, MESSAGE, 100, "ram"),
            image(tmp_path, "bl2", 0, FLASH, 0x9000),
        )
    )
    launcher = PyocdLauncher(settings(), [rse(board)])
    try:
        assert all(loaded.verified for loaded in launcher.load(plan).images)
    finally:
        launcher.stop()


def test_a_load_that_is_interrupted_ends_between_two_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C in mid-flash pyOCD detaches from the chip before its process ends."""
    answers = []
    read = Worker.answer

    def answer(worker: Worker) -> Mapping[str, Any] | None:
        reply = read(worker)
        answers.append(reply)
        return reply

    def interrupt(told: LoadProgress) -> None:
        if told.step == "erase":
            raise KeyboardInterrupt

    monkeypatch.setattr(Worker, "answer", answer)
    with BoardProcess(tmp_path, "--probe-delay=0.0002") as slow:
        launcher = PyocdLauncher(settings(), [rse(slow)], Lab(progress=interrupt))
        with pytest.raises(KeyboardInterrupt):
            launcher.load(LoadPlan((image(tmp_path, "bl2", 0, FLASH, 0x40000),)))
        launcher.stop()
    said = [reply for reply in answers if reply is not None and "step" not in reply]
    assert said[-2]["message"].startswith("the load was given up")
    assert said[-1]["result"] == {"closed": True}


class _Stuck:
    """A worker that hangs in the kernel, or one that only notes its end."""

    ended = True

    def __init__(self, ends: list[bool], *, stuck: bool) -> None:
        self._ends, self._stuck = ends, stuck

    def stop(self, *, kill: bool) -> None:
        self._ends.append(kill)
        if self._stuck:
            raise DeviceError("does not end")


def test_a_worker_that_cannot_be_killed_spares_no_other(board: BoardProcess) -> None:
    """All workers are ended, then the one that hangs is told of."""
    crew, ends = Crew(settings(), [rse(board)]), list[bool]()
    crew._workers = {n: _Stuck(ends, stuck=n != 1) for n in range(3)}  # type: ignore[misc]
    with pytest.raises(DeviceError, match="does not end"):
        crew.stop(1)
    assert ends == [True] * 3


def test_what_a_plugin_prints_is_no_answer(board: BoardProcess, tmp_path: Path) -> None:
    """A line on standard output that is no answer is kept as the worker's last words."""
    worker = Worker(rse(board), settings())
    try:
        worker._lines.put("hello from a plugin")
        worker._lines.put("42")
        deadline = time.monotonic() + 30
        while (reply := worker.answer()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert reply is not None
        assert "versions" in reply["result"]
        assert "hello from a plugin" in worker.last_words()
    finally:
        worker.stop(kill=True)


def test_whatever_a_driver_raises_is_a_device_error(board: BoardProcess, tmp_path: Path) -> None:
    """An exception of a class that nobody foresaw is told with its class; the process lives on."""
    script = tmp_path / "odd.py"
    script.write_text(
        f"import runpy\nrunpy.run_path({str(USER_SCRIPT)!r})\n"
        "class Odd(Exception): pass\n"
        "def will_connect(board): raise Odd('nobody foresaw this')\n"
    )
    error = failure(settings(user_script=str(script)), rse(board), LoadPlan(()))
    assert re.search(r"Odd in odd\.py:\d+: nobody foresaw this", str(error))
