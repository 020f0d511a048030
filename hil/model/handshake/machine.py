# SPDX-License-Identifier: Apache-2.0
"""The machine: what state the exchange is in, and every step that can come next.

A link between two chips holds one message; a sender waits until it is free. One step is one
transfer with all the computing behind it: what a chip does between two transfers touches nothing
that another chip sees, so splitting it further would only multiply equal states.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

from hil.model.handshake.messages import Message, Value
from hil.model.handshake.system import System
from hil.model.handshake.values import Values


class Phase(IntEnum):
    """What a chip does next."""

    OFF = 0
    IV_GIVE = 1
    IV_TAKE = 2
    SEED_GIVE = 3
    SEED_TAKE = 4
    DONE = 5
    STOPPED = 6


#: Phases after which a chip does nothing more.
FINAL = frozenset({Phase.OFF, Phase.DONE, Phase.STOPPED})


class Local(NamedTuple):
    """The state of one chip.

    Attributes:
        phase: What it does next.
        turn: Up to 2.2 and in `fixed`: the id whose turn it is in a loop over all ids.
        boot: How often it was reset.
        array: Its array of seeds.
        seed: What it contributed, None before it did.
        work: Its message buffer, the IVs that it has, or what else its protocol remembers.
        key: Its session key, None before it has one.
        heard: From 2.3 on: places from which the server has a message.
        error: Name of the error that it stopped with.
    """

    phase: int
    turn: int
    boot: int
    array: tuple[Value, ...]
    seed: Value
    work: Hashable
    key: Value
    heard: int
    error: str


#: One message at most on its way from one chip to another, by `from * N + to`.
Links = tuple[Message | None, ...]


class State(NamedTuple):
    """The state of all chips and links."""

    chips: tuple[Local, ...]
    links: Links


class Step(NamedTuple):
    """One step, for people: `RSE 1 sends VHUK_MSG to RSE 0`.

    Attributes:
        place: Who does it.
        what: "sends", "takes", "answers" (takes, and sends a reply), "sees taken" (what it sent),
            "drops" (what it took), "finds busy" (and tells who asked), "refuses" (took it and stopped),
            "cannot send" (and stopped) or "resets".
        peer: The other end of the link, `place` itself for a reset.
        name: Name of the message; of the error when it is refused.
    """

    place: int
    what: str
    peer: int
    name: str


class Rules(Protocol):
    """One of the two protocols."""

    def start(self, place: int, boot: int) -> Local:
        """Return how a chip begins."""

    def moves(self, place: int, me: Local, links: Links) -> Iterator[Move]:
        """Return the steps that a chip can do now."""


class Move(NamedTuple):
    """What a step changes.

    Attributes:
        step: The step.
        local: The chip's new state.
        taken: Index of the link that it emptied, -1 for none.
        given: Messages that it put on links, by index.
    """

    step: Step
    local: Local
    taken: int = -1
    given: tuple[tuple[int, Message], ...] = ()


@dataclass(frozen=True)
class Machine:
    """A system, the values it computes with, and the protocol of its release."""

    system: System
    values: Values
    rules: Rules

    def initial(self) -> State:
        """Return the state before anything happened."""
        amount = self.system.amount
        chips = tuple(self._start(place, 0) for place in range(amount))
        return State(chips, (None,) * (amount * amount))

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """Return every step that can come next, and what it leads to."""
        chips, links = state
        for place, me in enumerate(chips):
            if me.phase not in FINAL:
                for move in self.rules.moves(place, me, links):
                    yield move.step, self._after(state, place, move)
        for place, me in enumerate(chips):
            chip = self.system.chips[place]
            if chip.restarts > me.boot and chip.present and chip.takes_part:
                yield self._reset(state, place)

    def steps_of(self, state: State, place: int) -> Iterator[tuple[Step, State]]:
        """Return the steps of one chip."""
        me = state.chips[place]
        if me.phase not in FINAL:
            for move in self.rules.moves(place, me, state.links):
                yield move.step, self._after(state, place, move)

    def _start(self, place: int, boot: int) -> Local:
        chip, values = self.system.chips[place], self.values
        if not chip.present:
            return Local(Phase.OFF, 0, boot, (), None, None, None, 0, "")
        if not chip.takes_part:
            own = values.own_seed(place)
            array = (own, *unwritten(self.system, values, place, boot)[1:])
            return Local(Phase.DONE, 0, boot, array, None, None, None, 0, "")
        return self.rules.start(place, boot)

    def _after(self, state: State, place: int, move: Move) -> State:
        chips, links = state
        after = (*chips[:place], move.local, *chips[place + 1 :])
        if move.taken < 0 and not move.given:
            return State(after, links)
        changed = list(links)
        if move.taken >= 0:
            changed[move.taken] = None
        for link, message in move.given:
            changed[link] = message
        return State(after, tuple(changed))

    def _reset(self, state: State, place: int) -> tuple[Step, State]:
        """Reset a chip: what is on its way to it is lost, what it sent stays."""
        amount = self.system.amount
        chips = list(state.chips)
        chips[place] = self._start(place, chips[place].boot + 1)
        links = tuple(
            None if index % amount == place else message
            for index, message in enumerate(state.links)
        )
        return Step(place, "resets", place, "reset"), State(tuple(chips), links)


def unwritten(system: System, values: Values, place: int, boot: int) -> tuple[Value, ...]:
    """Return a chip's array of seeds before anything is written to it."""
    return tuple(values.leftover(place, boot, "array", slot) for slot in range(system.amount))
