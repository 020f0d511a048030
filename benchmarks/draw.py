# SPDX-License-Identifier: Apache-2.0
"""Draws the results of benchmarks.capture: `draw.py capture.json capture.svg`."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "rse-hil"
import matplotlib.pyplot as plt  # noqa: E402

ENGINES = ("bare", "hil", "pexpect", "labgrid", "embedded")
LABELS = ("bare read loop", "rse-hil", "pexpect", "labgrid", "pytest-embedded")


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text())
    results = [r for r in data["results"] if r["chunk"] == 4096]
    longest = max(r["size"] for r in results if r["engine"] == "pexpect")
    figure, axes = plt.subplots(figsize=(8, 4))
    for offset, link in ((-0.2, "pty"), (0.2, "tcp")):
        for place, engine in enumerate(ENGINES):
            group = [
                r for r in results if (r["engine"], r["link"], r["size"]) == (engine, link, longest)
            ]
            if not group:
                continue
            rate = statistics.median(r["rate"] for r in group)
            colour = "tab:blue" if link == "pty" else "tab:orange"
            axes.bar(place + offset, rate, 0.38, color=colour, label=link if not place else None)
            cut = "" if all(r["found"] for r in group) else "<"
            axes.text(place + offset, rate * 1.1, f"{cut}{rate:.2g}", ha="center", fontsize=8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(ENGINES)), LABELS)
    axes.set_ylabel("MB/s")
    axes.set_title(f"{longest // 1_000_000} MB of console output until the last line is found")
    axes.legend()
    figure.text(0.01, 0.01, data["machine"], fontsize=6)
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
