# SPDX-License-Identifier: Apache-2.0
"""`hil model explore`: is a release safe for N RSEs, in every order of events?"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.commands.options import Commands
from hil.errors import UsageError

if TYPE_CHECKING:
    from hil.model.handshake.explore import Exploration, Violation
    from hil.model.handshake.machine import Step
    from hil.model.handshake.system import System

_MOST_RSES = 64


def add(actions: Commands) -> None:
    """Add the action."""
    explore = actions.add_parser(
        "explore",
        help="try every order of the vHUK handshake",
        description="Walks through every order in which the handshake of a release can go, and says "
        "which promises hold; for each that is broken it shows a shortest schedule that breaks it. "
        'Above 5 RSEs it samples, and what nothing broke is told as "so far". '
        "Exit status 0 if none was seen broken, 1 if one is.",
    )
    explore.add_argument("--release", required=True, metavar="R", help="2.2.2, 2.3.1, fixed, ...")
    explore.add_argument("--rses", type=int, default=4, metavar="N", help="number of RSEs (4)")
    explore.add_argument(
        "--bind",
        choices=("first", "all"),
        help="bind seed 0 only, or all seeds, whatever the release does",
    )
    faults = explore.add_argument_group("what is wrong with the system (each may be repeated)")
    for option, text in _FAULTS.items():
        faults.add_argument(option, action="append", type=int, default=[], metavar="K", help=text)
    for option, (shape, text) in _TABLES.items():
        faults.add_argument(option, action="append", default=[], metavar=shape, help=text)
    faults.add_argument("--stock", action="store_true", help="2.2 as it is: without routing tables")
    explore.add_argument(
        "--sfcp",
        choices=("plain", "session", "setup"),
        help="2.3 and later: without encryption, with the session key that is meant (default), or with "
        "its set-up message by message as TF-M 2.3.1 is written",
    )
    explore.add_argument("--exhaustive", action="store_true", help="all orders, however many RSEs")
    explore.add_argument("--samples", type=int, default=2000, metavar="N", help="runs when sampled")
    explore.add_argument("--seed", type=int, default=0, metavar="N", help="which runs are sampled")
    explore.add_argument("--json", action="store_true", help="the result as JSON")
    explore.set_defaults(run=_explore)


#: Options that name an RSE.
_FAULTS = {
    "--lost": "this RSE never starts",
    "--no-policy": "its policy bit is clear",
    "--other-guk": "it has another GUK",
    "--other-state": "its LCS, TP mode, reprovisioning word or BL1_2 differs",
    "--restart": "it may be reset once, at any moment",
}
#: Options that give an RSE numbers.
_TABLES = {
    "--id": ("K=ID", "RSE K was provisioned with this id"),
    "--rx": ("K=D0,D1,...", "2.2: receiver routing table of RSE K, an MHU device for each id"),
    "--tx": ("K=D0,D1,...", "2.2: sender routing table of RSE K"),
}


def _explore(options: argparse.Namespace) -> int:
    from hil.model.handshake.explore import explore

    system = _system(options)
    if options.samples < 1:
        raise UsageError(f"--samples: expected at least 1, got {options.samples}")
    began = time.perf_counter()
    try:
        result = explore(
            system,
            seed=options.seed,
            samples=options.samples,
            exhaustive=options.exhaustive or None,
        )
    except MemoryError:
        raise UsageError(
            f"out of memory with {options.rses} RSEs: explore fewer, or without --exhaustive"
        ) from None
    except KeyboardInterrupt:
        print("hil: interrupted; nothing can be said yet", file=sys.stderr)
        raise
    seconds = time.perf_counter() - began
    if options.json:
        print(json.dumps(_as_json(result, options, seconds), indent=2))
    else:
        print("\n".join(_render(result, options, seconds)))
    return 0 if result.clean else 1


def _system(options: argparse.Namespace) -> System:
    from hil.model.handshake.system import Sfcp, changed, nominal
    from hil.model.releases import Bound, release_for

    if not 2 <= options.rses <= _MOST_RSES:
        raise UsageError(f"--rses: expected 2 to {_MOST_RSES}, got {options.rses}")
    release = release_for(options.release)
    if options.bind:
        bound = Bound.ALL if options.bind == "all" else Bound.FIRST
        release = replace(release, bound=bound)
    if options.stock and not release.session_key_in_handshake:
        raise UsageError(f"--stock: TF-M {release.name} needs no routing tables; 2.2.x does")
    system = nominal(release, options.rses, sfcp=Sfcp(options.sfcp or Sfcp.SESSION))
    system = replace(system, routing_tables=not options.stock)
    system = changed(system, options.lost, present=False)
    if release.policy_gated:
        system = changed(system, options.no_policy, takes_part=False)
    elif options.no_policy:
        raise UsageError(f"--no-policy: TF-M {release.name} has no policy bit")
    for place in options.other_guk:
        system = changed(system, [place], guk=f"GUK of RSE {place}")
    for place in options.other_state:
        system = changed(system, [place], state=f"state of RSE {place}")
    system = changed(system, options.restart, restarts=1)
    for place, (rse_id,) in _numbers("--id", options.id, 1):
        system = changed(system, [place], rse_id=rse_id)
    if options.sfcp is not None and release.session_key_in_handshake:
        raise UsageError(f"--sfcp: TF-M {release.name} has no SFCP; 2.3.x does")
    if (options.rx or options.tx) and not release.session_key_in_handshake:
        raise UsageError(f"--rx, --tx: TF-M {release.name} has no such routing tables; 2.2.x has")
    for place, table in _numbers("--rx", options.rx, options.rses):
        system = changed(system, [place], receivers=table)
    for place, table in _numbers("--tx", options.tx, options.rses):
        system = changed(system, [place], senders=table)
    return system


def _numbers(option: str, texts: list[str], count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield RSE and numbers of every `K=N,N,...`; `-` stands for an entry that leads nowhere."""
    for text in texts:
        found = re.fullmatch(r"(\d{1,4})=((?:\d{1,9}|-)(?:,(?:\d{1,9}|-))*)", text)
        entries = found[2].split(",") if found else []
        if found is None or len(entries) != count:
            raise UsageError(
                f"{option} {text}: expected K= and {count} number{'s' * (count > 1)} with commas"
            )
        yield int(found[1]), tuple(-1 if entry == "-" else int(entry) for entry in entries)


def _render(result: Exploration, options: argparse.Namespace, seconds: float) -> list[str]:
    from hil.model.handshake.diagram import draw
    from hil.model.handshake.invariants import INVARIANTS, SECRECY

    release = result.system.release
    lines = [
        f"TF-M {options.release} (rules of {release.name}), {options.rses} RSEs; bound: {release.bound}",
        _extent(result, options, seconds),
        "",
    ]
    for invariant in (*INVARIANTS, SECRECY):
        broken = result.violations.get(invariant.name)
        told = (
            f"BROKEN  {invariant.name:<17} {broken.detail}"
            if broken
            else f"{_UNBROKEN[result.exhaustive]} {invariant.name:<17} {invariant.promise}"
        )
        lines.append(f"  {told}")
    lines += [f"  note    {note}" for note in _notes(result, options)]
    for schedule, names in _by_schedule(list(result.violations.values())):
        lines += ["", f"breaks {', '.join(names)}:"]
        lines += draw(schedule, result.system.amount)
    return lines


#: What is said of a promise that nothing was seen to break, by whether every order was tried.
_UNBROKEN = {True: "holds  ", False: "so far "}


def _extent(result: Exploration, options: argparse.Namespace, seconds: float) -> str:
    rate = f"{result.states / seconds:,.0f} states/s" if seconds > 0 else "at once"
    if result.exhaustive:
        how = "every order"
    elif result.runs:
        how = f"SAMPLED, {result.runs} runs (--seed {options.seed}); not every order"
    else:
        how = "INCOMPLETE, there are more states than fit; not every order"
    return (
        f"{how}: {result.states} states, {result.transitions} steps, {result.ends} ends "
        f"in {seconds:.2f} s ({rate})"
    )


def _notes(result: Exploration, options: argparse.Namespace) -> list[str]:
    release, amount = result.system.release, result.system.amount
    notes = []
    if not result.anyone_finishes:
        notes.append(
            "no RSE ever has a vHUK: what holds, holds of nothing"
            if result.exhaustive
            else "what was seen does not go as far as a vHUK: nothing is known of any"
        )
    if release.session_key_in_handshake and release.policy_gated and not options.stock:
        notes.append(
            "as if the build had routing tables; stock 2.2 refuses the handshake (--stock)"
        )
    size = release.bound_bytes(amount)
    if release.label_limit is not None and size > release.label_limit:
        notes.append(
            f"a label of {size} bytes is over the {release.label_limit} that this release's KDF takes: "
            "it writes past its buffer, or asserts"
        )
    return notes


def _by_schedule(violations: list[Violation]) -> list[tuple[tuple[Step, ...], list[str]]]:
    found: dict[tuple[Step, ...], list[str]] = {}
    for violation in violations:
        found.setdefault(violation.schedule, []).append(violation.invariant)
    return list(found.items())


def _as_json(result: Exploration, options: argparse.Namespace, seconds: float) -> dict[str, object]:
    from hil.model.handshake.diagram import sentence

    return {
        "release": options.release,
        "rules": result.system.release.name,
        "rses": options.rses,
        "bound": result.system.release.bound.name.lower(),
        "exhaustive": result.exhaustive,
        "runs": result.runs,
        "states": result.states,
        "steps": result.transitions,
        "ends": result.ends,
        "seconds": round(seconds, 3),
        "notes": _notes(result, options),
        "broken": {
            name: {
                "detail": violation.detail,
                "schedule": [sentence(step) for step in violation.schedule],
            }
            for name, violation in result.violations.items()
        },
    }
