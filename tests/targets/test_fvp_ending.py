# SPDX-License-Identifier: Apache-2.0
"""Whose an end of a model is: the firmware's (product), or the lab's."""

from __future__ import annotations

from pathlib import Path

import pytest
from fvp_lab import Consoles, launcher, until

from hil.targets.fvp_ending import EndingReader
from hil.uart.boot_result import FirmwareEnded

STOPPED = "Info: /OSCI/SystemC: Simulation stopped by user.\n"


def reason(text: str) -> str:
    return f"Info: Simulation is stopping. Reason: {text}\n\n{STOPPED}"


@pytest.mark.parametrize(
    ("said", "status", "firmware"),
    [
        (reason("Simulated time has been exceeded."), 0, True),
        (reason("Cycle limit has been exceeded."), 0, True),
        (reason("CPU time has been exceeded."), 0, False),
        (reason("Wall clock time has been exceeded."), 0, False),
        (STOPPED, 0, True),
        (STOPPED, -15, False),
        ("", 0, False),
        ("Segmentation fault\n", -11, False),
    ],
)
def test_what_ended_a_model(said: str, status: int, firmware: bool):
    """Simulated time, a shutdown tag and EOT are the firmware's; time of the host is the lab's."""
    reader = EndingReader()
    for letter in said:
        reader.feed(letter)
    assert reader.by_firmware(status) is firmware


@pytest.mark.parametrize(
    ("values", "firmware"),
    [
        ({"simlimit": 1}, True),
        ({"args": ["--cyclelimit", "100000000"]}, True),
        ({"parameters": {"virtual.exit_after": 0.5}}, True),
        ({"timelimit": 1}, False),
        ({"parameters": {"virtual.crash_after": 0.5}}, False),
    ],
    ids=["simlimit", "cyclelimit", "tag", "timelimit", "crash"],
)
def test_a_dead_model_tells_whose_end_it_is(
    tmp_path: Path, values: dict[str, object], firmware: bool
):
    """As QEMU does: a `FirmwareEnded` is judged as what the firmware did."""
    with Consoles() as consoles, launcher(tmp_path, **values) as fvp:
        fvp.start(consoles.open)
        until(lambda: fvp.alive(0) is not None, "end")
        assert isinstance(fvp.alive(0), FirmwareEnded) is firmware
