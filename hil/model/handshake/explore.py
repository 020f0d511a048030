# SPDX-License-Identifier: Apache-2.0
"""Every order in which the exchange can go, and what is wrong with any of them.

Up to a number of states the whole graph is walked, breadth first, so that the first schedule that
breaks a promise is also a shortest one. Larger systems are sampled: many runs that pick each step
at random, the same ones for one seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hil.model.handshake.invariants import INVARIANTS, SECRECY, End, in_clear
from hil.model.handshake.machine import Machine, State, Step
from hil.model.handshake.run import machine_for
from hil.model.handshake.system import System
from hil.model.handshake.values import Symbols

#: RSEs up to which all orders are tried unless told otherwise.
MOST_EXHAUSTIVE = 5
#: Chips in all states together after which a walk gives up and says so: about 1 GB.
MOST_CHIPS = 6_000_000
#: Runs of a sampled exploration.
SAMPLES = 2000
#: Share of sampled runs that end although a chip could still be reset.
_NO_RESET = 0.5


@dataclass(frozen=True)
class Violation:
    """A promise that is broken.

    Attributes:
        invariant: Its name.
        detail: What is wrong, one sentence.
        schedule: The steps that lead there; a shortest way if all orders were tried.
    """

    invariant: str
    detail: str
    schedule: tuple[Step, ...]


@dataclass
class Exploration:
    """What came of it.

    Attributes:
        system: What was explored.
        states: Different states that were seen.
        transitions: Steps that were tried.
        ends: Different end states.
        exhaustive: Whether that was every order there is.
        runs: Sampled runs; 0 where all orders were tried, as far as there was room.
        anyone_finishes: Whether some RSE has a vHUK in some end.
        violations: Broken promises by name; those not named hold in everything that was seen.
    """

    system: System
    states: int = 0
    transitions: int = 0
    ends: int = 0
    exhaustive: bool = True
    runs: int = 0
    anyone_finishes: bool = False
    violations: dict[str, Violation] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations


def explore(
    system: System,
    *,
    seed: int = 0,
    samples: int = SAMPLES,
    exhaustive: bool | None = None,
    most_states: int | None = None,
) -> Exploration:
    """Walk through the orders in which the exchange can go.

    Args:
        system: The chips, and what may happen to them.
        seed: Which runs a sampled exploration takes.
        samples: How many runs it takes.
        exhaustive: Whether to try all orders; by default up to `MOST_EXHAUSTIVE` RSEs.
        most_states: Where an exploration stops: an exhaustive one is incomplete then, a sampled one
            ends with the run that gets there. By default what fits into about 1 GB.
    """
    symbols = Symbols(system)
    machine = machine_for(system, symbols)
    if most_states is None:
        most_states = MOST_CHIPS // system.amount
    if exhaustive is None:
        exhaustive = system.amount <= MOST_EXHAUSTIVE
    if exhaustive:
        return _walk(system, machine, symbols, most_states)
    choice = random.Random(seed)  # noqa: S311 - no secret
    return _sample(system, machine, symbols, choice, samples, most_states)


def _walk(system: System, machine: Machine, symbols: Symbols, most_states: int) -> Exploration:
    result = Exploration(system)
    initial = machine.initial()
    seen: set[State] = {initial}
    queue: list[State] = [initial]
    came: list[tuple[int, Step | None]] = [(-1, None)]
    for at, state in enumerate(queue):
        ended = True
        for step, after in machine.steps(state):
            result.transitions += 1
            # A chip may be reset at any time, also when nothing else can happen.
            ended = ended and step.what == "resets"
            if after in seen:
                continue
            if len(queue) >= most_states:
                result.exhaustive = False
                continue
            seen.add(after)
            queue.append(after)
            came.append((at, step))
        _judge(result, End(system, symbols, state), ended, _way(came, at))
    result.states = len(queue)
    return result


def _way(came: list[tuple[int, Step | None]], at: int) -> Callable[[], tuple[Step, ...]]:
    """Return a function that puts together the steps that led to a state."""

    def steps() -> tuple[Step, ...]:
        back: list[Step] = []
        here, last = came[at]
        while last is not None:
            back.append(last)
            here, last = came[here]
        return tuple(reversed(back))

    return steps


def _sample(
    system: System,
    machine: Machine,
    symbols: Symbols,
    choice: random.Random,
    samples: int,
    most_states: int,
) -> Exploration:
    result = Exploration(system, exhaustive=False)
    seen: set[State] = set()
    while result.runs < samples and len(seen) < most_states:
        result.runs += 1
        state = machine.initial()
        steps: list[Step] = []
        while True:
            moves = list(machine.steps(state))
            # A reset comes now and then; nothing but resets left is an end like no step at all.
            going = [move for move in moves if move[0].what != "resets"]
            if state not in seen:
                seen.add(state)
                _judge(result, End(system, symbols, state), not going, partial(tuple, steps))
            if not moves or (not going and choice.random() < _NO_RESET):
                break
            step, state = choice.choice(moves)
            steps.append(step)
            result.transitions += 1
    result.states = len(seen)
    return result


def _judge(result: Exploration, end: End, ended: bool, way: Callable[[], tuple[Step, ...]]) -> None:
    """Note what is wrong in a state, and at its end, unless that was found before."""
    if SECRECY.name not in result.violations:
        for detail in in_clear(end):
            result.violations[SECRECY.name] = Violation(SECRECY.name, detail, way())
            break
    if not ended:
        return
    result.ends += 1
    result.anyone_finishes = result.anyone_finishes or bool(end.finished)
    for invariant in INVARIANTS:
        if invariant.name not in result.violations and (wrong := invariant.violated(end)):
            result.violations[invariant.name] = Violation(invariant.name, wrong, way())
