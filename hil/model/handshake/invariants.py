# SPDX-License-Identifier: Apache-2.0
"""What must hold of every way in which the exchange can go, as a table.

Each property looks at one end state (nothing can happen any more) and says what is wrong there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hil.model.handshake.machine import FINAL, Local, Phase, State
from hil.model.handshake.messages import Kind, Value
from hil.model.handshake.system import System
from hil.model.handshake.values import Symbols
from hil.model.releases import Bound

#: Messages that carry seeds.
_SEEDS = (Kind.VHUK_MSG, Kind.VHUK_REPLY)


@dataclass(frozen=True)
class End:
    """An end state, with what is needed to judge it."""

    system: System
    symbols: Symbols
    state: State

    @property
    def finished(self) -> list[tuple[int, Local]]:
        """Chips that have a vHUK."""
        return [(p, me) for p, me in enumerate(self.state.chips) if me.phase == Phase.DONE]

    def bound(self, me: Local) -> tuple[Value, ...]:
        """Return the slots of the array that enter the vHUK of a chip."""
        every = self.system.release.bound is Bound.ALL
        return me.array if every else me.array[:1]

    def vhuk(self, place: int, me: Local) -> tuple[object, ...]:
        """Return what determines the vHUK of a chip."""
        chip = self.system.chips[place]
        return (chip.guk, chip.state, self.bound(me))

    def term(self, value: Value) -> tuple[object, ...]:
        """Return what a symbol stands for."""
        return self.symbols.term(value)

    def owner(self, slot: int) -> int | None:
        """Return the chip whose seed belongs into a slot, None if two chips claim it, or none."""
        owners = [p for p, chip in enumerate(self.system.chips) if chip.rse_id == slot]
        return owners[0] if len(owners) == 1 else None


def _agreement(end: End) -> str | None:
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, me in end.finished:
        groups.setdefault(end.vhuk(place, me), []).append(place)
    if len(groups) < 2:
        return None
    told = " / ".join(rses(group) for group in groups.values())
    return f"different vHUKs: {told}"


def _every_seed_bound(end: End) -> str | None:
    for place, me in end.finished:
        bound = {end.term(value)[:2] for value in end.bound(me)}
        unbound = [
            slot
            for slot in range(end.system.amount)
            if not any(
                term in bound
                for term in (("seed of HUK", end.owner(slot)), ("random", end.owner(slot)))
            )
        ]
        if unbound:
            return f"the vHUK of RSE {place} does not depend on {rses(unbound)}"
    return None


def _persistence(end: End) -> str | None:
    for place, me in end.finished:
        for slot, value in enumerate(end.bound(me)):
            if end.term(value)[0] != "seed of HUK":
                return (
                    f"the vHUK of RSE {place} is another one at each boot: slot {slot} of what enters "
                    f"it holds {describe(end, value)}"
                )
    return None


def _freshness(end: End) -> str | None:
    for place, me in end.finished:
        for slot, value in enumerate(me.array):
            term = end.term(value)
            if term[0] != "random":
                continue
            owner, boot = term[1], term[2]
            if isinstance(owner, int) and boot != end.state.chips[owner].boot:
                return f"slot {slot} of RSE {place} holds a seed from before RSE {owner} was reset"
    return None


def _whole_array(end: End) -> str | None:
    for place, me in end.finished:
        for slot, value in enumerate(me.array):
            owner = end.owner(slot)
            if owner is None or end.term(value)[:2] not in (
                ("seed of HUK", owner),
                ("random", owner),
            ):
                return f"slot {slot} of RSE {place} holds {describe(end, value)}"
    return None


def _no_deadlock(end: End) -> str | None:
    waiting = [p for p, me in enumerate(end.state.chips) if me.phase not in FINAL]
    if not waiting or end.system.release.reports_missing_peer:
        return None
    return f"{rses(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for ever, without a word"


def _no_error(end: End) -> str | None:
    if end.system.release.reports_missing_peer:
        waiting = [p for p, me in enumerate(end.state.chips) if me.phase not in FINAL]
        if waiting:
            return f"{rses(waiting)} gives up waiting and says for whom"
    stopped = [(p, me.error) for p, me in enumerate(end.state.chips) if me.phase == Phase.STOPPED]
    if not stopped:
        return None
    return "; ".join(f"RSE {place} stops with {error}" for place, error in stopped)


@dataclass(frozen=True)
class Invariant:
    """One property.

    Attributes:
        name: Short.
        promise: What holds if it holds.
        violated: Says what is wrong in an end state, None if nothing is.
    """

    name: str
    promise: str
    violated: Callable[[End], str | None]


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("agreement", "all RSEs that finish have one vHUK", _agreement),
    Invariant("every seed bound", "the vHUK depends on the seed of every RSE", _every_seed_bound),
    Invariant("persistence", "the vHUK is the same at every boot", _persistence),
    Invariant("freshness", "no seed from before a reset is used", _freshness),
    Invariant("whole array", "no slot holds anything but its RSE's own seed", _whole_array),
    Invariant("no deadlock", "no RSE waits for ever", _no_deadlock),
    Invariant("no error", "every RSE finishes", _no_error),
)


#: Looked at in every state, not only at the end.
SECRECY = Invariant("secrecy", "no seed crosses an MHU link in clear", lambda _: None)


def describe(end: End, value: Value) -> str:
    """Return in words what a value is."""
    term = end.term(value)
    match term[0]:
        case "seed of HUK":
            return f"the seed of RSE {term[1]}'s HUK"
        case "random":
            return f"a random seed of RSE {term[1]}"
        case "leftover":
            return f"uninitialised memory of RSE {term[1]}"
        case "keystream":
            return "ciphertext"
    return str(term[0])


def rses(places: list[int]) -> str:
    """Return "RSE 1", "RSE 1 and 2", "RSE 1, 2 and 3"."""
    if len(places) < 2:
        return "".join(f"RSE {place}" for place in places)
    return f"RSE {', '.join(map(str, places[:-1]))} and {places[-1]}"


def in_clear(end: End) -> Iterator[str]:
    """Yield the links on which seeds stand that should be encrypted (up to 2.2)."""
    amount = end.system.amount
    for link, message in enumerate(end.state.links):
        if message is not None and message.nonce is not None and message.kind in _SEEDS:
            for value in message.slots:
                if end.term(value)[0] in ("seed of HUK", "random"):
                    place, peer = divmod(link, amount)
                    yield f"the seeds cross the link from RSE {place} to RSE {peer} in clear"
                    break
