# SPDX-License-Identifier: Apache-2.0
"""Runs that meet random faults and are killed at random moments: what is reported, what is left.

    python -m benchmarks.chaos [--launcher pyocd|fvp|qemu|all] [--count 200] [--seed N]

Each round is a run of the testcases as a user starts it, on virtual boards, a virtual FVP or QEMU.
Every fault of the table comes up in turn; three rounds in eight are struck by a signal (SIGKILL,
SIGTERM, SIGINT, SIGHUP, two of them) at a random moment, with or without a fault. After each round there
must be no process of it, no listening port, no lock, no socket, no temporary file; its record must
be readable; a run that came to its end must have the exit status and class of its fault, and name it
in its JUnit file (a fault that it survived: in its journal). Prints a table, writes results/chaos.json
and chaos.md, and ends with status 1 if anything was left, unreadable or unreported.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from benchmarks.chaos_faults import LAUNCHERS, Fault
from benchmarks.chaos_round import Arena, Blow, Outcome, Round
from benchmarks.peers import RESULTS, machine

COUNT = 200
#: Which signals strike, as often as they stand here.
_SIGNALS = (
    ("SIGKILL",),
    ("SIGKILL",),
    ("SIGKILL",),
    ("SIGTERM",),
    ("SIGTERM",),
    ("SIGINT",),
    ("SIGINT",),
    ("SIGINT", "SIGINT"),
    ("SIGHUP",),
    ("SIGTERM", "SIGKILL"),
)
_STRUCK = 3 / 8


def draw(launcher: str, count: int, seed: int, seconds: float = 3.0) -> list[Round]:
    """Draw the rounds of a launcher.

    Args:
        launcher: Key of LAUNCHERS.
        count: How many.
        seed: Of everything.
        seconds: How long a run takes about, in which signals strike.
    """
    dice = random.Random(f"{launcher} {seed}")
    faults = _deck(LAUNCHERS[launcher].faults, dice)
    rounds = []
    for number in range(count):
        blow = _blow(dice, seconds) if dice.random() < _STRUCK else None
        # Those that are struck take any fault; the others take turns, so that all come up.
        fault = dice.choice(LAUNCHERS[launcher].faults) if blow else next(faults)
        rounds.append(Round(launcher, number, fault, blow, dice.randrange(1 << 32)))
    return rounds


def _deck(faults: Sequence[Fault], dice: random.Random) -> Iterator[Fault]:
    while True:
        yield from dice.sample(faults, len(faults))


def _blow(dice: random.Random, seconds: float) -> Blow:
    early = dice.random() < 0.2
    return Blow(
        dice.choice(_SIGNALS),
        moment=dice.uniform(0, 1.0 if early else seconds),
        early=early,
        pause=dice.uniform(0, 1.0),
    )


def carry_out(
    rounds: Sequence[Round], folder: Path, *, at_once: int, tell: bool = False
) -> list[Outcome]:
    """Carry out rounds, several at a time; returns what became of them, in their order."""
    for number in (signal.SIGINT, signal.SIGHUP):
        # In the background of a shell, or under nohup, they would never reach a run.
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    slots: queue.Queue[int] = queue.Queue()
    for slot in range(at_once):
        slots.put(slot)
    arena = Arena(folder, at_once)

    def one(plan: Round) -> Outcome:
        slot = slots.get()
        try:
            outcome = arena.carry_out(plan, slot)
        finally:
            slots.put(slot)
        for text in (*outcome.wrong, *(f"left: {text}" for text in outcome.left)):
            print(f"{plan}: {text}", flush=True)
        if tell and plan.number % 20 == 19:
            print(f"  {plan.launcher}: round {plan.number + 1} of {len(rounds)}", flush=True)
        return outcome

    with closing(arena), ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(one, rounds))


def _rows(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """Return a row of the table for each fault."""
    rows: list[dict[str, object]] = []
    for fault in dict.fromkeys(outcome.round.fault for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.round.fault == fault]
        whole = [
            outcome for outcome in mine if outcome.verdict in ("pass", "flaky", "fail", "error")
        ]
        rows.append(
            {
                "fault": fault.name,
                "rounds": len(mine),
                "struck": sum(outcome.struck for outcome in mine),
                "came to their end": len(whole),
                "status": fault.status,
                "reported by name": (
                    f"{sum(o.reported is True for o in whole)} of {len(whole)}"
                    if fault.told
                    else "-"
                ),
                "told": fault.told,
                "left": sum(bool(outcome.left) for outcome in mine),
                "wrong": sum(bool(outcome.wrong) for outcome in mine),
            }
        )
    return rows


def _summary(outcomes: Sequence[Outcome], seconds: float) -> dict[str, object]:
    whole = [o for o in outcomes if o.reported is not None]
    struck = [o for o in outcomes if o.struck]
    verdicts: dict[str, int] = {}
    for outcome in outcomes:
        key = outcome.verdict or "no record yet"
        verdicts[key] = verdicts.get(key, 0) + 1
    ends: dict[str, list[Outcome]] = {}
    for outcome in struck:
        ends.setdefault(str(outcome.round.blow), []).append(outcome)
    return {
        "rounds": len(outcomes),
        "seconds": round(seconds, 1),
        "faults that a run had to report": len(whole),
        "reported by name": sum(o.reported is True for o in whole),
        "harness struck by a signal": len(struck),
        "signals": {
            name: f"{len(found)}, ended within {max(o.stopped for o in found):.2f} s"
            for name, found in sorted(ends.items())
        },
        "slowest end after a signal": (
            "{0.stopped:.2f} s, {0.round}".format(max(struck, key=lambda o: o.stopped))
            if struck
            else "-"
        ),
        "verdicts": dict(sorted(verdicts.items())),
        "rounds with something left": sum(bool(o.left) for o in outcomes),
        "longest until nothing was left, s": round(max(o.settled for o in outcomes), 2),
        "rounds with something wrong": sum(bool(o.wrong) for o in outcomes),
    }


def _table(name: str, summary: dict[str, object], rows: Sequence[dict[str, object]]) -> str:
    lines = [f"## {name}", ""]
    for key, value in summary.items():
        told = (
            ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        lines.append(f"- {key}: {told}")
    columns = [key for key in rows[0] if key != "told"]
    lines += ["", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(row[key]) for key in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Carry out, print, write; 1 if anything is wrong or left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--launcher", choices=[*LAUNCHERS, "all"], default="all")
    parser.add_argument("--count", type=int, default=COUNT, help="rounds of each launcher")
    parser.add_argument("--seed", type=int, help="the same seed draws the same rounds")
    parser.add_argument("--at-once", type=int, default=(os.cpu_count() or 1) + 1)
    parser.add_argument("--only", type=int, action="append", help="numbers of rounds to repeat")
    parser.add_argument("--keep", type=Path, help="folder for what rounds leave that went wrong")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    names = list(LAUNCHERS) if options.launcher == "all" else [options.launcher]
    if "qemu" in names and shutil.which("qemu-system-arm") is None:
        print("no qemu-system-arm on PATH: its rounds are left out")
        names.remove("qemu")
    where, good = machine(), True
    folder = options.keep or Path(tempfile.mkdtemp(prefix="hil-chaos-"))
    texts = [f"# Chaos\n\n{where}; seed {seed}, {options.at_once} rounds at a time.\n"]
    kept: dict[str, object] = {"machine": where, "seed": seed}
    for name in names:
        rounds = draw(name, options.count, seed)
        if options.only:
            rounds = [plan for plan in rounds if plan.number in options.only]
        began = time.monotonic()
        outcomes = carry_out(rounds, folder, at_once=options.at_once, tell=True)
        summary, rows = _summary(outcomes, time.monotonic() - began), _rows(outcomes)
        texts.append(_table(name, summary, rows))
        print("\n" + texts[-1], flush=True)
        kept[name] = {"summary": summary, "faults": rows}
        good = good and all(outcome.good for outcome in outcomes)
    if not options.only and not options.keep:
        _write(kept, texts)
    if good and options.keep is None:
        shutil.rmtree(folder)
    else:
        print(f"what was left is in {folder}; --seed {seed} --only NUMBER repeats a round")
    return 0 if good else 1


def _write(kept: dict[str, object], texts: Sequence[str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "chaos.json").write_text(json.dumps(kept, indent=1) + "\n")
    (RESULTS / "chaos.md").write_text("\n".join(texts))


if __name__ == "__main__":
    sys.exit(main())
