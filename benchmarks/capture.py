# SPDX-License-Identifier: Apache-2.0
"""How fast a long log is taken until its last line is found, beside others in the same run.

    python -m benchmarks.capture [--quick] [--giga]

Engines run one after the other, interleaved and repeated, each in a process of its own with a device
of its own. Who cannot take the whole log in LIMIT seconds is measured on what it took until then,
which the table marks with `<`. Writes results/capture.json, .md and .svg.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers import FOLDER, RESULTS, machine, python

MB = 1_000_000
#: Seconds after which an engine is stopped.
LIMIT = 8
OWN = ("bare", "hil")
PEERS = ("pexpect", "labgrid", "embedded")
NAMES = {
    "bare": "bare read loop, writes to disk",
    "hil": "rse-hil: recorded, timed, stages, fail-fast, expect",
    "pexpect": "pexpect 4.9, defaults",
    "labgrid": "labgrid 26.0.1 SerialDriver",
    "embedded": "pytest-embedded 2.9.3 serial",
}


def run(engine: str, link: str, size: int, chunk: int, limit: int) -> dict | None:
    """Run one engine once; None if it failed."""
    program = sys.executable if engine in OWN else python()
    command = [program, str(FOLDER / "engines.py"), engine, link, str(size), str(chunk), str(limit)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit + 60, cwd=FOLDER, check=False
        )
        result = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        print(f"  {engine} {link} {size} failed", flush=True)
        return None
    result["rate"] = result["read"] / result["seconds"] / MB
    print(
        f"  {engine:9} {link} {size / MB:6g} MB in {chunk:5} B: {result['rate']:8.3f} MB/s"
        f"{'' if result['found'] else ' (stopped)'}, +{result['rss_mb']:.1f} MB",
        flush=True,
    )
    return result


def plan(quick: bool, giga: bool) -> Iterator[tuple[str, str, int, int, int]]:
    """Give what is run, interleaved: engine, link, size, size of the device's writes, limit."""
    sizes = [10 * MB] if quick else [10 * MB, 100 * MB]
    for repeat in range(1 if quick else 5):
        for link in ("pty", "tcp"):
            for size in sizes:
                for chunk in (256, 1024, 4096, 65536) if size == sizes[-1] else (4096,):
                    for engine in OWN:
                        yield engine, link, size, chunk, 60
                if repeat == 0:
                    for engine in PEERS:
                        yield engine, link, size, 4096, LIMIT
        if giga and repeat < 3:
            for link in ("pty", "tcp"):
                for engine in OWN:
                    yield engine, link, 1000 * MB, 4096, 120


def table(results: list[dict]) -> str:
    """Return the results as a table: medians, and the ratio to the bare loop of the same setting."""
    groups: dict[tuple, list[dict]] = {}
    for r in results:
        groups.setdefault((r["link"], r["chunk"], r["size"], r["engine"]), []).append(r)
    bare = {
        key[:3]: statistics.median(r["rate"] for r in group)
        for key, group in groups.items()
        if key[3] == "bare"
    }
    rows = [
        "| link | device writes | log | engine | MB/s (median, min-max) | of bare | runs | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (link, chunk, size, engine), group in sorted(
        groups.items(),
        key=lambda item: (*item[0][:3], -statistics.median(r["rate"] for r in item[1])),
    ):
        rates = [r["rate"] for r in group]
        cut = "" if all(r["found"] for r in group) else "< "
        ratio = statistics.median(rates) / bare[link, chunk, size]
        memory = max(r["rss_mb"] for r in group)
        rows.append(
            f"| {link} | {chunk} B | {size / MB:g} MB | {NAMES[engine]} "
            f"| {cut}{statistics.median(rates):.3g} ({min(rates):.3g}-{max(rates):.3g}) "
            f"| {ratio:.2g} | {len(group)} | +{memory:.1f} MB |"
        )
    return "\n".join(rows)


def plot(data: Path, picture: Path) -> None:
    """Draw the results with the other environment's matplotlib."""
    program = FOLDER / "draw.py"
    subprocess.run([python(), str(program), str(data), str(picture)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 MB, once")
    parser.add_argument("--giga", action="store_true", help="also 1 GB")
    options = parser.parse_args()
    where = machine()
    measured = [run(*each) for each in plan(options.quick, options.giga)]
    results = [result for result in measured if result is not None]
    RESULTS.mkdir(exist_ok=True)
    data = RESULTS / "capture.json"
    data.write_text(json.dumps({"machine": where, "results": results}, indent=1) + "\n")
    text = (
        f"# Capture\n\n{where}.\n\n{table(results)}\n\n"
        f"`<`: stopped after {LIMIT} s before it had found the last line; the rate is that of what "
        "it had taken by then, and falls with the length of the log. Memory: growth of the peak of "
        "the engine's own process above its idle state; without its helper processes.\n"
    )
    (RESULTS / "capture.md").write_text(text)
    print(text)
    plot(data, RESULTS / "capture.svg")


if __name__ == "__main__":
    main()
