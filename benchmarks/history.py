# SPDX-License-Identifier: Apache-2.0
"""How fast a history of a million test rows answers.

    python benchmarks/history.py [--runs 5000] [--db FILE]

Makes up a year of nightly runs on ten boards (200 tests, two boots of four RSEs each; images that
change every night, some tests that begin to fail, some that flake, stages that get slower), adds
them as `hil history add` does, and times every command as a user waits for it, start of Python
included. Wanted: 2 s each. With --db the file is kept, and used again if it is there.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hil.report.history.adding import add_run
from hil.report.history.database import to_write
from hil.report.recorded import (
    Attempt,
    RecordedImage,
    RecordedRun,
    RecordedStage,
    RecordedTest,
    Status,
)

WANTED = 2.0
BOARDS = 10
TESTS = 200
RSES = 4
STAGES = (("BL1_1", 0.01), ("BL1_2", 0.5), ("vhuk", 0.04), ("BL2", 0.06), ("runtime", 0.3))
BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
COMMANDS = (
    ("show",),
    ("show", "--all"),
    ("show", "--json"),
    ("show", "--since", "2026-08-01"),
    ("show", "--board", "board3"),
    ("show", "--test", "test_case_01*"),
    ("trend",),
    ("trend", "--json"),
    ("trend", "--test", "test_case_0*"),
    ("trend", "--board", "board3"),
    ("flaky",),
    ("flaky", "--json"),
    ("show", "--plot", "show.png"),
    ("trend", "--plot", "trend.png"),
    ("trend", "--board", "board3", "--plot", "board3.svg"),
    ("flaky", "--plot", "flaky.png"),
)


def made_up_run(number: int, runs: int, chance: random.Random) -> RecordedRun:
    """Return one run of the year."""
    board = f"board{number % BOARDS}"
    began = BEGIN + timedelta(days=365 * number / runs)
    version = f"2.3.{(began - BEGIN).days // 14}"
    digest = hashlib.sha256(f"{began:%F}".encode()).hexdigest()
    stamp = f"{began:%Y-%m-%dT%H:%M:%S.000Z}"
    images = tuple(
        RecordedImage("tfm_s", rse, "0xb0040000", digest, digest, "read-back", f"{version}+0")
        for rse in range(RSES)
    )
    return RecordedRun(
        folder=Path(f"/nowhere/{number}"),
        id=f"{began:%Y%m%dT%H%M%SZ}-{board}",
        board=board,
        release="2.3.1",
        toolchain="gcc",
        verdict="pass",
        failure_class=None,
        started=stamp,
        finished=stamp,
        seconds=120.0,
        values={"host": "nightly"},
        tests=tuple(_test(case, number / runs, chance) for case in range(TESTS)),
        stages=tuple(_stages(number / runs, chance)),
        images=images,
        fingerprints={},
        diagnosis=None,
        warnings=(),
        reasons=(),
        consoles={},
    )


def _test(case: int, part: float, chance: random.Random) -> RecordedTest:
    rse = case % RSES
    rate = {5: 0.02, 6: 0.1, 7: 0.3}.get(case, 0.0002)
    status = Status.FAIL if chance.random() < rate else Status.PASS
    if case % 40 == 11 and part > 0.9:
        status = Status.FAIL
    if chance.random() < 0.002:
        status = Status.MISS
    attempts = [Attempt(1, status, None, chance.random(), message="told" * (status != "PASS"))]
    if chance.random() < (0.01 if case % 50 == 9 else 0.0002):
        attempts = [Attempt(1, Status.MISS), Attempt(2, Status.PASS)]
    name = f"testcases/boot/test_{case % 7}.py::test_case_{case:03}[rse{rse}]"
    return RecordedTest(name, False, rse, (), (), (), (0,), tuple(attempts))


def _stages(part: float, chance: random.Random) -> list[RecordedStage]:
    found = []
    for boot in range(2):
        for rse in range(RSES):
            at = 0.0
            for stage, seconds in STAGES:
                slower = 1.3 if stage == "BL2" and part > 0.7 else 1.0
                at += seconds * slower * chance.gauss(1, 0.05)
                found.append(RecordedStage(boot, rse, stage, "reached", at, 5.0, ""))
    return found


def build(path: Path, runs: int) -> None:
    """Add a year of runs to a history."""
    chance = random.Random(1)
    made = [made_up_run(number, runs, chance) for number in range(min(runs, 500))]
    began = time.perf_counter()
    spent = 0.0
    with to_write(path) as db:
        for number in range(runs):
            run = made[number] if number < len(made) else made_up_run(number, runs, chance)
            at = time.perf_counter()
            add_run(db, run)
            spent += time.perf_counter() - at
    seconds = time.perf_counter() - began
    print(
        f"{runs} runs made up and added in {seconds:.1f} s; {spent / runs * 1000:.1f} ms each to add"
    )


def main() -> int:
    """Measure; status 1 if a command took longer than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5000, help=f"of {TESTS} tests; default: 5000")
    parser.add_argument("--db", type=Path, help="keep the history here")
    parser.add_argument("--repeat", type=int, default=3, help="best of N; default: 3")
    options = parser.parse_args()
    slow = 0
    with tempfile.TemporaryDirectory() as folder:
        path = (options.db or Path(folder) / "history.sqlite").resolve()
        if not path.exists():
            build(path, options.runs)
        with sqlite3.connect(path) as db:
            rows = {
                t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
                for t in ("run", "result", "stage_time")
            }
        db.close()
        print(f"{path.stat().st_size / 1e6:.0f} MB: {rows}")
        for command in COMMANDS:
            seconds, size = min(_timed(command, path, folder) for _ in range(options.repeat))
            slow += seconds > WANTED
            print(
                f"hil history {' '.join(command):<45} {seconds:5.2f} s  {size:>9} bytes of output"
            )
    return 1 if slow else 0


def _timed(command: tuple[str, ...], path: Path, folder: str) -> tuple[float, int]:
    began = time.perf_counter()
    call = [sys.executable, "-m", "hil.cli", "history", *command, "--db", str(path)]
    done = subprocess.run(call, capture_output=True, cwd=folder, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return time.perf_counter() - began, len(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
