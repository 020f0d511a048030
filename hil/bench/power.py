# SPDX-License-Identifier: Apache-2.0
"""Switching a board's supply with the lab's own commands, and what comes and goes with it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from hil.errors import DeviceError

#: Seconds that a command of the lab may take.
COMMAND_LIMIT = 60.0
#: Seconds after a power cycle until a USB adapter that lost its supply is noticed as gone.
VANISH_SECONDS = 0.5
#: Seconds until the serial devices of a board that was switched on must be there.
APPEAR_LIMIT = 30.0


def switch(what: str, command: Sequence[str]) -> None:
    """Run one of the lab's power commands.

    Args:
        what: "on", "off" or "cycle"; for the message.
        command: Program and arguments; no shell.

    Raises:
        DeviceError: it cannot be run, takes too long or ends with another status than 0.
    """
    operation = f"power {what}"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{command[0]}: {error}", operation=operation) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise DeviceError(
            f"{command[0]} ended with status {done.returncode}: {said[0]}", operation=operation
        )


def await_devices(paths: Iterable[str]) -> None:
    """Wait until serial devices are there that come with the board's supply.

    Raises:
        DeviceError: one does not appear.
    """
    deadline = time.monotonic() + APPEAR_LIMIT
    for path in paths:
        while not Path(path).exists():
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"{path} did not appear within {APPEAR_LIMIT:g} s of switching the power on",
                    operation="power",
                    hint="is the board's supply on, is the cable in?",
                )
            time.sleep(0.05)
