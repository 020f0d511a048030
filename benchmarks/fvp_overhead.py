# SPDX-License-Identifier: Apache-2.0
"""What the launcher adds to the start and the stop of a model, beside a bare launch of the same process.

    python -m benchmarks.fvp_overhead [ROUNDS]

Bare: the very command that the launcher gives, started with nothing around it; its own time to the
first UART byte is when a byte is in the file that the UART writes, its own time to stop is from
SIGINT to its end. Launcher: from `start()` to the first byte in the transcript of an RSE, and the
whole of `stop()`. Rounds are interleaved. Prints a table, writes results/fvp_overhead.json, and ends
with status 1 if a median is beyond its limit.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import RESULTS, machine
from hil.targets.endpoint import Endpoint
from hil.targets.fvp import FvpLauncher
from hil.targets.fvp_settings import FvpSettings
from hil.targets.load import LoadPlan
from hil.uart.capture import Capture
from hil.uart.opening import open_source
from hil.uart.transcript import Transcript

ROUNDS = 15
LIMIT = 20
#: Milliseconds that `start()` may add to the first byte; that `stop()` may take.
START_LIMIT, STOP_LIMIT = 50, 1000
KINDS = ("terminal", "out_file")


def until(condition: Callable[[], bool]) -> float:
    """Wait for a condition without resting long; returns when it was met."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("no byte of the UART")
        time.sleep(0.0002)
    return time.monotonic()


def launcher(folder: Path, kind: str, starts: list[dict]) -> FvpLauncher:
    """A launcher of the virtual model with four RSEs that speak at once; tells of its starts."""

    def tell(event: str, **values: object) -> None:
        if event == "fvp":
            starts.append(values)

    settings = FvpSettings.model_validate(
        {
            "kind": "fvp",
            "binary": "hil-virtual-fvp",
            "parameters": {"virtual.flood": 256, "virtual.time_scale": 0.05},
            "console": {"kind": kind},
        }
    )
    return FvpLauncher(settings, range(4), state=folder / "state", base=folder, tell=tell)


def ours(folder: Path, kind: str) -> tuple[float, float, list[str]]:
    """Milliseconds to the first byte, milliseconds to stop, and the command."""
    capture = Capture()
    transcripts: dict[int, Transcript] = {}

    def open_console(rse: int, endpoint: Endpoint) -> None:
        transcripts[rse] = Transcript(folder / f"{kind}{rse}.log", f"rse{rse}")
        source = open_source(endpoint.kind, endpoint.address, endpoint.baud)
        capture.attach(transcripts[rse], source)

    first: list[float] = []
    events: list[dict] = []
    with launcher(folder, kind, events) as fvp:
        fvp.load(LoadPlan(()))
        began = time.monotonic()
        fvp.start(open_console)
        until(lambda: any(t.size for t in transcripts.values()))
        # The transcript has the time of each read: the first byte may have come while start() ran.
        first += [t.time_at(0) for t in transcripts.values() if t.size]
        stopped = time.monotonic()
        fvp.stop()
        ended = time.monotonic()
    capture.close()
    for transcript in transcripts.values():
        transcript.close()
    return 1000 * (min(first) - began), 1000 * (ended - stopped), events[0]["argv"]


def bare(folder: Path, argv: list[str]) -> tuple[float, float]:
    """The same for the process alone."""
    files = [Path(word.partition("out_file=")[2]) for word in argv if ".out_file=" in word]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    began = time.monotonic()
    with (folder / "bare.log").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        first = until(lambda: any(file.stat().st_size for file in files))
        stopped = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT)
        ended = time.monotonic()
    finally:
        process.kill()
        process.wait()
    return 1000 * (first - began), 1000 * (ended - stopped)


def told(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):6.1f}  ({min(values):.1f} to {max(values):.1f})"


def main() -> int:
    """Measure, print, and judge."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    found: dict[str, dict[str, list[float]]] = {
        kind: {"start": [], "bare start": [], "stop": [], "bare stop": []} for kind in KINDS
    }
    for _ in range(rounds):
        for kind, values in found.items():
            with tempfile.TemporaryDirectory(prefix="fvp-overhead-") as name:
                start, stop, argv = ours(Path(name), kind)
                bare_start, bare_stop = bare(Path(name), argv)
            for key, value in zip(values, (start, bare_start, stop, bare_stop), strict=True):
                values[key].append(value)
    late = False
    for kind, values in found.items():
        added = statistics.median(
            one - other for one, other in zip(values["start"], values["bare start"], strict=True)
        )
        best = min(values["start"]) - min(values["bare start"])
        stop = statistics.median(values["stop"])
        late = late or added > START_LIMIT or stop > STOP_LIMIT
        print(f"consoles: {kind}, {rounds} rounds, milliseconds: median (range)")
        print(f"  first UART byte after start()    {told(values['start'])}")
        print(f"  the same of the bare process     {told(values['bare start'])}")
        print(
            f"  added, pair by pair (limit {START_LIMIT})   {added:6.1f}  (best of each: {best:.1f})"
        )
        print(f"  stop() (limit {STOP_LIMIT})              {told(values['stop'])}")
        print(f"  SIGINT to end, bare process      {told(values['bare stop'])}")
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), "rounds": rounds, "milliseconds": found}, indent=1)
    (RESULTS / "fvp_overhead.json").write_text(text + "\n")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
