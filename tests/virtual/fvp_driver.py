# SPDX-License-Identifier: Apache-2.0
"""Runs `hil-virtual-fvp` as a process, as any launcher would, and reads what it says."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FVP = Path(sys.executable).parent / "hil-virtual-fvp"
LISTENING = re.compile(r"(\w+): Listening for serial connection on port (\d+)")
STOPPED = "Info: /OSCI/SystemC: Simulation stopped by user."
#: Without this a real model keeps its lines back while its stdout is no terminal.
PROMPT = ("-C", "virtual.libc_buffering=0")


def run(*arguments: str, env: str = "", timeout: float = 20) -> subprocess.CompletedProcess[str]:
    """Run the model to its end."""
    return subprocess.run(
        [FVP, *arguments],
        env=os.environ | {"HIL_VIRTUAL_FVP": env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Wait for a condition; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} in {seconds} s"
        time.sleep(0.01)


class Running:
    """A model that runs, with stdout and stderr in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.stdout = folder / "stdout.txt"
        with self.stdout.open("wb") as stream:
            self.process = subprocess.Popen(
                [FVP, *PROMPT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )

    @property
    def text(self) -> str:
        return self.stdout.read_text()

    def wait_for(self, text: str, seconds: float = 10) -> None:
        """Wait for words on stdout."""
        self._until(lambda: text in self.text, f"{text!r} on stdout", seconds)

    def ports(self, count: int = 8) -> list[tuple[str, int]]:
        """Leaf names and ports, in the order of the announcements."""
        self._until(lambda: len(LISTENING.findall(self.text)) >= count, f"{count} ports")
        return [(leaf, int(port)) for leaf, port in LISTENING.findall(self.text)]

    def rse_ports(self) -> list[int]:
        """Ports of the RSEs' terminals in construction order."""
        return [port for leaf, port in self.ports() if leaf == "terminal_rse_uart"]

    def _until(self, condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
        def met() -> bool:
            if condition():
                return True
            assert self.process.poll() is None, f"the model ended: {self.text}"
            return False

        until(met, what, seconds)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(10)


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Running]:
    """A model that is killed at the end of the block."""
    model = Running(folder, *arguments)
    try:
        yield model
    finally:
        model.process.kill()
        model.process.wait(10)


def read_some(connection: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    """Read until there is enough."""
    connection.settimeout(10)
    data = b""
    while not enough(data):
        piece = connection.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def attach(port: int) -> socket.socket:
    """Connect to a terminal."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)
