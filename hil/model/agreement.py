# SPDX-License-Identifier: Apache-2.0
"""What a system of RSEs must end with: which vHUK each has, who agrees, and who stops or waits.

Values that are not known (a HUK never leaves a die) may be None: then no value is predicted, but
the groups of RSEs that agree still are, on the assumption that what is unknown is equal.

Source: TF-M 2.2.2 and 2.3.1 rse_handshake.c and boot_hal_bl1_2.c.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from hil.errors import ModelError
from hil.model import keys
from hil.model.boot_state import BootState, Lcs, TpMode
from hil.model.fingerprint import PARTITION_ID, Source, vhuk_fingerprint
from hil.model.releases import Bound, ClientSeed, Release, Reply
from hil.model.secret import Secret

SERVER = 0


@dataclass(frozen=True)
class RseInputs:
    """What one RSE brings into the agreement."""

    rse: int
    huk: Secret | None
    guk: Secret | None
    lcs: Lcs = Lcs.SE
    tp: TpMode = TpMode.TCI
    reprov: int = 0
    bl1_2_hash: bytes | None = None
    #: Its policy bit VHUK_AGREEMENT_REQUIRED.
    vhuk_agreement: bool = True

    def __post_init__(self) -> None:
        # Plain bytes would show themselves in the repr of this object.
        for name in ("huk", "guk"):
            if (key := getattr(self, name)) is not None:
                object.__setattr__(self, name, Secret(key))

    @property
    def state(self) -> BootState | None:
        """Its boot state, None while its BL1_2 is not known."""
        if self.bl1_2_hash is None:
            return None
        return BootState(self.tp, self.lcs, self.reprov, self.bl1_2_hash)

    @property
    def state_fields(self) -> Hashable:
        """What makes two boot states equal, as far as it is known."""
        return (self.tp, self.lcs, self.reprov, self.bl1_2_hash)


@dataclass(frozen=True)
class SystemInputs:
    """All RSEs of a system, ids ascending from 0, and the release that they run."""

    release: Release
    rses: tuple[RseInputs, ...]

    def __post_init__(self) -> None:
        ids = [rse.rse for rse in self.rses]
        if not ids or ids != list(range(len(ids))):
            raise ModelError(f"system: expected RSEs 0 to N-1 in order, got ids {ids}")

    def seed(self, rse: int) -> Secret | None:
        """Return the seed that the HUK of an RSE gives, None if that HUK is not known."""
        huk = self.rses[rse].huk
        return None if huk is None else keys.vhuk_seed(huk, self.release)


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


def expected_agreement(inputs: SystemInputs) -> Agreement:
    """Return what the rules of the release make of the inputs."""
    taking_part = [
        rse.rse
        for rse in inputs.rses
        if inputs.release.handshake_runs(rse_amount=len(inputs.rses), policy=rse.vhuk_agreement)
    ]
    ends = [_ending(inputs, rse, taking_part) for rse in inputs.rses]
    groups: dict[Hashable, list[int]] = {}
    for outcome, rse in zip(ends, inputs.rses, strict=True):
        if outcome.ending in {Ending.VALUE, Ending.UNPREDICTABLE}:
            groups.setdefault(_identity(inputs, outcome, rse), []).append(outcome.rse)
    ordered = sorted((tuple(group) for group in groups.values()), key=lambda g: (-len(g), g))
    return Agreement(tuple(ends), tuple(ordered))


def _ending(inputs: SystemInputs, rse: RseInputs, taking_part: list[int]) -> RseOutcome:
    me, release = rse.rse, inputs.release
    if me not in taking_part:
        reason = "one RSE only" if len(inputs.rses) == 1 else "policy bit clear: its own seed"
        return _value(inputs, rse, (me,), reason)
    missing = [other.rse for other in inputs.rses if other.rse not in taking_part]
    if missing and (stuck := _without(release, me, missing)):
        return stuck
    if release.session_key_in_handshake and (odd := _odd_ones(inputs)):
        names = ", ".join(f"RSE {other}" for other in odd)
        if me == SERVER:
            reason = f"session key differs from that of {names} (GUK or boot state): CCM tag error"
            return RseOutcome(me, Ending.STOPS, reason)
        return RseOutcome(me, Ending.WAITS, f"RSE 0 stops over the session key of {names}")
    if release.reencrypts_in_place and me != SERVER and me % 2 == 0:
        reason = "its reply was encrypted twice: it takes keystream for the seeds"
        return RseOutcome(me, Ending.UNPREDICTABLE, reason)
    bound = tuple(range(len(inputs.rses))) if release.bound is Bound.ALL else (SERVER,)
    if release.bound is Bound.ALL and release.client_seed is ClientSeed.RANDOM:
        return RseOutcome(me, Ending.UNPREDICTABLE, "random client seeds are bound", bound)
    reason = "all seeds" if release.bound is Bound.ALL else "the seed of RSE 0"
    return _value(inputs, rse, bound, reason + _link_remark(inputs, rse))


def _without(release: Release, me: int, missing: list[int]) -> RseOutcome | None:
    """Return how an RSE that takes part ends while others do not, None if it gets through."""
    names = ", ".join(f"RSE {other}" for other in missing)
    reason = f"no handshake message from {names} (policy bit clear)"
    if release.reports_missing_peer:
        return RseOutcome(me, Ending.STOPS, reason)
    if release.reply is Reply.AT_ONCE and me != SERVER and SERVER not in missing:
        return None
    return RseOutcome(me, Ending.WAITS, reason)


def _odd_ones(inputs: SystemInputs) -> list[int]:
    """Return the RSEs that derive another session key than RSE 0."""
    server = inputs.rses[SERVER]
    return [
        rse.rse
        for rse in inputs.rses
        if (rse.guk, rse.state_fields) != (server.guk, server.state_fields)
    ]


def _link_remark(inputs: SystemInputs, rse: RseInputs) -> str:
    if rse.guk == inputs.rses[SERVER].guk:
        return ""
    return "; its GUK differs from that of RSE 0, so an encrypted SFCP link fails before"


def _value(inputs: SystemInputs, rse: RseInputs, bound: tuple[int, ...], reason: str) -> RseOutcome:
    seeds = [inputs.seed(other) for other in bound]
    known = [seed for seed in seeds if seed is not None]
    state, value = rse.state, None
    if len(known) == len(seeds) and state is not None and rse.guk is not None:
        value = keys.vhuk(rse.guk, known, state, inputs.release, _rule(bound))
    return RseOutcome(rse.rse, Ending.VALUE, reason, bound, value)


def _rule(bound: tuple[int, ...]) -> Bound:
    return Bound.ALL if len(bound) > 1 else Bound.FIRST


def _identity(inputs: SystemInputs, outcome: RseOutcome, rse: RseInputs) -> Hashable:
    """Return what tells one vHUK from another without computing it."""
    if outcome.ending is Ending.UNPREDICTABLE:
        return ("random", outcome.rse)
    seeds = tuple(inputs.rses[other].huk or ("unknown HUK", other) for other in outcome.bound)
    return (rse.guk, rse.state_fields, seeds)
