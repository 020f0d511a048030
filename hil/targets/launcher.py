# SPDX-License-Identifier: Apache-2.0
"""The contract between a bench and whatever drives its devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from hil.targets.endpoint import Endpoint
from hil.targets.load import LoadPlan, LoadReport

#: Called with the id of an RSE and the place of its console; returns once the console is captured.
OpenConsole = Callable[[int, Endpoint], None]

#: Called when all consoles are open and drained, right before the release of RSEs that are held:
#: what a console says from now on belongs to this boot, so that its offset is to be taken here.
Armed = Callable[[], None]

#: "system": a reset that the debugger asks for (SYSRESETREQ); "nreset": the reset line.
ResetKind = Literal["system", "nreset"]


class Launcher(Protocol):
    """Drives all RSEs of one system; every failure is a DeviceError."""

    #: What it can do: "load", "reset", "reset-one", "hold", "read-back"; "new-device": each start makes
    #: devices that said nothing before, so that their first byte is not older than the release.
    capabilities: frozenset[str]

    def load(self, plan: LoadPlan) -> LoadReport:
        """Put the images on the devices; leave every RSE held until `start`."""

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        """Open every console before the first instruction, then let all RSEs go together."""

    def reset(
        self, rse: int | None = None, kind: ResetKind = "system", *, armed: Armed | None = None
    ) -> None:
        """Reset one RSE, or hold all and release all when no RSE is named."""

    def hold(self, rse: int) -> None:
        """Keep one RSE from running, at its reset vector."""

    def release(self, rse: int) -> None:
        """Let a held RSE run."""

    def stop(self) -> None:
        """End everything that was started; may be called twice; nothing outlives it."""

    def alive(self, rse: int) -> str | None:
        """Return None while the device lives, else one sentence that says why not."""
