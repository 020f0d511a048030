# SPDX-License-Identifier: Apache-2.0
"""`hil doctor BOARD --live`: the devices themselves, as a lab has them: there before and after a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from virtual_boards import USER_SCRIPT, BoardProcess

from hil.cli import main

Doctor = Callable[..., tuple[int, str]]

BOARD = """\
release: "2.3.1"
launcher:
  kind: pyocd
  target: {target}
  user_script: {script}
  expect_identity: {{cpuid: {cpuid}}}
rses:
  - {{id: 0, probe: "{probe}", console: {{serial: {uart}, baud: 38400}}}}
{more}
"""


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """Runs the command on a board and returns status and output."""
    monkeypatch.setenv("HIL_STATE", str(tmp_path / "state"))

    def run(
        device: BoardProcess,
        *options: str,
        cpuid: str = "0x411FD220",
        target: str = "rse_virtual",
        more: str = "",
    ) -> tuple[int, str]:
        values = {"script": USER_SCRIPT, "probe": device.probe, "uart": device.uart}
        values["target"] = target
        (tmp_path / "mine.yaml").write_text(BOARD.format(**values, cpuid=cpuid, more=more))
        status = main(["doctor", str(tmp_path / "mine.yaml"), *options])
        return status, capsys.readouterr().out

    return run


@contextmanager
def held(uart: str) -> Iterator[None]:
    """Keep the number of a pty whose program ends: the kernel would give it to another test's."""
    fd = os.open(uart, os.O_RDONLY | os.O_NOCTTY)
    try:
        yield
    finally:
        os.close(fd)


def test_a_bench_that_works(doctor: Doctor, tmp_path: Path) -> None:
    """Probe, identity, UART and power commands are looked at, and nothing is missing."""
    power = f"power: {{on: [touch, {tmp_path}/on], off: [touch, {tmp_path}/off]}}"
    with BoardProcess(tmp_path) as device:
        status, told = doctor(device, "--live", more=power)
    assert status == 0, told
    assert "RSE 0 halts, and is the chip of the board file" in told
    assert "1 UARTs open" in told
    assert (tmp_path / "on").exists()
    assert (tmp_path / "off").exists()


def test_another_chip(doctor: Doctor, tmp_path: Path) -> None:
    """A device that is not the one of the board file fails the check, with what it is."""
    with BoardProcess(tmp_path) as device:
        status, told = doctor(device, "--live", cpuid="0x410FD210")
    assert status == 1
    assert "MISSING  probe of RSE 0" in told
    assert "nothing was erased" in told
    assert "0x411fd221, expected 0x410fd210" in told.lower(), told


def test_a_power_command_that_fails(doctor: Doctor, tmp_path: Path) -> None:
    """It is named with what it said; the device is not blamed for what comes after."""
    with BoardProcess(tmp_path) as device:
        status, told = doctor(device, "--live", more="power: {off: ['false']}")
    assert status == 1
    assert "power.off" in told
    assert "ended with status 1" in told
    left = [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    assert not [path for path in left if "rse-hil-health-" in str(path)]


def test_a_device_that_is_gone_ends_in_quarantine(doctor: Doctor, tmp_path: Path) -> None:
    """After the third check in a row; without --live the quarantine is shown, --release ends it."""
    with BoardProcess(tmp_path) as device, held(device.uart):
        device.stop(signal.SIGKILL)
        more = "quarantine_after: 2"
        assert "quarantine" not in doctor(device, "--live", more=more)[1]
        status, told = doctor(device, "--live", more=more)
        assert status == 1
        assert f"probe {device.probe} since" in told
        status, told = doctor(device, more=more)
        assert status == 1
        assert "2 failures in a row" in told
        status, told = doctor(device, "--release", more=more)
        assert status == 0
        assert f"probe {device.probe}: out of quarantine" in told
        assert "quarantine" not in doctor(device, more=more)[1]


def test_a_mistake_of_the_board_file_puts_nothing_in_quarantine(
    doctor: Doctor, tmp_path: Path
) -> None:
    """The device has nothing to do with it; another chip than expected has."""
    with BoardProcess(tmp_path) as device:
        after = "quarantine_after: 1"
        status, told = doctor(device, "--live", more=after, target="none_such")
        assert status == 1
        assert "none_such not recognized" in told
        assert "quarantine" not in told
        assert "in a row" in doctor(device, "--live", cpuid="0x410FD210", more=after)[1]


@pytest.mark.usefixtures("hang_up_is_heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_is_cleared_up(tmp_path: Path, number: signal.Signals) -> None:
    """It leaves no process and no file, and its status says which signal it was."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "hil.cli", "doctor", "virtual-fvp-rdv3-cfg2", "--live"]
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("rse-hil-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == b""
    assert not list(tmp_path.iterdir())


def test_without_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to look at: one clear error."""
    assert main(["doctor", "--live"]) == 2
    assert "need a BOARD" in capsys.readouterr().err
