# SPDX-License-Identifier: Apache-2.0
"""Switching a board's supply and pulling its reset by the lab's own means.

What there is: commands (argument lists; a USB hub's port is one, by uhubctl) and the DTR or RTS line of
a serial adapter that drives a relay or the reset pin.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import serial
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hil.errors import DeviceError
from hil.targets.lab_command import run_command
from hil.uart.urls import close_port

#: Seconds that a command of the lab may take.
COMMAND_LIMIT = 60.0
#: Seconds after a power cycle until a USB adapter that lost its supply is noticed as gone.
VANISH_SECONDS = 0.5
#: Seconds until the serial devices of a board that was switched on must be there.
APPEAR_LIMIT = 30.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SerialLine(_Strict):
    """A control line of a serial adapter; asserted it cuts the supply or pulls the reset."""

    device: str = Field(description="device path, or rfc2217://host:port")
    line: Literal["dtr", "rts"]
    seconds: float = Field(0.5, gt=0, le=60, description="for which the line is asserted")
    inverted: bool = Field(False, description="the board is cut off while the line is deasserted")


class UsbHub(_Strict):
    """A port of a USB hub that can switch it, by uhubctl."""

    location: str = Field(pattern=r"^\d+(-\d+(\.\d+)*)?$", description="uhubctl -l, e.g. 1-1.4")
    port: int = Field(ge=1, le=31)
    seconds: float = Field(2, gt=0, le=60, description="for which the port is off in a cycle")
    off_after_run: bool = Field(False, description="switch the port off when a run has ended")

    def command(self, action: Literal["on", "off", "cycle"]) -> list[str]:
        """Return uhubctl's command for an action."""
        wait = ["-d", f"{self.seconds:g}"] if action == "cycle" else []
        return ["uhubctl", "-l", self.location, "-p", str(self.port), "-a", action, *wait]


Command = list[str]


class Power(_Strict):
    """How the board's supply is switched and its reset pulled, besides what the launcher can."""

    on: Command | None = Field(
        None, description="before the images are loaded; arguments, no shell"
    )
    off: Command | None = Field(None, description="after the run")
    cycle: Command | SerialLine | None = Field(
        None, description="instead of a reset: a command, or a serial line that cuts the supply"
    )
    reset: Command | SerialLine | None = Field(
        None,
        description="pulls the reset of the whole board, for launchers that cannot, and first "
        "after a failed load",
    )
    usb_hub: UsbHub | None = Field(
        None, description="the board hangs on a port that can be switched"
    )

    @model_validator(mode="after")
    def _hub_as_commands(self) -> Power:
        hub = self.usb_hub
        if hub is None:
            return self
        given = [name for name in ("on", "off", "cycle") if getattr(self, name) is not None]
        commands = {"on": hub.command("on"), "cycle": hub.command("cycle")}
        if hub.off_after_run:
            commands["off"] = hub.command("off")
        if any(getattr(self, name) != commands.get(name) for name in given):
            raise ValueError(f"{given[0]}: usb_hub switches already; expected one of the two")
        for name, command in commands.items():
            object.__setattr__(self, name, command)
        return self


def switch(
    what: str, method: Command | SerialLine, expand: Callable[[str], str] = lambda text: text
) -> None:
    """Switch the supply, or pull the reset.

    Args:
        what: "on", "off", "cycle" or "reset"; for messages.
        method: How.
        expand: Replaces the placeholders of a text of the board file.

    Raises:
        DeviceError: it cannot be done.
    """
    operation = "reset line" if what == "reset" else f"power {what}"
    if isinstance(method, SerialLine):
        _pulse(operation, method, expand(method.device))
    else:
        command = [expand(word) for word in method]
        run_command(operation, command, limit=COMMAND_LIMIT)


def _pulse(operation: str, method: SerialLine, device: str) -> None:
    """Assert a line of a serial adapter for a while."""
    try:
        port = serial.serial_for_url(device, do_not_open=True)
        # Before it is opened: else the driver would assert both lines by itself.
        port.dtr = port.rts = False
        setattr(port, method.line, method.inverted)
        with warnings.catch_warnings():
            # pyserial's RFC 2217 client starts its thread in a way that Python frowns upon.
            warnings.simplefilter("ignore", DeprecationWarning)
            port.open()
        try:
            setattr(port, method.line, not method.inverted)
            try:
                time.sleep(method.seconds)
            finally:  # also when the run is being ended: the board must not stay off
                setattr(port, method.line, method.inverted)
        finally:
            close_port(port)
    except (OSError, ValueError) as error:  # pyserial's own errors are OSErrors
        raise DeviceError(
            f"{method.line.upper()} of {device}: {error}",
            operation=operation,
            hint="is the adapter there, and does it have that line?",
        ) from None


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
