# SPDX-License-Identifier: Apache-2.0
"""Probes, supplies, buses and chips that fail in the middle: the words, the retry, a clean next run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from test_pyocd_launcher import FLASH, MESSAGE, image, rse, settings
from virtual_boards import BoardProcess

from hil.errors import DeviceError
from hil.targets.load import FlashPolicy, LoadPlan, LoadReport
from hil.targets.pyocd_launcher import PyocdLauncher
from hil.targets.pyocd_settings import PyocdSettings
from hil.targets.recovery import Lab, RefusedError

pytest.importorskip("pyocd")

SECTOR = 0x4000
SIZE = 4 * SECTOR


@dataclass
class Case:
    """A load that meets a fault."""

    board: BoardProcess
    plan: LoadPlan
    told: list[dict[str, Any]] = field(default_factory=list)
    cycled: int = 0

    def power_cycle(self) -> None:
        self.cycled += 1
        self.board.process.send_signal(signal.SIGUSR2)
        time.sleep(0.6)

    def load(self, given: PyocdSettings, *, switch: bool = False) -> LoadReport:
        lab = Lab(
            tell=lambda _kind, **values: self.told.append(values),
            power_cycle=self.power_cycle if switch else None,
        )
        launcher = PyocdLauncher(given, [rse(self.board)], lab)
        try:
            report = launcher.load(self.plan)
        finally:
            launcher.stop()
        assert all(loaded.verified for loaded in report.images)
        return report

    @property
    def rungs(self) -> list[tuple[str, str]]:
        return [(told["rung"], told["outcome"].partition(":")[0]) for told in self.told]


@pytest.fixture
def plan(tmp_path: Path) -> LoadPlan:
    """Eight sectors of flash and a message in RAM."""
    return LoadPlan(
        (
            image(tmp_path, "bl2", 0, FLASH, SIZE),
            image(tmp_path, "message", 0, MESSAGE, 500, "ram"),
        )
    )


@pytest.fixture
def case(tmp_path: Path, plan: LoadPlan) -> Callable[..., Any]:
    """Begin a load on a board with faults; boards of one test have one flash."""

    @contextmanager
    def begin(*faults: str) -> Iterator[Case]:
        with BoardProcess(tmp_path, *(f"--fault={fault}" for fault in faults)) as board:
            yield Case(board, plan)
        assert not [p for p in Path("/proc").glob("[0-9]*/stat") if _is_child(p)]

    return begin


def _is_child(path: Path) -> bool:
    try:
        return path.read_text().rpartition(")")[2].split()[1] == str(os.getpid())
    except OSError:
        return False


def content(plan: LoadPlan) -> bytes:
    return plan.images[0].path.read_bytes()


def quick(**changes: Any) -> PyocdSettings:
    options = {"reset.post_delay": 0.0, "flash.timeout.program": 0.3}
    return settings(options=options, **changes)


@pytest.mark.parametrize(
    ("fault", "said", "hint"),
    [
        ("probe-gone:page3:1", "the probe has been unplugged", "plug it in"),
        ("wait-storm:page3:8", "WAIT was answered", "is something hung there"),
        ("sticky-fault:page3:12", "a sticky error is set", "comes back as soon as it is cleared"),
        ("flash-hang:3:1", "program page timeout (address 0xb0008000", "did not return"),
        ("power-cut:3", "no ACK: the chip does not answer", "has it lost its power"),
    ],
    ids=lambda value: value.partition(":")[0] if ":" in value else "",
)
def test_what_passes_is_told_and_the_load_is_repeated(
    case: Callable[..., Any], plan: LoadPlan, tmp_path: Path, fault: str, said: str, hint: str
) -> None:
    """A fresh session mends it: reason and rungs are told, what had arrived is not written again."""
    with case(fault) as lab:
        report = lab.load(quick())
        # A supply that is gone for a while may outlast the first rung.
        assert lab.rungs in (
            [("reset", "worked")],
            [("reset", "failed"), ("under-reset", "worked")],
        )
        assert said in lab.told[0]["why"]
        assert hint in lab.told[0]["why"]
        assert lab.told[0]["rse"] == 0
        (board,) = report.boards
        assert board.recovered == tuple(rung for rung, _ in lab.rungs)
        assert 0 < board.skipped < SIZE
        assert board.written + board.skipped == board.size
        assert (tmp_path / "state/chip0.flash").read_bytes() == content(plan)
        lab.told.clear()
        assert lab.load(quick()).boards[0].skipped == SIZE
        assert lab.told == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("probe-gone:page3", "the probe has been unplugged"),
        ("wait-storm:page3", "WAIT was answered"),
        ("sticky-fault:page3", "a sticky error is set"),
    ],
    ids=lambda value: value.partition(":")[0],
)
def test_what_stays_ends_the_run_and_the_next_one_is_clean(
    case: Callable[..., Any], plan: LoadPlan, tmp_path: Path, fault: str, said: str
) -> None:
    """Every rung is tried and told; the error says which; then the flash is completed, not redone."""
    with case(fault) as lab:
        with pytest.raises(DeviceError, match=said) as caught:
            lab.load(quick(timeouts={"appear": 0}))
        assert lab.rungs == [("reset", "failed"), ("under-reset", "failed")]
        assert "in step 'program', after" in lab.told[0]["why"]
        assert caught.value.__notes__ == ["tried before: reset, under-reset"]
        assert not isinstance(caught.value, RefusedError)
        assert caught.value.failure_class == "infrastructure"
    with case() as clean:
        report = clean.load(quick())
        assert clean.told == []
        assert 0 < report.boards[0].skipped < SIZE
    assert (tmp_path / "state/chip0.flash").read_bytes() == content(plan)


def test_what_only_a_power_cycle_mends(case: Callable[..., Any]) -> None:
    """Where the board file gives a way to switch it, the board is switched after all else failed."""
    with case("sticky-fault:page3") as lab:
        report = lab.load(quick(), switch=True)
        assert lab.rungs == [
            ("reset", "failed"),
            ("under-reset", "failed"),
            ("power-cycle", "worked"),
        ]
        assert lab.cycled == 1
        assert report.boards[0].recovered == ("reset", "under-reset", "power-cycle")


def test_a_core_that_only_its_reset_line_stops(case: Callable[..., Any]) -> None:
    """Firmware that sleeps is met under reset, though the board file says to halt it."""
    with case("debug-asleep") as lab:
        lab.load(quick(connect_mode="halt"))
        assert lab.rungs == [("reset", "failed"), ("under-reset", "worked")]


@pytest.mark.parametrize("allowed", [False, True])
def test_all_of_a_chip_is_erased_only_if_the_board_file_says_so(
    case: Callable[..., Any], tmp_path: Path, allowed: bool
) -> None:
    """Protected sectors end the load, unless mass-erase is among the rungs; then all else is gone."""
    state = tmp_path / "state"
    state.mkdir()
    other = b"something else" * 100
    (state / "chip0.flash").write_bytes(b"\xff" * (2 * SIZE) + other)
    with case("flash-protected") as lab:
        if allowed:
            report = lab.load(quick(recovery=["reset", "mass-erase"]))
            assert lab.rungs == [("reset", "failed"), ("mass-erase", "worked")]
            assert report.boards[0].recovered == ("reset", "mass-erase")
        else:
            with pytest.raises(DeviceError, match=r"erase sector failure .address 0xb0000000"):
                lab.load(quick(recovery=["reset"]))
    assert (other in (state / "chip0.flash").read_bytes()) is not allowed


def test_a_load_that_must_not_write_never_erases(case: Callable[..., Any]) -> None:
    """With flash=never the mass erase is no rung, whatever the board file says."""
    with case("sticky-fault:300") as lab:
        with pytest.raises(DeviceError):
            lab.load(quick(flash=FlashPolicy.NEVER, recovery=["mass-erase"]))
        assert lab.told == []


@pytest.mark.parametrize(
    ("fault", "said", "hint"),
    [
        ("debug-locked", "debug access is locked: AHB5-AP@0x2000", "mass erase is never tried"),
        ("debug-nonsecure", "only non-secure debug is allowed (DHCSR.S_SDE is 0)", "secure_debug"),
    ],
)
def test_a_closed_chip_is_refused(
    case: Callable[..., Any], tmp_path: Path, fault: str, said: str, hint: str
) -> None:
    """It is said what is closed; nothing is tried, least of all an erase; open, it is loaded."""
    with case(fault) as lab:
        with pytest.raises(RefusedError) as caught:
            lab.load(quick(recovery=["reset", "mass-erase"]), switch=True)
        assert said in str(caught.value)
        assert hint in str(caught.value.hint)
        assert (lab.told, lab.cycled) == ([], 0)
    assert not (tmp_path / "state/chip0.flash").exists()
    with case() as clean:
        clean.load(quick())
        assert clean.told == []
