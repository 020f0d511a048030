# SPDX-License-Identifier: Apache-2.0
"""What an FVP says on stdout: reports, port announcements, the banner, why it stopped.

Shapes as in public logs of RD-N2 11.24, RD-V3-R1 and Corstone models: a report is a blank line
and `Severity: TOP: message`; terminals announce themselves in one of three spellings, always by
their leaf name only.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable
from pathlib import Path

#: `virtual.port_format` -> announcement: (a) most models, (b) RD-V3-R1 and Corstone-300,
#: (c) newer models as meta-arm met them.
PORT_FORMATS: dict[str, str] = {
    "a": "{leaf}: Listening for serial connection on port {port}",
    "b": "Info: {top}: {leaf}: Listening for serial connection on port {port}",
    "c": "INFO: {top}: {leaf}: Listening for serial connection on port {port}",
}

STOPPED = "/OSCI/SystemC: Simulation stopped by user."
SIM_LIMIT = "Info: Simulation is stopping. Reason: Simulated time has been exceeded."
CYCLE_LIMIT = "Info: Simulation is stopping. Reason: Cycle limit has been exceeded."
#: Also the text of --timelimit, as far as public scripts that pass it tell.
CPU_LIMIT = "Info: Simulation is stopping. Reason: CPU time has been exceeded."

_LIBC_BUFFER = 4096


def banner(version: str) -> str:
    """The version banner, blank line first as the real one."""
    year = version.rstrip(")").split()[-1]
    return (
        f"\nFast Models [{version}]\nCopyright 2000-{year} ARM Limited.\nAll Rights Reserved.\n\n"
    )


class Output:
    """Stdout of the model, and the `--log` file if there is one.

    Args:
        top: Name of the top-level instance.
        fd: Where to write, normally stdout.
        log: File that receives a copy.
        libc_buffering: Collect output in blocks while `fd` is no terminal, as C programs do.
        stall: False drops what a full pipe does not take, instead of waiting for its reader.
    """

    def __init__(
        self,
        top: str,
        *,
        fd: int | None = None,
        log: Path | None = None,
        libc_buffering: bool = False,
        stall: bool = True,
    ) -> None:
        self.top = top
        self._fd = sys.stdout.fileno() if fd is None else fd
        self._log = log.open("wb") if log else None
        self._buffered = libc_buffering and not os.isatty(self._fd)
        self._stall = stall
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        """Write bytes as they are; a full pipe blocks the simulation unless told otherwise."""
        if self._log:
            self._log.write(data)
            self._log.flush()
        self._pending += data
        if not self._buffered or len(self._pending) >= _LIBC_BUFFER:
            self.flush()

    def line(self, text: str) -> None:
        """Write one line."""
        self.write(text.encode() + b"\n")

    def report(self, severity: str, message: str, *details: str) -> None:
        """Write a SystemC report of the top-level instance."""
        self.line(f"\n{severity}: {self.top}: {message}")
        for detail in details:
            self.line(detail)

    def announce(self, style: str, ports: Iterable[tuple[str, int]], *, glue: bool) -> None:
        """Announce terminals by leaf name, each on its line or glued on one."""
        texts = [
            PORT_FORMATS[style].format(top=self.top, leaf=name.rpartition(".")[2], port=port)
            for name, port in ports
        ]
        if texts:
            self.line(" ".join(texts) if glue else "\n".join(texts))

    def report_end(self) -> None:
        """Say that the simulation is over."""
        self.line(f"\nInfo: {STOPPED}")

    def flush(self) -> None:
        """Hand everything to the system."""
        while self._pending:
            if not self._stall and not select.select([], [self._fd], [], 0)[1]:
                self._pending.clear()
                return
            # A write of at most PIPE_BUF bytes does not block once select() has said yes.
            size = len(self._pending) if self._stall else select.PIPE_BUF
            del self._pending[: os.write(self._fd, bytes(self._pending[:size]))]

    def close(self) -> None:
        """Flush and close the log file."""
        self.flush()
        if self._log:
            self._log.close()
            self._log = None
