# SPDX-License-Identifier: Apache-2.0
"""What tests of the QEMU launcher need: the project's own firmware, captured consoles, processes."""

from __future__ import annotations

import hashlib
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from hil.targets.endpoint import Endpoint
from hil.targets.load import LoadPlan, PlacedImage
from hil.targets.qemu import QemuLauncher
from hil.targets.qemu_settings import QemuSettings
from hil.uart.capture import Capture
from hil.uart.console import Console
from hil.uart.opening import open_source
from hil.uart.transcript import Transcript

PAYLOADS = Path(__file__).resolve().parents[2] / "boards" / "payloads"
FIRMWARE = PAYLOADS / "firmware-mps2.bin"
COUNTERS = {"regions": {"counters": {"address": 0x10070000, "size": 0x1000}}}
#: Where the firmware looks for its first command, and for its counters.
SCENARIO, NVM = 0x10068000, 0x10070000
#: First line of the firmware.
FIRST = b"[INF] Starting bootloader\r\n"
#: Its last word after its tests.
END = b"\x04"
#: Seconds after which a wait has failed; a machine with other work is slow.
LIMIT = 30

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="no qemu-system-arm on PATH (Debian: apt-get install qemu-system-arm)",
)


def settings(**values: object) -> QemuSettings:
    return QemuSettings.model_validate({"kind": "qemu", "machine": "mps2-an521", **values})


def placed(
    path: Path, address: int = 0x10000000, *, rse: int = 0, name: str = "firmware"
) -> PlacedImage:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return PlacedImage(name, rse, path, address, "flash", digest, len(data))


def plan(*images: PlacedImage) -> LoadPlan:
    return LoadPlan(images)


def firmware_with_counter(folder: Path, counter: int) -> Path:
    """The firmware as a release with another security counter."""
    data = bytearray(FIRMWARE.read_bytes())
    struct.pack_into("<I", data, 0x108, counter)
    path = folder / f"firmware-{counter}.bin"
    path.write_bytes(data)
    return path


def file_with(folder: Path, data: bytes, name: str = "scenario.bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def until(condition: Callable[[], bool], what: str, seconds: float = LIMIT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} in {seconds} s"
        time.sleep(0.01)


class QemuLab:
    """A launcher with real consoles, as a bench has them; ends what it started.

    Args:
        folder: Everything of the run is below it; boards and kept folders are relative to it.
        rses: How many.
        values: Of the launcher's settings.
    """

    def __init__(self, folder: Path, rses: int = 1, **values: object) -> None:
        self.folder = folder
        self.events: list[dict[str, object]] = []
        self.launcher = QemuLauncher(
            settings(**values),
            range(rses),
            state=folder / "state",
            base=folder,
            tell=lambda kind, **told: self.events.append({"kind": kind, **told}),
        )
        self.transcripts: dict[int, Transcript] = {}
        self.consoles: dict[int, Console] = {}
        self._capture = Capture()

    def __enter__(self) -> QemuLab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.launcher.stop()
        self._capture.close()
        for transcript in self.transcripts.values():
            transcript.close()

    def open(self, rse: int, endpoint: Endpoint) -> None:
        """Capture a console; what it says goes on in the transcript of before."""
        if rse not in self.transcripts:
            path = self.folder / f"{len(list(self.folder.glob('*.log')))}-rse{rse}.log"
            self.transcripts[rse] = Transcript(path, f"rse{rse}")
            self.consoles[rse] = Console(self.transcripts[rse], self._capture, timeout=LIMIT)
        self._capture.attach(
            self.transcripts[rse], open_source(endpoint.kind, endpoint.address, endpoint.baud)
        )

    def boot(self, *images: PlacedImage) -> Console:
        """Load images, start, and wait for the end of the tests; returns the console of RSE 0."""
        self.launcher.load(plan(*(images or (placed(FIRMWARE),))))
        self.launcher.start(self.open)
        console = self.consoles[0]
        console.expect_exact(END)
        return console

    def ask(self, command: str, answer: str, rse: int = 0) -> str:
        """Send a command to the firmware; returns the line that begins with the answer."""
        console = self.consoles[rse]
        console.sendline(command)
        console.expect(answer.encode() + rb"[^\r\n]*\r\n")
        return str(console.match.group().decode().strip())

    def counters(self, command: str = "show", rse: int = 0) -> str:
        return self.ask(command, "counter=", rse)

    def said(self, rse: int = 0) -> bytes:
        transcript = self.transcripts[rse]
        return transcript.read(0, transcript.size)

    def pid(self, rse: int = 0) -> int:
        [pid] = processes_in(self.folder / "state" / f"qemu-rse{rse}")
        return pid


def processes_in(folder: Path) -> list[int]:
    """QEMUs that run in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            cwd = (entry / "cwd").readlink()
            name = (entry / "comm").read_text()
        except OSError:
            continue
        if cwd.is_relative_to(folder.resolve()) and name.startswith("qemu"):
            found.append(int(entry.name))
    return found
