# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import signal
from pathlib import Path

import pytest
from fvp_driver import STOPPED, run, running, until


def out_file(chip: int, value: object) -> tuple[str, str]:
    return ("-C", f"css{chip}.sysctrl.rse_uart.out_file={value}")


def test_out_file_is_truncated_and_holds_what_the_uart_sent(tmp_path: Path):
    """A log of the boot before is gone."""
    log = tmp_path / "uart.log"
    log.write_text("the boot before\n" * 1000)
    assert run(*out_file(2, log), "-C", "virtual.flood=256", "--simlimit", "0.1").returncode == 0
    assert log.read_bytes().startswith(b"[VER] noise of chip 2 ")
    assert b"the boot before" not in log.read_bytes()


def test_a_dash_is_stdout_without_a_label(tmp_path: Path):
    """Several UARTs on stdout cannot be told apart but by what they print."""
    done = run(*out_file(0, "-"), *out_file(1, "-"), "-C", "virtual.flood=256", "--simlimit=0.1")
    assert "\n[VER] noise of chip 0 " in done.stdout
    assert "\n[VER] noise of chip 1 " in done.stdout


@pytest.mark.parametrize("unbuffered", [True, False])
def test_only_an_unbuffered_file_survives_a_kill(tmp_path: Path, unbuffered: bool):
    """unbuffered_output=0 keeps a block back, as C files do."""
    log = tmp_path / "uart.log"
    with running(
        tmp_path,
        *out_file(0, log),
        *out_file(1, "-"),
        "-C", f"css0.sysctrl.rse_uart.unbuffered_output={int(unbuffered)}",
        "-C", "virtual.flood=256",
    ) as model:  # fmt: skip
        model.wait_for("BL1_1")
        if unbuffered:
            until(lambda: b"BL1_1" in log.read_bytes(), "output in the file")
        model.stop(signal.SIGKILL)
    assert (b"BL1_1" in log.read_bytes()) is unbuffered


def test_a_shutdown_tag_ends_the_simulation_without_a_reason(tmp_path: Path):
    """Inner quotes, as run scripts have them, are no part of the tag."""
    done = run("-C", "css1.sysctrl.rse_uart.shutdown_tag='TF-M BL1_1'", "--timelimit", "10")
    assert done.returncode == 0
    assert "Reason" not in done.stdout
    assert STOPPED in done.stdout


def test_the_log_option_keeps_a_copy_of_stdout(tmp_path: Path):
    """--log FILE holds the announcements too."""
    log = tmp_path / "model.log"
    done = run("--log", str(log), "--simlimit", "0.05")
    assert log.read_text() == done.stdout
