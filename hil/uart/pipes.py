# SPDX-License-Identifier: Apache-2.0
"""A program's standard output as a UART: a model that prints its console, a log reader, ssh."""

from __future__ import annotations

import os
from subprocess import Popen

from hil.uart.sources import FdSource


class PipeSource(FdSource):
    """The pipes of a running program; the program itself belongs to whoever started it.

    Args:
        process: Started with `stdout=PIPE`, and `stdin=PIPE` if it takes input.
        name: For messages; by default its process id.
    """

    def __init__(self, process: Popen[bytes], name: str | None = None) -> None:
        if process.stdout is None:
            raise ValueError("the program must be started with stdout=PIPE")
        super().__init__(os.dup(process.stdout.fileno()), name or f"process {process.pid} (pipe)")
        self._input = -1 if process.stdin is None else os.dup(process.stdin.fileno())
        self.sendable = self._input >= 0
        if self.sendable:
            os.set_blocking(self._input, False)

    @property
    def writer(self) -> int | None:
        """The descriptor that is written to, where it is another one than is read."""
        return self._input if self.sendable else None

    def write(self, data: bytes) -> int:
        """Write what fits."""
        try:
            return os.write(self._input, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the pipes."""
        super().close()
        if self._input >= 0:
            os.close(self._input)
            self._input = -1
