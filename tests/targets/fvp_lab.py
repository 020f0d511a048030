# SPDX-License-Identifier: Apache-2.0
"""What tests of the FVP launcher need: consoles that read, and a look at processes."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hil.errors import HilError
from hil.targets.endpoint import Endpoint
from hil.targets.fvp import FvpLauncher
from hil.targets.fvp_query import Model
from hil.targets.fvp_settings import FvpSettings
from hil.targets.fvp_start import ask_model

#: The virtual FVP, and the same as a word of a shell script.
MODEL = Path(sys.executable).parent / "hil-virtual-fvp"
MODEL_WORD = shlex.quote(str(MODEL))

#: What the virtual FVP says of itself, by its environment: that takes longer than a start of it.
_ASKED: dict[str, Model] = {}

#: Each chip says who it is before its firmware starts.
TALKS = {"virtual.flood": 256, "virtual.time_scale": 0.05}


def noise(chip: int) -> bytes:
    """First bytes of a chip that talks."""
    return f"[VER] noise of chip {chip} ".encode()


def settings(**values: object) -> FvpSettings:
    """Settings for the virtual FVP."""
    parameters = {**TALKS, **values.pop("parameters", {})}  # type: ignore[dict-item]
    return FvpSettings.model_validate(
        {"kind": "fvp", "binary": "hil-virtual-fvp", "parameters": parameters, **values}
    )


def launcher(folder: Path, rses: int = 4, **values: object) -> FvpLauncher:
    """Launcher whose run has a folder of its own; the virtual FVP is asked what it is only once."""
    made = FvpLauncher(settings(**values), range(rses), state=folder / "state", base=folder)
    if not values.keys() & {"binary", "cwd", "args"}:
        key = repr((values.get("env"), os.environ.get("HIL_VIRTUAL_FVP")))
        if key not in _ASKED:
            with tempfile.TemporaryDirectory() as state, contextlib.suppress(HilError):
                _ASKED[key] = ask_model(made._settings, state=Path(state), base=folder)
        made._model = _ASKED.get(key)
    return made


def until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Wait for a condition; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} in {seconds} s"
        time.sleep(0.01)


class Consoles:
    """Opens consoles as a bench does and keeps every byte."""

    def __init__(self) -> None:
        self.endpoints: list[tuple[int, Endpoint]] = []
        self.data: dict[int, bytearray] = {}
        self._sockets: list[socket.socket] = []
        self._by_rse: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Consoles:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._sockets:
            connection.close()
        for thread in self._threads:
            thread.join(5)

    def open(self, rse: int, endpoint: Endpoint) -> None:
        """Attach to one console."""
        self.endpoints.append((rse, endpoint))
        self.data[rse] = bytearray()
        if endpoint.kind == "file":
            return
        host, _, port = endpoint.address.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=5)
        connection.settimeout(0.1)
        self._sockets.append(connection)
        self._by_rse[rse] = connection
        thread = threading.Thread(target=self._read, args=(connection, self.data[rse]))
        thread.start()
        self._threads.append(thread)

    def type(self, rse: int, text: bytes) -> None:
        """Send something to a console."""
        self._by_rse[rse].sendall(text)

    def wait_for(self, rse: int, text: bytes) -> bytes:
        """Wait until a console has said something; returns all it said."""
        until(lambda: text in self.data[rse], f"{text!r} from RSE {rse}")
        return bytes(self.data[rse])

    def _read(self, connection: socket.socket, data: bytearray) -> None:
        while True:
            try:
                piece = connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not piece:
                return
            data += piece


def processes_with(word: str) -> list[int]:
    """Ids of processes whose command line or working directory holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = str((entry / "cwd").readlink()) + (entry / "cmdline").read_text()
            except OSError:
                continue
            if word in text:
                found.append(int(entry.name))
    return found


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def mesh_model(folder: Path) -> None:
    """`FVP`, which does nothing unless it finds its mesh file where it runs, and `mesh/` with it."""
    text = f'test -f mesh.yml || {{ echo "no mesh.yml"; exit 1; }}\nexec {MODEL_WORD} "$@"\n'
    script(folder / "FVP", text)
    (folder / "mesh").mkdir()
    (folder / "mesh" / "mesh.yml").touch()
