# SPDX-License-Identifier: Apache-2.0
"""From a byte written by a device to `expect` returning; and the CPU that waiting takes.

    python -m benchmarks.latency

Marks come at random 30 to 90 ms; once on a quiet console, once right after a burst of 100 MB, and
once from a device that trickles meanwhile. The device's clock is the harness's: both read
CLOCK_MONOTONIC.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

from benchmarks.peers import RESULTS, machine
from hil.uart.capture import Capture
from hil.uart.console import Console
from hil.uart.guard import Guard
from hil.uart.sources import FdSource
from hil.uart.transcript import Transcript

MARKS = 200
DEVICE = """
import os, random, sys, time
fd, burst, marks = map(int, sys.argv[1:4])
sys.stdin.readline()
line = b"burst burst burst burst burst burst burst\\r\\n" * 100
sent = 0
while sent < burst:
    sent += os.write(fd, line)
for n in range(marks):
    time.sleep(random.uniform(0.03, 0.09) if n or not burst else 0)
    os.write(fd, b"mark %d at %d;\\r\\n" % (n, time.monotonic_ns()))
sys.stdin.readline()
"""


def measure(burst: int) -> list[float]:
    """Return the latencies in ms."""
    import subprocess

    master, slave = os.openpty()
    tty.setraw(slave)
    command = [sys.executable, "-c", DEVICE, str(master), str(burst), str(MARKS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[master])
    found = []
    with tempfile.TemporaryDirectory() as folder, Capture() as capture:
        transcript = Transcript(Path(folder) / "rse0.log")
        capture.attach(transcript, FdSource(slave, "pty"))
        guard = Guard([r"FATAL ERROR: .*"])
        guard.add(transcript)
        console = Console(transcript, capture, guard=guard, timeout=120)
        process.stdin.write(b"\n")
        process.stdin.flush()
        for n in range(MARKS):
            console.expect(rb"mark %d at (\d+);" % n)
            found.append((time.monotonic_ns() - int(console.match.group(1))) / 1e6)
        process.kill()
        process.wait()
        transcript.close()
    os.close(master)
    return found


def bare() -> list[float]:
    """Return the latencies of a loop that only waits and reads: what this machine's wake-ups take."""
    import re
    import select
    import subprocess

    master, slave = os.openpty()
    tty.setraw(slave)
    command = [sys.executable, "-c", DEVICE, str(master), "0", str(MARKS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[master])
    poll = select.epoll()
    poll.register(slave, select.EPOLLIN)
    process.stdin.write(b"\n")
    process.stdin.flush()
    found, said = [], b""
    while len(found) < MARKS:
        poll.poll()
        said += os.read(slave, 65536)
        if match := re.search(rb"mark \d+ at (\d+);\r\n", said):
            found.append((time.monotonic_ns() - int(match[1])) / 1e6)
            said = said[match.end() :]
    process.kill()
    process.wait()
    os.close(master)
    return found


def idle_cpu(seconds: float = 5.0) -> float:
    """Return the share of a core that waiting on 16 silent consoles takes."""
    ends = [os.openpty() for _ in range(16)]
    with tempfile.TemporaryDirectory() as folder, Capture() as capture:
        transcripts = [Transcript(Path(folder) / f"rse{n}.log") for n in range(16)]
        for (_, slave), transcript in zip(ends, transcripts, strict=True):
            tty.setraw(slave)
            capture.attach(transcript, FdSource(slave, "pty"))
        consoles = [Console(t, capture) for t in transcripts]
        waits = [
            threading.Thread(
                target=c.expect, args=(["never", _timeout()],), kwargs={"timeout": seconds}
            )
            for c in consoles
        ]
        before = time.process_time()
        for wait in waits:
            wait.start()
        for wait in waits:
            wait.join()
        used = time.process_time() - before
        for transcript in transcripts:
            capture.detach(transcript)
            transcript.close()
    for master, _ in ends:
        os.close(master)
    return used / seconds


def _timeout() -> type[Exception]:
    import pexpect

    return pexpect.TIMEOUT


def main() -> None:
    random.seed(1)
    where = machine()
    rows = ["| situation | median | p95 | worst | marks |", "|---|---|---|---|---|"]
    data = {"machine": where}
    kinds = (
        ("bare wait and read", bare),
        ("quiet console", lambda: measure(0)),
        ("right after a burst of 100 MB", lambda: measure(100_000_000)),
    )
    for name, measured in kinds:
        times = sorted(measured())
        data[name] = times
        p95 = times[int(len(times) * 0.95)]
        rows.append(
            f"| {name} | {statistics.median(times):.3f} ms | {p95:.3f} ms | {times[-1]:.3f} ms "
            f"| {len(times)} |"
        )
    data["idle"] = idle_cpu()
    text = (
        f"# Latency\n\n{where}.\n\n" + "\n".join(rows) + "\n\n"
        f"CPU while 16 threads wait on 16 silent consoles: {data['idle']:.2%} of one core.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latency.json").write_text(json.dumps(data) + "\n")
    (RESULTS / "latency.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
