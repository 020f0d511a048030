# SPDX-License-Identifier: Apache-2.0
"""Signs off many JUnit files: time and peak memory of `hil signoff` as a user runs it.

    python -m benchmarks.signoff [--files 200] [--cases 500]

Goal: 200 files with 100 000 testcases in at most 20 s and 1 GB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

MAX_SECONDS, MAX_BYTES = 20.0, 1 << 30

POLICY = """name: many tests
targets:
  - boards: [lab-0, lab-1, lab-2, lab-3]
    releases: ["2.3.1"]
    rses: 4
repeats: {policy: best-of-n, n: 3, flake_limit: 0.5}
max_age: 14d
requirements:
  - {id: RSE-MANY, title: marked tests}
  - {id: RSE-NAMED, title: named tests, tests: ["suite.*::test_*[rse{rse}]"]}
"""


def main() -> int:
    """Make the files, sign them off in a process of its own, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--cases", type=int, default=500, help="in each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = write_files(place / "in", options.files, options.cases)
        (place / "policy.yaml").write_text(POLICY)
        begun = time.monotonic()
        command = [sys.executable, "-m", "hil.cli", "signoff"]
        command += [str(place / "policy.yaml"), str(place / "in"), "-o", str(place / "out")]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        seconds = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak, cpu = used.ru_maxrss << 10, used.ru_utime + used.ru_stime
        begun = time.monotonic()
        bundle = place / "out" / "evidence.zip"
        verify = [sys.executable, "-m", "hil.cli", "signoff", "verify", str(bundle)]
        checked = subprocess.run(verify, stdout=subprocess.DEVNULL, check=False)
        verified = time.monotonic() - begun
        size = bundle.stat().st_size
    print(
        f"{options.files} JUnit files, {options.files * options.cases} testcases, {made >> 20} MiB"
    )
    print(f"sign-off {seconds:.1f} s (at most {MAX_SECONDS:.0f} s), {cpu:.1f} s of one processor")
    print(f"         peak {peak >> 20} MiB (at most 1024)")
    print(f"verify   {verified:.1f} s; archive {size >> 20} MiB; {os.cpu_count()} processors")
    good = done.returncode == checked.returncode == 0
    return 0 if good and seconds <= MAX_SECONDS and peak <= MAX_BYTES else 1


def write_files(folder: Path, files: int, cases: int) -> int:
    """Write JUnit files of four boards; return their size together."""
    folder.mkdir()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    told = "\n".join(f"[INF] line {n} of what the device said &amp; more" for n in range(8))
    total = 0
    for number in range(files):
        properties = {
            "run.id": f"run-{number}",
            "run.started": stamp + "Z",
            "target.board": f"lab-{number % 4}",
            "tfm.release": "2.3.1",
            "image.tfm_s.sha256": "ab" * 32,
            "image.tfm_s.sha256_on_device": "ab" * 32,
        }
        lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
        lines.append(f'<testsuite name="s" tests="{cases}" timestamp="{stamp}"><properties>')
        lines += [f'<property name="{k}" value={quoteattr(v)}/>' for k, v in properties.items()]
        lines.append("</properties>")
        for case in range(cases):
            name = f"test_{(number // 12) * cases + case}[rse{case % 4}]"
            lines.append(f'<testcase classname="suite.area{case % 20}" name="{name}" time="0.01">')
            lines.append('<properties><property name="req" value="RSE-MANY"/></properties>')
            if case % 50 == 7 and number % 12 == 0:
                lines.append(f'<failure message="not yet">{told}</failure>')
            lines.append(f"<system-out>{told}</system-out></testcase>")
        lines.append("</testsuite></testsuites>")
        text = "\n".join(lines)
        total += len(text)
        (folder / f"report-{number:04d}.xml").write_text(text)
    return total


if __name__ == "__main__":
    sys.exit(main())
