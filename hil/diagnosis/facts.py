# SPDX-License-Identifier: Apache-2.0
"""What follows from the observations of all RSEs together, before any cause is thought of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from hil.diagnosis.standing import Standing
from hil.errors import ModelError
from hil.model.agreement import expected_agreement
from hil.model.boot_state import Lcs, TpMode
from hil.model.fingerprint import Source, seed_fingerprint
from hil.model.hypotheses import Explanation, Hypothesis, explain_values
from hil.model.releases import RELEASES, Bound
from hil.model.system_inputs import SERVER, RseInputs, SystemInputs
from hil.uart.report_lines import StateReport


class Slot(StrEnum):
    """What a slot of a seed array holds."""

    GIVEN = "the seed that this RSE gave"
    OTHERS = "the seed that another RSE gave"
    FOREIGN = "a value that no RSE gave"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Facts(Standing):
    """A case, and what can be counted or computed from it.

    Args:
        case: What was observed and what is known.
        source: Whose fingerprints to judge; by default the stage that most RSEs reported from.
    """

    wanted: str | None = None

    # What they reported

    @cached_property
    def source(self) -> str:
        """Stage of the firmware whose fingerprints are judged."""
        if self.wanted is not None:
            return self.wanted
        counts = {s: sum(s in o.fingerprints for o in self.seen.values()) for s in Source}
        return max(Source, key=lambda s: counts[s])

    @cached_property
    def fingerprints(self) -> dict[int, str]:
        """Fingerprints by place; those that printed none are missing."""
        found = {rse: seen.fingerprints.get(self.source) for rse, seen in self.seen.items()}
        return {rse: fp for rse, fp in sorted(found.items()) if fp is not None}

    @cached_property
    def groups(self) -> list[list[int]]:
        """RSEs with one fingerprint, the largest group first, that of RSE 0 before its equals."""
        groups: dict[str, list[int]] = {}
        for rse, fingerprint in self.fingerprints.items():
            groups.setdefault(fingerprint, []).append(rse)
        return sorted(groups.values(), key=lambda group: (-len(group), group))

    @property
    def agreed(self) -> bool:
        """Whether every RSE reported and all are equal."""
        return len(self.fingerprints) == self.amount and len(self.groups) == 1

    @property
    def disagreed(self) -> bool:
        """Whether two RSEs reported different fingerprints."""
        return len(self.groups) > 1

    @property
    def all_differ(self) -> bool:
        """Whether no two RSEs have one value."""
        return self.disagreed and all(len(group) == 1 for group in self.groups)

    @cached_property
    def odd(self) -> list[int]:
        """RSEs that differ: by the model where it knows some value, else those outside the group."""
        right = [r for r, e in self.explanations.items() if self.rule in e.matches]
        if right and self.disagreed:
            return sorted(self.fingerprints.keys() - set(right))
        return sorted(rse for group in self.groups[1:] for rse in group)

    @cached_property
    def states(self) -> dict[int, StateReport]:
        """State lines by place."""
        return {rse: seen.state for rse, seen in self.seen.items() if seen.state is not None}

    @cached_property
    def policies(self) -> dict[int, bool]:
        """Whether the policy bit VHUK_AGREEMENT_REQUIRED is set, as reported, by place."""
        return {rse: bool(state.policy & 1) for rse, state in self.states.items()}

    @cached_property
    def seeds(self) -> dict[int, tuple[str, ...]]:
        """Fingerprints of the seed arrays by place."""
        return {rse: seen.seeds for rse, seen in self.seen.items() if seen.seeds}

    @cached_property
    def ids_fit(self) -> bool:
        """Whether every RSE goes by the id of its place, as far as is told."""
        return all(seen.own_id == rse for rse, seen in self.seen.items())

    @cached_property
    def given(self) -> dict[int, str]:
        """Fingerprint of the seed that each RSE gave, by its own id: its own slot."""
        found = {}
        for rse, row in self.seeds.items():
            own = self.seen[rse].own_id
            if len(row) == 1 or own < len(row):
                found[own] = row[0] if len(row) == 1 else row[own]
        return found

    def slots(self, rse: int) -> list[Slot]:
        """Return what each slot of an RSE's array holds."""
        marks = []
        for place, fingerprint in enumerate(self.seeds.get(rse, ())):
            if self.given.get(place) == fingerprint:
                marks.append(Slot.GIVEN)
            elif fingerprint in self.given.values():
                marks.append(Slot.OTHERS)
            elif place in self.given and len(self.given) == self.amount:
                marks.append(Slot.FOREIGN)
            else:
                marks.append(Slot.UNKNOWN)
        return marks

    @cached_property
    def exchange_seen(self) -> bool:
        """Whether some seed array holds the seed of another RSE, so that a handshake did run."""
        return any(
            mark is Slot.GIVEN
            for rse, row in self.seeds.items()
            if len(row) > 1
            for place, mark in enumerate(self.slots(rse))
            if place != self.seen[rse].own_id
        )

    @cached_property
    def agreed_without_handshake(self) -> bool:
        """Whether all agree while every policy bit reported is clear, and nothing shows an exchange.

        Without a handshake only dies with one HUK agree.
        """
        if not (self.agreed and self.release.policy_gated and self.handshake_expected):
            return False
        clear = bool(self.policies) and not any(self.policies.values())
        return clear and not self.exchange_seen

    @property
    def agreement_wanted(self) -> bool:
        """Whether the board file says that the RSEs are provisioned to agree in a handshake."""
        return self.case.state_known and any(rse.vhuk_agreement for rse in self.case.inputs.rses)

    @cached_property
    def first_seeds(self) -> dict[int, str]:
        """Fingerprint of slot 0, which is what most releases bind, by place."""
        return {rse: row[0] for rse, row in self.seeds.items()}

    # What the model makes of them

    @property
    def rule(self) -> Hypothesis:
        """The formula that this release should follow."""
        return Hypothesis.ALL_SEEDS if self.release.bound is Bound.ALL else Hypothesis.AGREED

    @cached_property
    def reported_inputs(self) -> SystemInputs:
        """What is known of the system, with the boot states that the RSEs reported themselves."""
        rses = tuple(_as_reported(rse, self.states.get(rse.rse)) for rse in self.case.inputs.rses)
        return replace(self.case.inputs, rses=rses)

    @cached_property
    def explanations(self) -> dict[int, Explanation]:
        """Which formula each fingerprint matches, with what the board file says."""
        inputs = self.case.inputs
        return explain_values(self.fingerprints, inputs, self.source, self.case.partition_id)

    @cached_property
    def explanations_as_reported(self) -> dict[int, Explanation]:
        """The same with the boot states that the RSEs reported."""
        inputs = self.reported_inputs
        return explain_values(self.fingerprints, inputs, self.source, self.case.partition_id)

    @cached_property
    def expected(self) -> dict[int, str]:
        """Fingerprints that the model computes, for RSEs of which it can."""
        found = {}
        for outcome in expected_agreement(self.case.inputs).outcomes:
            value = outcome.fingerprint(self.source, self.case.partition_id)
            if value is not None:
                found[outcome.rse] = value
        return found

    @cached_property
    def unexpected(self) -> list[int]:
        """RSEs whose fingerprint is not what the model computes."""
        pairs = self.expected.items()
        return sorted(r for r, fp in pairs if self.fingerprints.get(r, fp) != fp)

    @cached_property
    def computable(self) -> bool:
        """Whether the model can compute values for all RSEs that reported."""
        rses = [self.case.inputs.rses[r] for r in {SERVER, *self.fingerprints}]
        return all(r.guk is not None and r.state is not None for r in rses) and (
            self.case.inputs.rses[SERVER].huk is not None
        )

    @cached_property
    def own_seeds_computable(self) -> bool:
        """Whether the model knows the HUKs of all RSEs that reported, and what else it needs."""
        return self.computable and all(
            self.case.inputs.rses[r].huk is not None for r in self.fingerprints
        )

    @cached_property
    def expected_seeds(self) -> dict[int, str]:
        """Fingerprint of the seed that each known HUK gives, by place."""
        pairs = ((rse.rse, self.case.inputs.seed(rse.rse)) for rse in self.case.inputs.rses)
        return {rse: seed_fingerprint(seed) for rse, seed in pairs if seed is not None}

    def seeds_of_other_releases(self, rse: int) -> set[str]:
        """Return the fingerprints of the seeds that a known HUK gives by the rules of others."""
        systems = (replace(self.case.inputs, release=row) for row in RELEASES)
        seeds = (system.seed(rse) for system in systems)
        own = {self.expected_seeds.get(rse)}
        return {seed_fingerprint(seed) for seed in seeds if seed is not None} - own


def _as_reported(rse: RseInputs, state: StateReport | None) -> RseInputs:
    if state is None:
        return rse
    try:
        lcs, tp = Lcs.from_otp(state.lcs), TpMode.from_hardware(state.tp)
    except ModelError:
        return rse  # words that no device has: the value cannot be computed
    return replace(rse, lcs=lcs, tp=tp, reprov=state.reprov)
