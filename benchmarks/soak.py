# SPDX-License-Identifier: Apache-2.0
"""Sixteen consoles for ten minutes, random pieces and pauses; every byte is checked by a hash.

python -m benchmarks.soak [SECONDS]
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tty
from pathlib import Path

from benchmarks.peers import RESULTS, machine
from hil.uart.capture import Capture
from hil.uart.sources import FdSource
from hil.uart.transcript import Transcript

CONSOLES = 16
DEVICE = """
import hashlib, json, os, random, sys, threading, time
seconds = float(sys.argv[1])
fds = list(map(int, sys.argv[2:]))
sums, sent = [hashlib.sha256() for _ in fds], [0] * len(fds)
until = time.monotonic() + seconds
def talk(n):
    rng = random.Random(n)
    while time.monotonic() < until:
        piece = rng.randbytes(rng.choice((1, 3, 60, 80, 1000, 4095, 4096, 4097, 30000)))
        done = 0
        while done < len(piece):
            done += os.write(fds[n], piece[done:])
        sums[n].update(piece)
        sent[n] += len(piece)
        time.sleep(rng.choice((0, 0, 0.0003, 0.002, 0.02, 0.2)))
threads = [threading.Thread(target=talk, args=(n,)) for n in range(len(fds))]
for t in threads: t.start()
for t in threads: t.join()
print(json.dumps([sent, [s.hexdigest() for s in sums]]), flush=True)
sys.stdin.readline()
"""


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    where = machine()
    ends = [os.openpty() for _ in range(CONSOLES)]
    masters = [str(master) for master, _ in ends]
    for _, slave in ends:
        tty.setraw(slave)
    device = subprocess.Popen(
        [sys.executable, "-c", DEVICE, str(seconds), *masters],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=list(map(int, masters)),
    )
    with tempfile.TemporaryDirectory() as folder, Capture() as capture:
        transcripts = [Transcript(Path(folder) / f"rse{n}.log") for n in range(CONSOLES)]
        for (_, slave), transcript in zip(ends, transcripts, strict=True):
            capture.attach(transcript, FdSource(slave, transcript.name))
        sent, sums = json.loads(device.stdout.readline())
        time.sleep(0.5)
        got = [t.size for t in transcripts]
        same = 0
        for transcript, digest in zip(transcripts, sums, strict=True):
            with transcript.path.open("rb") as stream:
                same += hashlib.file_digest(stream, "sha256").hexdigest() == digest
        for transcript in transcripts:
            capture.detach(transcript)
            transcript.close()
    device.kill()
    device.wait()
    result = {
        "seconds": seconds,
        "bytes sent": sum(sent),
        "bytes lost": sum(sent) - sum(got),
        "consoles with the same hash": f"{same} of {CONSOLES}",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in result.items())
    text = f"# Soak\n\n{where}.\n\n| what | value |\n|---|---|\n{rows}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "soak.json").write_text(json.dumps({"machine": where, **result}) + "\n")
    (RESULTS / "soak.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
