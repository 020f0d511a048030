# SPDX-License-Identifier: Apache-2.0
"""One run of the exchange: in a given order of arrival, to the end, with every message kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hil.model.handshake.machine import FINAL, Machine, Phase, Rules, State, Step
from hil.model.handshake.messages import Message, Value
from hil.model.handshake.raw import RawRules
from hil.model.handshake.sfcp import SfcpRules
from hil.model.handshake.sfcp_setup import SetupRules
from hil.model.handshake.system import Sfcp, System
from hil.model.handshake.values import Values


@dataclass(frozen=True)
class ChipEnd:
    """How one chip ended.

    Attributes:
        phase: `Phase.DONE`, `STOPPED`, `OFF`; anything else waits for ever.
        array: Its array of seeds, one value of 32 bytes for each RSE; empty if it never started.
        contribution: The seed that it gave, None if it gave none.
        session_key: The key it derived, None if it came to none.
        error: Name of the error that it stopped with.
        sent: The messages that it sent, in order, and to which chip.
    """

    phase: Phase
    array: tuple[Value, ...]
    contribution: Value
    session_key: Value
    error: str
    sent: tuple[tuple[int, Message], ...]

    @property
    def waits(self) -> bool:
        """Whether it waits for ever."""
        return self.phase not in FINAL


@dataclass(frozen=True)
class Run:
    """One run: how every chip ended, and the steps that led there."""

    ends: tuple[ChipEnd, ...]
    steps: tuple[Step, ...]


def machine_for(system: System, values: Values) -> Machine:
    """Return the machine of the system's release."""
    build: Callable[[System, Values], Rules]
    if system.release.session_key_in_handshake:
        build = RawRules
    else:
        build = SetupRules if system.sfcp is Sfcp.SETUP else SfcpRules
    return Machine(system, values, build(system, values))


def run(
    system: System,
    values: Values,
    arrival: Sequence[int] = (),
    choose: Callable[[Sequence[tuple[Step, State]]], int] | None = None,
) -> Run:
    """Run the exchange until nothing more can happen.

    Args:
        system: The chips.
        values: Bytes or symbols.
        arrival: Order in which the clients come; each goes as far as it can before the next one
            starts. Those not named come last, in ascending order.
        choose: Picks one of the steps that can come next, for another order than that.
    """
    machine = machine_for(system, values)
    state = machine.initial()
    steps: list[Step] = []
    sent: list[list[tuple[int, Message]]] = [[] for _ in system.chips]
    order = [*arrival, *(p for p in range(system.amount) if p not in arrival)]
    awake = 0 if choose is None else system.amount
    while True:
        if choose is not None:
            moves = list(machine.steps(state))
        else:
            # Who came may move; chip 0 is there from the beginning.
            there = {0, *order[:awake]}
            moves = [m for place in sorted(there) for m in machine.steps_of(state, place)]
        if moves:
            step, after = moves[0 if choose is None else choose(moves)]
            _record(sent, state, after)
            steps.append(step)
            state = after
        elif awake < system.amount:
            awake += 1
        else:
            break
    ends = tuple(
        ChipEnd(Phase(c.phase), c.array, c.seed, c.key, c.error, tuple(messages))
        for c, messages in zip(state.chips, sent, strict=True)
    )
    return Run(ends, tuple(steps))


def _record(sent: list[list[tuple[int, Message]]], before: State, after: State) -> None:
    for link, (old, new) in enumerate(zip(before.links, after.links, strict=True)):
        if new is not None and new is not old:
            place, peer = divmod(link, len(sent))
            sent[place].append((peer, new))
