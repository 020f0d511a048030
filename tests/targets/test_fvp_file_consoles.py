# SPDX-License-Identifier: Apache-2.0
"""A model whose consoles are files: when it is up, and when its start has failed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fvp_lab import MODEL_WORD, Consoles, launcher, script, until

from hil.errors import DeviceError
from hil.uart.boot_result import FirmwareEnded

FILES = {"console": {"kind": "out_file"}}


def test_a_slow_model_is_waited_for(tmp_path: Path):
    """A start ends once the model announces its terminals, however long that takes."""
    slow = {"virtual.slow_start": 1.4}
    with Consoles() as consoles, launcher(tmp_path, parameters=slow, **FILES) as fvp:
        began = time.monotonic()
        fvp.start(consoles.open)
        assert time.monotonic() - began > 1.2
        # What the UART said may be seen before what the model said.
        until(lambda: "Listening for serial connection" in fvp.log.read_text(), "announcement")


def test_a_model_that_does_not_come_up_is_given_up(tmp_path: Path):
    """After `timeouts.start`, as with terminals."""
    slow = {"parameters": {"virtual.slow_start": 60}, "timeouts": {"start": 0.5}}
    with Consoles() as consoles, launcher(tmp_path, **slow, **FILES) as fvp:
        told = r"no terminal was announced and no UART .*after 0\.5 s"
        with pytest.raises(DeviceError, match=told):
            fvp.start(consoles.open)


def test_firmware_that_is_through_at_once_did_start(tmp_path: Path):
    """Its output is there to be judged; that the model has ended is no failure of the start."""
    script(
        tmp_path / "FVP",
        f'case "$1" in --*) exec {MODEL_WORD} "$@";; esac\n'
        'for word; do case "$word" in css0.*rse_uart.out_file=*) echo hello >"${word#*=}";; esac; done\n'
        "echo 'Info: /OSCI/SystemC: Simulation stopped by user.'\n",
    )
    with Consoles() as consoles, launcher(tmp_path, binary="./FVP", **FILES) as fvp:
        fvp.start(consoles.open)
        until(lambda: fvp.alive(0) is not None, "end")
        assert isinstance(fvp.alive(0), FirmwareEnded)
        place = next(e.address for rse, e in consoles.endpoints if rse == 0)
        assert Path(place).read_text() == "hello\n"


def test_a_model_that_ends_without_a_word_of_its_firmware_did_not_start(tmp_path: Path):
    """Whatever it says of its end."""
    script(
        tmp_path / "FVP",
        f'case "$1" in --*) exec {MODEL_WORD} "$@";; esac\n'
        "echo 'Info: /OSCI/SystemC: Simulation stopped by user.'\n",
    )
    with pytest.raises(DeviceError, match="the model ended with status 0"):
        launcher(tmp_path, binary="./FVP", **FILES).start(Consoles().open)
