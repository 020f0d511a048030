# SPDX-License-Identifier: Apache-2.0
"""What the launchers of boards and of QEMU add to a start, and how long their stop takes.

    python -m benchmarks.start_stop [ROUNDS]

Launcher: from `start()` of a held device to the first byte in its transcript, and the whole of `stop()`.
Alone: the same device let go by pyOCD's own session, or by one command to QEMU's monitor, until a byte
can be read from its UART. Rounds are interleaved. Prints a table, writes results/start_stop.json,
and ends with status 1 if a median is beyond its limit. The same for models: benchmarks.fvp_overhead.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import RESULTS, machine
from hil.targets.endpoint import Endpoint
from hil.targets.launcher import Launcher
from hil.targets.load import LoadPlan
from hil.targets.pyocd_launcher import PyocdLauncher
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings
from hil.targets.qemu import QemuLauncher
from hil.targets.qemu_settings import QemuSettings
from hil.uart.capture import Capture
from hil.uart.opening import open_source
from hil.uart.transcript import Transcript

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
LIMIT = 20
#: Milliseconds that `start()` may add to the first byte; that `stop()` may take.
START_LIMIT, STOP_LIMIT = 50, 1000


@contextmanager
def board(folder: Path) -> Iterator[tuple[str, str]]:
    """A virgin virtual board; its probe and its UART."""
    command = [sys.executable, "-m", "hil.virtual.board_main", "--chip=0", "--rse-amount=1"]
    command += ["--release=2.3.1", f"--state={folder / 'state'}", f"--fabric={folder / 'fabric'}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"probe (\S+) uart (\S+)", process.stdout.readline())
        assert found is not None
        yield found[1], found[2]
        process.terminate()


def settings() -> PyocdSettings:
    """Of the virtual board."""
    return PyocdSettings.model_validate(
        {
            "kind": "pyocd",
            "target": "rse_virtual",
            "user_script": ROOT / "boards/pyocd/virtual_rse.py",
            "options": {"reset.post_delay": 0.01},
        }
    )


def ours(launcher: Launcher, folder: Path, plan: LoadPlan) -> tuple[float, float]:
    """Milliseconds from `start()` to the first byte, and of `stop()`."""
    capture = Capture()
    transcript = Transcript(folder / "ours.log", "rse0")

    def open_console(_rse: int, place: Endpoint) -> None:
        capture.attach(transcript, open_source(place.kind, place.address, place.baud))

    sizes: list[int] = []
    launcher.load(plan)
    began = time.monotonic()
    launcher.start(open_console, armed=lambda: sizes.append(transcript.size))
    while transcript.size <= sizes[0]:
        if time.monotonic() - began > LIMIT:
            sys.exit("no byte of the UART")
        time.sleep(0.0002)
    first = transcript.time_at(sizes[0])
    stopped = time.monotonic()
    launcher.stop()
    ended = time.monotonic()
    capture.close()
    transcript.close()
    return 1000 * (first - began), 1000 * (ended - stopped)


def _readable(fd: int) -> float:
    if not select.select([fd], [], [], LIMIT)[0]:
        sys.exit("no byte of the UART")
    return time.monotonic()


PYOCD_ALONE = """
import os, select, sys, time
from pyocd.core.helpers import ConnectHelper
probe, uart, script = sys.argv[1:]
options = {"target_override": "rse_virtual", "user_script": script, "auto_unlock": False,
           "reset.post_delay": 0.01, "resume_on_disconnect": False}
fd = os.open(uart, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
with ConnectHelper.session_with_chosen_probe(unique_id=probe, options=options) as session:
    session.target.reset_and_halt()
    while select.select([fd], [], [], 0.1)[0]:
        os.read(fd, 65536)
    began = time.monotonic()
    session.target.resume()
    assert select.select([fd], [], [], 20)[0], "no byte of the UART"
    print(1000 * (time.monotonic() - began))
"""


def pyocd() -> tuple[float, float, float]:
    """First byte and stop of the launcher, first byte of pyOCD alone; in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="start-stop-") as name:
        with board(Path(name, "one")) as (probe, uart):
            rse = PyocdRse(0, probe, Endpoint("serial", uart, 38400))
            first, stop = ours(PyocdLauncher(settings(), [rse]), Path(name), LoadPlan(()))
        with board(Path(name, "other")) as (probe, uart):
            script = str(ROOT / "boards/pyocd/virtual_rse.py")
            command = [sys.executable, "-c", PYOCD_ALONE, probe, uart, script]
            alone = subprocess.run(command, cwd=name, check=True, capture_output=True, text=True)
    return first, stop, float(alone.stdout)


def qemu() -> tuple[float, float, float]:
    """First byte and stop of the launcher, first byte of QEMU alone; in milliseconds."""
    from hil.bench.board_file import find_board, load_board
    from hil.bench.image_plan import build_plan

    with tempfile.TemporaryDirectory(prefix="start-stop-") as name:
        folder = Path(name)
        file = load_board(find_board("qemu-firmware"))
        plan = build_plan(file, folder / "cache")
        assert isinstance(file.board.launcher, QemuSettings)
        launcher = QemuLauncher(file.board.launcher, [0], state=folder, base=file.path.parent)
        first, stop = ours(launcher, folder, plan)
        image = plan.images[0]
        command = ["qemu-system-arm", "-machine", "mps2-an521", "-S", "-display", "none"]
        command += ["-serial", "unix:uart.sock,server=on,wait=off", "-nic", "none"]
        command += ["-monitor", "unix:monitor.sock,server=on,wait=off"]
        command += [
            *("-device", f"loader,file={image.path},addr={image.address:#x},force-raw=on"),
        ]
        with subprocess.Popen(command, cwd=folder) as process:
            monitor, uart = (_connected(folder / f"{end}.sock") for end in ("monitor", "uart"))
            with monitor, uart:
                _readable(monitor.fileno())
                began = time.monotonic()
                monitor.sendall(b"cont\n")
                alone = _readable(uart.fileno()) - began
            process.kill()
    return first, stop, 1000 * alone


def _connected(path: Path) -> socket.socket:
    until = time.monotonic() + LIMIT
    connection = socket.socket(socket.AF_UNIX)
    while True:
        try:
            connection.connect(os.path.relpath(path))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return connection


def told(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):6.1f}  ({min(values):.1f} to {max(values):.1f})"


def main() -> int:
    """Measure, print, judge."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    kinds = {"pyocd": pyocd}
    if shutil.which("qemu-system-arm"):
        kinds["qemu"] = qemu
    found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, measure in kinds.items():
            found[kind].append(measure())
    late = False
    for kind, values in found.items():
        first, stop, alone = (list(column) for column in zip(*values, strict=True))
        added = statistics.median(one - other for one, other in zip(first, alone, strict=True))
        late = late or added > START_LIMIT or statistics.median(stop) > STOP_LIMIT
        print(f"{kind}, {rounds} rounds, milliseconds: median (range)")
        print(f"  first UART byte after start()    {told(first)}")
        print(f"  the same of the tool alone       {told(alone)}")
        print(f"  added, pair by pair (limit {START_LIMIT})   {added:6.1f}")
        print(f"  stop() (limit {STOP_LIMIT})              {told(stop)}")
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), "rounds": rounds, "milliseconds": found}, indent=1)
    (RESULTS / "start_stop.json").write_text(text + "\n")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
