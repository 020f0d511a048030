# SPDX-License-Identifier: Apache-2.0
"""What a system of RSEs must end with: which vHUK each has, who agrees, and who stops or waits.

The handshake machine says how each RSE ends and whose seeds it holds; what is known of their keys
then gives values. What is unknown is taken as equal for all, so that the groups of RSEs that agree
are predicted even where no value is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from hil.model.fingerprint import PARTITION_ID, Source, vhuk_fingerprint
from hil.model.handshake.machine import Phase
from hil.model.handshake.run import ChipEnd, run
from hil.model.handshake.system import Sfcp, system_of
from hil.model.handshake.values import Symbols
from hil.model.releases import Bound
from hil.model.secret import Secret
from hil.model.system_inputs import SERVER, SystemInputs


class Ending(StrEnum):
    """How an RSE comes out of the key setup."""

    VALUE = "has a vHUK that the inputs determine"
    UNPREDICTABLE = "has a vHUK of random bytes, another one at each boot"
    STOPS = "stops with an error"
    WAITS = "waits for ever for another RSE"


@dataclass(frozen=True)
class RseOutcome:
    """What is expected of one RSE."""

    rse: int
    ending: Ending
    #: Why, in words for a report.
    reason: str
    #: RSEs whose seeds enter its vHUK.
    bound: tuple[int, ...] = ()
    #: None unless it has a vHUK and all that enters it is known.
    vhuk: Secret | None = None

    def fingerprint(
        self, source: Source | str = Source.BL1_2, partition_id: int = PARTITION_ID
    ) -> str | None:
        """Return the fingerprint that it must print, None if that cannot be said."""
        if self.vhuk is None:
            return None
        return vhuk_fingerprint(self.vhuk, source, partition_id)


@dataclass(frozen=True)
class Agreement:
    """What is expected of all RSEs together."""

    outcomes: tuple[RseOutcome, ...]
    #: RSEs with one and the same vHUK, largest group first; every RSE that has a vHUK is in one.
    groups: tuple[tuple[int, ...], ...]

    @property
    def agreed(self) -> bool:
        """Whether every RSE has a vHUK and all are equal."""
        return self.groups == (tuple(outcome.rse for outcome in self.outcomes),)


def expected_agreement(inputs: SystemInputs, *, session: bool = True) -> Agreement:
    """Return what the rules of the release make of the inputs.

    Args:
        inputs: What the RSEs bring along.
        session: From 2.3 on: whether SFCP encrypts, as builds do unless told otherwise; then nobody
            gets through without everybody, and another GUK ends the link. False is the handshake
            alone (`SFCP_ENABLE_ENCRYPTION=OFF`).
    """
    system = system_of(inputs, sfcp=Sfcp.SESSION if session else Sfcp.PLAIN)
    symbols = Symbols(system)
    ends = run(system, symbols).ends
    judge = _Judge(inputs, symbols, ends)
    outcomes = tuple(judge.outcome(place) for place in range(len(ends)))
    groups: dict[Hashable, list[int]] = {}
    for outcome in outcomes:
        if outcome.ending in {Ending.VALUE, Ending.UNPREDICTABLE}:
            groups.setdefault(_identity(inputs, outcome), []).append(outcome.rse)
    ordered = sorted((tuple(group) for group in groups.values()), key=lambda g: (-len(g), g))
    return Agreement(outcomes, tuple(ordered))


@dataclass(frozen=True)
class _Judge:
    """Turns the ends of the machine into outcomes with reasons."""

    inputs: SystemInputs
    symbols: Symbols
    ends: tuple[ChipEnd, ...]

    def outcome(self, place: int) -> RseOutcome:
        end = self.ends[place]
        if end.phase is Phase.STOPPED:
            return RseOutcome(place, Ending.STOPS, self._why_stopped(place, end.error))
        if end.waits:
            gives_up = self.inputs.release.reports_missing_peer
            ending = Ending.STOPS if gives_up else Ending.WAITS
            return RseOutcome(place, ending, self._why_waiting())
        every = self.inputs.release.bound is Bound.ALL and self._takes_part(place)
        terms = [self.symbols.term(value) for value in (end.array if every else end.array[:1])]
        bound = tuple(owner for _, owner, *_ in terms if isinstance(owner, int))
        if any(name != "seed of HUK" for name, *_ in terms):
            names = {name for name, *_ in terms}
            reason = (
                "its reply was encrypted twice: it takes ciphertext for the seeds"
                if "keystream" in names
                else "random client seeds are bound"
            )
            return RseOutcome(
                place, Ending.UNPREDICTABLE, reason, () if "keystream" in names else bound
            )
        return RseOutcome(
            place, Ending.VALUE, self._why_value(place), bound, self._vhuk(place, bound)
        )

    def _takes_part(self, place: int) -> bool:
        rse, release = self.inputs.rses[place], self.inputs.release
        return release.handshake_runs(rse_amount=len(self.ends), policy=rse.vhuk_agreement)

    def _why_value(self, place: int) -> str:
        if not self._takes_part(place):
            return "one RSE only" if len(self.ends) == 1 else "policy bit clear: its own seed"
        return "all seeds" if self.inputs.release.bound is Bound.ALL else "the seed of RSE 0"

    def _why_stopped(self, place: int, error: str) -> str:
        if place == SERVER:
            return f"{error}: the session key of {_names(self._odd_ones())} differs (GUK or boot state)"
        return error

    def _why_waiting(self) -> str:
        missing = [place for place in range(len(self.ends)) if not self._takes_part(place)]
        if missing:
            return f"no handshake message from {_names(missing)} (policy bit clear)"
        return f"RSE {SERVER} stops over the session key of {_names(self._odd_ones())}"

    def _odd_ones(self) -> list[int]:
        """Return the RSEs whose GUK or boot state differs from that of RSE 0."""
        server = self.inputs.rses[SERVER]
        return [
            rse.rse
            for rse in self.inputs.rses
            if (rse.guk, rse.state_fields) != (server.guk, server.state_fields)
        ]

    def _vhuk(self, place: int, bound: tuple[int, ...]) -> Secret | None:
        seeds = [self.inputs.seed(other) for other in bound]
        rule = Bound.ALL if len(bound) > 1 else Bound.FIRST
        return self.inputs.rses[place].vhuk(seeds, self.inputs.release, rule)


def _identity(inputs: SystemInputs, outcome: RseOutcome) -> Hashable:
    """Return what tells one vHUK from another without computing it."""
    if outcome.ending is Ending.UNPREDICTABLE:
        return ("random", outcome.rse)
    rse = inputs.rses[outcome.rse]
    seeds = tuple(inputs.rses[other].huk or ("unknown HUK", other) for other in outcome.bound)
    return (rse.guk, rse.state_fields, seeds)


def _names(rses: list[int]) -> str:
    return ", ".join(f"RSE {rse}" for rse in rses)
