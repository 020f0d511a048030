# SPDX-License-Identifier: Apache-2.0
"""Sixteen consoles at 3 Mbaud: bytes lost, and the share of a core that capturing them takes.

    python -m benchmarks.consoles [SECONDS]

One device process writes 300 000 bytes per second to each of 16 ptys, every 2 ms, without waiting:
what a pty has no room for is lost, as on a UART without flow control, and counted. The captured
bytes are compared with what was sent. Stages are matched and a fail-fast pattern is armed on all.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

from benchmarks.peers import RESULTS, machine
from hil.uart.capture import Capture
from hil.uart.follower import BootFollower
from hil.uart.guard import Guard
from hil.uart.sources import FdSource
from hil.uart.transcript import Transcript
from hil.uart.waiting import wait_stages

CONSOLES, RATE, TICK = 16, 300_000, 0.002
DEVICE = """
import hashlib, json, os, sys, time
seconds, rate, tick = map(float, sys.argv[1:4])
fds = list(map(int, sys.argv[4:]))
line = b"the application says something that is of no interest to anybody 0123456789\\r\\n" * 60
for fd in fds:
    os.set_blocking(fd, False)
sums = [hashlib.sha256() for _ in fds]
sent, lost = [0] * len(fds), [0] * len(fds)
sys.stdin.readline()
began = time.monotonic()
due = 0
while (now := time.monotonic() - began) < seconds:
    due_now = int(now * rate)
    for n, fd in enumerate(fds):
        at = due % 78
        piece = line[at:at + min(due_now - due, 4000)]
        try:
            taken = os.write(fd, piece)
        except BlockingIOError:
            taken = 0
        sums[n].update(piece[:taken])
        sent[n] += taken
        lost[n] += len(piece) - taken
    due = due_now
    time.sleep(tick)
print(json.dumps([sent, lost, [s.hexdigest() for s in sums]]), flush=True)
sys.stdin.readline()
"""


def measure(seconds: float) -> dict:
    ends = [os.openpty() for _ in range(CONSOLES)]
    masters = [master for master, _ in ends]
    for _, slave in ends:
        tty.setraw(slave)
    command = [sys.executable, "-c", DEVICE, *map(str, (seconds, RATE, TICK)), *map(str, masters)]
    device = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=masters
    )
    with tempfile.TemporaryDirectory() as folder, Capture() as capture:
        transcripts = {n: Transcript(Path(folder) / f"rse{n}.log") for n in range(CONSOLES)}
        guard = Guard([r"FATAL ERROR: .*"])
        for n, (_, slave) in enumerate(ends):
            capture.attach(transcripts[n], FdSource(slave, f"pty {n}"))
            guard.add(transcripts[n])
        followers = {n: BootFollower(t, rse=n) for n, t in transcripts.items()}
        budgets = {"runtime": seconds}
        wait = threading.Thread(
            target=wait_stages, args=(followers, budgets), kwargs={"guard": guard}
        )
        before = resource.getrusage(resource.RUSAGE_SELF)
        device.stdin.write("\n")
        device.stdin.flush()
        wait.start()
        wait.join()
        sent, lost, sums = json.loads(device.stdout.readline())
        after = resource.getrusage(resource.RUSAGE_SELF)
        time.sleep(0.2)
        captured = [t.size for t in transcripts.values()]
        same = [
            hashlib.sha256(t.path.read_bytes()).hexdigest() == digest
            for t, digest in zip(transcripts.values(), sums, strict=True)
        ]
        for transcript in transcripts.values():
            capture.detach(transcript)
            transcript.close()
    device.kill()
    device.wait()
    for master in masters:
        os.close(master)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": seconds,
        "sent": sum(sent),
        "not taken by the pty": sum(lost),
        "lost by the capture": sum(sent) - sum(captured),
        "content the same": all(same),
        "cpu share": cpu / seconds,
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    where = machine()
    result = measure(seconds)
    rows = "\n".join(f"| {name} | {value} |" for name, value in result.items())
    text = f"# 16 consoles at 3 Mbaud\n\n{where}.\n\n| what | value |\n|---|---|\n{rows}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "consoles.json").write_text(json.dumps({"machine": where, **result}) + "\n")
    (RESULTS / "consoles.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
