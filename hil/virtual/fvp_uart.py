# SPDX-License-Identifier: Apache-2.0
"""UART of an FVP: terminal, `out_file`, and two ways by which output ends a simulation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hil.errors import UsageError

_EOT = 0x04
_FIFO = 32
_BLOCK = 4096


@dataclass(frozen=True)
class UartSettings:
    """Values of a UART's parameters; `out_file` "-" is stdout."""

    name: str
    out_file: str = ""
    unbuffered: bool = False
    shutdown_on_eot: bool = False
    shutdown_tag: str = ""


class Uart:
    """One UART; `terminal` is set once its terminal exists."""

    def __init__(
        self, settings: UartSettings, stdout: Callable[[bytes], None], shutdown: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._stdout = stdout
        self._shutdown = shutdown
        self._tag = settings.shutdown_tag.encode()
        self._tail = b""
        self._fifo: deque[int] = deque()
        self._file: IO[bytes] | None = None
        self.lost = 0
        self.terminal: Callable[[bytes], None] | None = None
        if settings.out_file not in ("", "-"):
            try:
                self._file = Path(settings.out_file).open(  # noqa: SIM115 - closed by close()
                    "wb", buffering=0 if settings.unbuffered else _BLOCK
                )
            except OSError as error:
                what = f"cannot write '{settings.out_file}': {error.strerror}"
                raise UsageError(f"{settings.name}.out_file: {what}") from None

    def write(self, data: bytes) -> None:
        """Transmit bytes."""
        if self.terminal:
            self.terminal(data)
        if self._file:
            self._file.write(data)
        elif self._settings.out_file == "-":
            self._stdout(data)
        window = self._tail + data
        if (self._settings.shutdown_on_eot and _EOT in data) or (self._tag and self._tag in window):
            self._shutdown()
        self._tail = window[-len(self._tag) :] if self._tag else b""

    def receive(self, data: bytes) -> None:
        """Input from the terminal; what the FIFO does not take is lost."""
        room = max(0, _FIFO - len(self._fifo))
        self._fifo.extend(data[:room])
        self.lost += len(data) - min(room, len(data))

    def read(self, size: int) -> bytes:
        """Take received bytes, at most `size`."""
        return bytes(self._fifo.popleft() for _ in range(min(size, len(self._fifo))))

    def close(self) -> None:
        """Write out what is buffered; a killed model does not get here."""
        if self._file:
            self._file.close()
            self._file = None
