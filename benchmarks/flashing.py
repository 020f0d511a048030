# SPDX-License-Identifier: Apache-2.0
"""Flashing boards through pyOCD: one and four at once, what `changed` saves, the launcher's own time.

    python -m benchmarks.flashing [KIB]

The boards are virtual, each a process, flashed by the real pyOCD in a worker process each. Their CPUs
are emulated, so that a board costs CPU time which a real one does not: what the machine's cores allow is
stated beside each ratio. With a probe that takes a millisecond for each request, as one behind USB, the
boards wait instead of computing, and the ratio is that of the harness.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import RESULTS, machine
from hil.targets.endpoint import Endpoint
from hil.targets.load import FlashPolicy, LoadPlan, PlacedImage
from hil.targets.process import Child
from hil.targets.pyocd_launcher import PyocdLauncher
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings
from hil.uart.capture import Capture
from hil.uart.opening import open_source
from hil.uart.transcript import Transcript

ROOT = Path(__file__).resolve().parent.parent
FLASH = 0xB0000000
BOARDS = 4
STARTS = 20
USB_DELAY = 0.001
#: Requests after which a halted core of a virtual board runs.
DHCSR, RUN = 0xE000EDF0, 0xA05F0001


@contextmanager
def boards(folder: Path, count: int, *options: str) -> Iterator[list[PyocdRse]]:
    """Run virtual boards."""
    with ExitStack() as stack:
        found = []
        for chip in range(count):
            said: list[str] = []
            up = threading.Event()
            command = [
                *(sys.executable, "-m", "hil.virtual.board_main", f"--chip={chip}"),
                *("--release=2.3.1", f"--rse-amount={max(count, 1)}"),
                *(f"--state={folder / f'state{chip}'}", f"--fabric={folder / 'fabric'}", *options),
            ]

            def line(text: str, said: list[str] = said, up: threading.Event = up) -> None:
                said.append(text)
                up.set()

            child = Child(command, name=f"board{chip}", line=line)
            stack.callback(child.kill)
            if not up.wait(30):
                raise SystemExit(f"virtual board {chip} does not start")
            _, _, _, _, probe, _, uart = said[0].split()
            found.append(PyocdRse(chip, probe, Endpoint("serial", uart)))
        yield found


def settings(**changes: Any) -> PyocdSettings:
    return PyocdSettings.model_validate(
        {
            "kind": "pyocd",
            "target": "rse_virtual",
            "user_script": str(ROOT / "boards/pyocd/virtual_rse.py"),
            "options": {"reset.post_delay": 0.0},
            "recovery": [],
            **changes,
        }
    )


def plan(folder: Path, count: int, size: int) -> LoadPlan:
    images = []
    for rse in range(count):
        path = folder / f"image{rse}.bin"
        path.write_bytes(os.urandom(size))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        images.append(PlacedImage("bl2", rse, path, FLASH, "flash", digest, size))
    return LoadPlan(tuple(images))


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def loads(count: int, size: int, *options: str) -> dict[str, float]:
    """Load some boards for the first time, then with nothing to change; return the seconds."""
    found: dict[str, float] = {}
    before = children_cpu()
    with tempfile.TemporaryDirectory() as name, boards(Path(name), count, *options) as rses:
        launcher = PyocdLauncher(settings(), rses)
        given = plan(Path(name), count, size)
        launcher.load(LoadPlan(()))  # the workers are up and the chips held
        for policy in (FlashPolicy.ALWAYS, FlashPolicy.CHANGED):
            began = time.monotonic()
            report = launcher.load(LoadPlan(given.images, policy))
            found[policy.value] = time.monotonic() - began
            if not all(image.verified for image in report.images):
                raise SystemExit("a load was not verified")
        launcher.stop()
    found["cpu"] = children_cpu() - before
    return found


def ask(sock: Any, request: str, *arguments: Any) -> Any:
    sock.write(
        json.dumps({"id": 0, "request": request, "arguments": list(arguments)}).encode() + b"\n"
    )
    sock.flush()
    return json.loads(sock.readline()).get("result")


def device_time(rse: PyocdRse) -> float:
    """Return the seconds from the release of a held core to its first byte on the UART."""
    import select
    import socket

    import serial

    host, port = rse.probe.removeprefix("remote:").split(":")
    with (
        serial.Serial(rse.console.address, timeout=0) as uart,
        socket.create_connection((host, int(port))) as connection,
        connection.makefile("rwb") as sock,
    ):
        for request, *arguments in (
            ("hello", 1), ("open",), ("connect", "DEFAULT"), ("write_dp", 0, 0x1E), ("write_dp", 8, 0),
            ("write_dp", 4, 0x50000F00), ("write_dp", 8, 0x2D00), ("write_ap", 0x2D00, 0x03000012),
            ("write_ap", 0x2D04, 0xE000EDFC), ("write_ap", 0x2D0C, 0x01000001),
            ("write_ap", 0x2D04, DHCSR), ("write_ap", 0x2D0C, 0xA05F0003),
            ("assert_reset", True), ("assert_reset", False),
        ):  # fmt: skip
            ask(sock, request, *arguments)
        time.sleep(0.1)
        uart.reset_input_buffer()
        ask(sock, "write_ap", 0x2D04, DHCSR)
        began = time.monotonic()
        ask(sock, "write_ap", 0x2D0C, RUN)
        select.select([uart.fileno()], [], [], 10)
        return time.monotonic() - began


def starts() -> dict[str, list[float]]:
    """Return what start() needs besides the device, and what stop() needs, in ms."""
    device, first_byte, stop, armed_after = [], [], [], []
    with tempfile.TemporaryDirectory() as name, boards(Path(name), 1) as rses, Capture() as capture:
        folder = Path(name)
        for number in range(STARTS):
            launcher = PyocdLauncher(settings(), rses)
            launcher.load(LoadPlan(()))
            transcript = Transcript(folder / f"rse0-{number}.log")
            opened: list[float] = []

            def open_console(_rse: int, place: Endpoint, to: Transcript = transcript) -> None:
                capture.attach(to, open_source(place.kind, place.address, place.baud))

            arrived: list[float] = []

            def watch(to: Transcript = transcript, arrived: list[float] = arrived) -> None:
                while not to.size:
                    time.sleep(0.0002)
                arrived.append(time.monotonic())

            watcher = threading.Thread(target=watch)
            watcher.start()
            began = time.monotonic()
            launcher.start(open_console, armed=lambda o=opened: o.append(time.monotonic()))
            watcher.join(20)
            first_byte.append(arrived[0] - began)
            armed_after.append(opened[0] - began)
            began = time.monotonic()
            launcher.stop()
            stop.append(time.monotonic() - began)
            capture.detach(transcript)
            transcript.close()
            device.append(device_time(rses[0]))
    needs = statistics.median(device)
    return {
        "device": [1000 * t for t in device],
        "start": [1000 * (t - needs) for t in first_byte],
        "armed": [1000 * t for t in armed_after],
        "stop": [1000 * t for t in stop],
    }


def row(name: str, times: Sequence[float], wanted: str) -> str:
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)]
    return (
        f"| {name} | {statistics.median(ordered):.1f} | {p95:.1f} | {ordered[-1]:.1f} | {wanted} |"
    )


def main() -> None:
    size = (int(sys.argv[1]) if len(sys.argv) > 1 else 512) << 10
    where, cores = machine(), len(os.sched_getaffinity(0))
    data: dict[str, Any] = {"machine": where, "bytes of each board": size}
    rows = []
    for name, options in (
        ("emulated at full speed", ()),
        (f"{1000 * USB_DELAY:g} ms for each request", (f"--probe-delay={USB_DELAY}",)),
    ):
        one, four = loads(1, size, *options), loads(BOARDS, size, *options)
        data[name] = {"one": one, "four": four}
        for policy in ("always", "changed"):
            ratio = four[policy] / one[policy]
            rates = [n * size / times[policy] / 1000 for n, times in ((1, one), (BOARDS, four))]
            rows.append(
                f"| {name} | {policy} | {one[policy]:.2f} s | {four[policy]:.2f} s | {ratio:.2f} "
                f"| {rates[0]:.0f} | {rates[1]:.0f} |"
            )
        rows.append(
            f"| | CPU time of boards and pyOCD, both loads and starting | {one['cpu']:.2f} s "
            f"| {four['cpu']:.2f} s | at best {max(1, four['cpu'] / cores / one['cpu']):.2f} on "
            f"{cores} cores | | |"
        )
    data["starts"] = times = starts()
    text = "\n".join(
        [
            "# Flashing", "", f"{where}.", "",
            f"{size >> 10} KiB for each board, written or compared, and every byte read back.", "",
            "| probe | policy | one board | four at once | ratio | kB/s, one | kB/s, four |",
            "|---|---|---|---|---|---|---|",
            *rows, "",
            f"{STARTS} starts of one board, in ms:", "",
            "| what | median | p95 | worst | wanted |", "|---|---|---|---|---|",
            row("the device itself, from release to its first byte", times["device"], ""),
            row("start() to the first byte in the transcript, beyond that", times["start"], "50"),
            row("of it: consoles opened and drained", times["armed"], ""),
            row("stop()", times["stop"], "1000"), "",
        ]
    )  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "flashing.json").write_text(json.dumps(data) + "\n")
    (RESULTS / "flashing.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
