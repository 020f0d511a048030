# SPDX-License-Identifier: Apache-2.0
"""Virtual boards as processes, for tests of both sides of the wire."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
USER_SCRIPT = ROOT / "boards" / "pyocd" / "virtual_rse.py"
COMMAND = [sys.executable, "-m", "hil.virtual.board_main"]

LIMIT = 20


class BoardProcess:
    """One running virtual board; a context manager that ends it."""

    def __init__(self, folder: Path, *options: str, chip: int = 0, release: str = "2.3.1") -> None:
        self.folder = folder
        self.chip = chip
        self.process = subprocess.Popen(
            [*COMMAND, *arguments(folder, chip, release), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        match = re.fullmatch(
            rf"virtual board {chip}: probe (remote:127\.0\.0\.1:(\d+)) uart (\S+)\n", self.line
        )
        if match is None:
            self.process.kill()
            raise AssertionError(f"{self.line!r}, stderr: {self.process.communicate()[1]}")
        self.probe, self.port, self.uart = match[1], int(match[2]), match[3]

    def __enter__(self) -> BoardProcess:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait, return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=LIMIT)
        return self.process.returncode

    @property
    def port_file(self) -> Path:
        return self.folder / "fabric" / f"chip{self.chip}.port"


def arguments(folder: Path, chip: int = 0, release: str = "2.3.1") -> list[str]:
    """The arguments that every board needs."""
    return [
        f"--chip={chip}",
        f"--release={release}",
        f"--state={folder / 'state'}",
        f"--fabric={folder / 'fabric'}",
    ]


class Wire:
    """A client of the probe's protocol, one request at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self._stream = self._socket.makefile("rwb")
        self._number = 0

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, request: str, *arguments: Any) -> dict[str, Any]:
        """Send a request, return the whole answer."""
        self._number += 1
        self.send({"id": self._number, "request": request, "arguments": list(arguments)})
        return self.receive()

    def send(self, request: Any) -> None:
        line = request if isinstance(request, bytes) else json.dumps(request).encode()
        self._stream.write(line + b"\n")
        self._stream.flush()

    def receive(self) -> dict[str, Any]:
        return json.loads(self._stream.readline())

    def get(self, request: str, *arguments: Any) -> Any:
        """Send a request that must succeed, return its result."""
        answer = self.ask(request, *arguments)
        assert answer["status"] == 0, answer
        return answer.get("result")

    # The memory access port at APB 0x2000 ---------------------------------------------------

    def power_up(self) -> None:
        self.get("hello", 1)
        self.get("open")
        self.get("connect", "DEFAULT")
        self.get("write_dp", 0, 0x1E)
        self.get("write_dp", 8, 0)
        self.get("write_dp", 4, 0x50000F00)
        self.write_ap(0xD00, 0x03000012)

    def write_ap(self, register: int, value: int) -> dict[str, Any]:
        self.get("write_dp", 8, 0x2000 + register & ~0xF)
        return self.ask("write_ap", 0x2000 + register, value)

    def read_ap(self, register: int) -> dict[str, Any]:
        self.get("write_dp", 8, 0x2000 + register & ~0xF)
        return self.ask("read_ap", 0x2000 + register)

    def read32(self, address: int) -> int:
        assert self.write_ap(0xD04, address)["status"] == 0
        answer = self.read_ap(0xD0C)
        assert answer["status"] == 0, answer
        return int(answer["result"])

    def write32(self, address: int, value: int) -> None:
        assert self.write_ap(0xD04, address)["status"] == 0
        assert self.write_ap(0xD0C, value)["status"] == 0
