# SPDX-License-Identifier: Apache-2.0
"""Where the console of one RSE can be opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Endpoint:
    """One console, as whoever opens it needs to know it."""

    #: How to open it: a serial device, a raw TCP port, a telnet port, a file that grows or a
    #: socket of this host.
    kind: Literal["serial", "tcp", "telnet", "file", "unix"]
    #: Device path, `host:port`, or path of the file or socket.
    address: str
    #: Only meaningful for a serial device.
    baud: int = 115200

    @property
    def device(self) -> Path | None:
        """The serial device of this host; None for all else, `rfc2217://host:port` among it."""
        return Path(self.address) if self.kind == "serial" and "://" not in self.address else None

    @property
    def gone(self) -> bool:
        """Whether it is a device of this host that is not there; a port elsewhere is not asked."""
        return self.device is not None and not self.device.exists()
