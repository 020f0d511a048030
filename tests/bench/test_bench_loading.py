# SPDX-License-Identifier: Apache-2.0
"""Loading through a live bench: what the lab lends to the launcher, and what the journal is told."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from virtual_boards import USER_SCRIPT

from hil.bench.bench import Bench
from hil.bench.board_file import load_board
from hil.bench.targets import pyocd_rses
from hil.errors import DeviceError, UsageError
from hil.targets.load import FlashPolicy, LoadProgress
from hil.targets.recovery import RefusedError

pytest.importorskip("pyocd")

SIZE = 40_000
#: Switches the virtual board off and on, as the command of a lab does.
SWITCH = (
    "import os, signal, sys, time; "
    "os.kill(int(open(sys.argv[1]).read()), signal.SIGUSR2); time.sleep(0.6)"
)
BOARD = """\
release: "2.3.1"
launcher:
  kind: pyocd
  target: rse_virtual
  user_script: {script}
  options: {{reset.post_delay: 0.0}}
  recovery: [{rungs}]
services:
  rse:
    command: [hil-virtual-board, --chip, "0", --rse-amount, "1", --release, "{{release}}",
              --state, "{{state}}/rse", --fabric, "{{state}}/fabric", --fault, "sticky-fault:page2"]
    announce: 'probe (?P<probe>\\S+) uart (?P<uart>\\S+)'
rses: [{{id: 0, probe: "{{rse.probe}}", console: {{serial: "{{rse.uart}}"}}}}]
images:
  bl2: {{memory: flash, address: 0xB0000000, file: bl2.bin}}
power:
  {power}: [{python}, -c, "{switch}", "{{state}}/rse/.chip0.state.lock"]
"""
DRIVE = """\
release: "2.2.2"
launcher: {kind: mps, drive: "{board}/drive", application: AN521}
rses: [{id: 0, console: {tcp: "127.0.0.1:1"}}]
images:
  bl2: {memory: ram, address: 0x10000000, file: bl2.bin}
"""


class Journal:
    """Keeps what happened."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, kind: str, **values: Any) -> None:
        self.events.append((kind, values))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [values for name, values in self.events if name == kind]


def bench(folder: Path, text: str, **options: Any) -> tuple[Bench, Journal]:
    (folder / "b.yaml").write_text(text)
    (folder / "bl2.bin").write_bytes(os.urandom(SIZE))
    journal = Journal()
    (folder / "run").mkdir()
    file = load_board(folder / "b.yaml")
    return Bench(file, folder / "run", folder / "cache", journal, **options), journal


@pytest.mark.parametrize(("power", "rung"), [("cycle", "power-cycle"), ("reset", "reset")])
def test_a_bench_lends_its_switches_to_the_ladder(tmp_path: Path, power: str, rung: str) -> None:
    """The lab's own power cycle or reset mends the board; the journal has each rung with its reason."""
    progress: list[LoadProgress] = []
    text = BOARD.format(
        script=USER_SCRIPT, rungs=rung, power=power, python=sys.executable, switch=SWITCH
    )
    live, journal = bench(tmp_path, text, progress=progress.append)
    live.open()
    try:
        report = live.load()
    finally:
        live.close()
    [told] = journal.of("recovery")
    assert (told["rung"], told["rse"], told["outcome"]) == (rung, 0, "worked")
    assert "a sticky error is set" in told["why"]
    assert [values["what"] for values in journal.of("power")] == [power]
    [loaded] = journal.of("loaded")
    assert loaded["boards"][0]["recovered"] == (rung,)
    assert report.boards[0].verified == SIZE
    steps = [step.step for step in progress]
    assert steps[-1] == "verify"
    assert {step.rse for step in progress} == {0}


def test_a_bench_loads_through_a_drive(tmp_path: Path) -> None:
    """The second way of loading: files on the drive, told to the journal like any other."""
    for name in ("MB/HBI0263C/AN521", "SOFTWARE"):
        (tmp_path / "drive" / name).mkdir(parents=True)
    live, journal = bench(tmp_path, DRIVE)
    live.open()
    try:
        live.load()
        live.load()
        with pytest.raises(Exception, match="needs a debug probe"):
            live.launcher.hold(0)
    finally:
        live.close()
    content = (tmp_path / "bl2.bin").read_bytes()
    assert (tmp_path / "drive/SOFTWARE/BL2.BIN").read_bytes() == content
    amounts = [(v["boards"][0]["written"], v["boards"][0]["skipped"]) for v in journal.of("loaded")]
    assert amounts == [(SIZE, 0), (0, SIZE)]


def test_the_policy_of_the_run_holds_for_every_load(tmp_path: Path) -> None:
    """A bench that must not write does not, whoever asks its launcher to load."""
    for name in ("MB/HBI0263C/AN521", "SOFTWARE"):
        (tmp_path / "drive" / name).mkdir(parents=True)
    live, _ = bench(tmp_path, DRIVE, flash=FlashPolicy.NEVER)
    live.open()
    try:
        with pytest.raises(RefusedError, match=r"SOFTWARE/BL2.BIN is not there"):
            live.launcher.load(live.plan)
    finally:
        live.close()
    assert not (tmp_path / "drive/SOFTWARE/BL2.BIN").exists()


def test_a_load_blames_the_service_that_ended(tmp_path: Path) -> None:
    """A board whose process has died is told of with its last words, not with a refused connection."""
    text = BOARD.format(
        script=USER_SCRIPT, rungs="", power="cycle", python=sys.executable, switch=SWITCH
    )
    live, _ = bench(tmp_path, text)
    live.open()
    try:
        assert live._services is not None
        for service in live._services._running:
            os.kill(service._child.pid, signal.SIGKILL)
        with pytest.raises(
            DeviceError, match="RSE 0: load: service rse ended with status -9: virt"
        ):
            live.load()
    finally:
        live.close()


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ('{id: 1, probe: "A", console: {tcp: "127.0.0.1:2"}}', "have the same probe"),
        ('{id: 1, probe: "B", console: {tcp: "127.0.0.1:1"}}', "have the same console"),
        ('{id: 1, probe: "B", console: {tcp: "127.0.0.1:2"}}', None),
    ],
)
def test_two_rses_are_two_boards(tmp_path: Path, second: str, said: str | None) -> None:
    """One probe or one console for two RSEs is a mistake of the board file, found before a probe is."""
    path = tmp_path / "b.yaml"
    path.write_text(
        'release: "2.3.1"\n'
        "launcher: {kind: pyocd, target: cortex_m}\n"
        f'rses: [{{id: 0, probe: "A", console: {{tcp: "127.0.0.1:1"}}}}, {second}]\n'
    )
    board = load_board(path).board
    if said is None:
        assert len(pyocd_rses(board, lambda text, _where: text)) == 2
    else:
        with pytest.raises(UsageError, match=f"RSE 0 and RSE 1 {said}"):
            pyocd_rses(board, lambda text, _where: text)
