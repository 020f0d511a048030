# SPDX-License-Identifier: Apache-2.0
"""Where the console of one RSE can be opened."""

from __future__ import annotations

from dataclasses import dataclass
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
