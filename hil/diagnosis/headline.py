# SPDX-License-Identifier: Apache-2.0
"""What the system did, and the one sentence that says so and why."""

from __future__ import annotations

from enum import StrEnum

from hil.diagnosis.evidence import Confidence, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.ranking import Ranked
from hil.diagnosis.words import names
from hil.model.system_inputs import SERVER


class Outcome(StrEnum):
    """What the system did."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    UNEXPECTED = "agreed on a value that the model does not expect"
    INCOMPLETE = "did not get there"


def outcome_of(facts: Facts) -> Outcome:
    """Return what the system did."""
    if facts.disagreed:
        return Outcome.DISAGREED
    if facts.case.reporter and len(facts.fingerprints) < len(facts.seen):
        return Outcome.INCOMPLETE
    if any(not seen.complete for seen in facts.seen.values()) and not facts.agreed:
        return Outcome.INCOMPLETE
    if facts.agreed and facts.unexpected:
        return Outcome.UNEXPECTED
    return Outcome.AGREED


def headline(facts: Facts, outcome: Outcome, leading: tuple[Ranked, ...]) -> str:
    """Return the one sentence."""
    who = _who(facts, outcome)
    if outcome is Outcome.AGREED and not leading:
        if facts.agreed:
            return f"all {facts.amount} RSEs agree on one vHUK"
        return _as_far_as_seen(facts)
    if not leading:
        return f"{who}: for no known reason" if who else "for no known reason"
    claims = _claims([r.suspicion for r in leading])
    best = leading[0].confidence
    if best is Confidence.CERTAIN:
        told = "; and ".join(claims)
        explained = {rse for r in leading for rse in r.suspicion.rses}
        if facts.disagreed and (rest := sorted(set(facts.odd) - explained)):
            told += f"; that does not explain {names(rest)}"
    elif len(leading) > 1 and len(claims) == 1:
        told = f"several causes fit: {claims[0]}"
    elif len(claims) > 1:
        told = f"several causes fit: {'; or '.join(claims)}"
    else:
        told = f"{'most likely' if best is Confidence.LIKELY else 'possibly'} {claims[0]}"
    return f"{who}: {told}" if who else told


def _as_far_as_seen(facts: Facts) -> str:
    """Return what can be said where nothing is wrong, and yet not all RSEs are seen to agree."""
    unseen = sorted(set(range(facts.amount)) - set(facts.seen))
    rest = f"; of {names(unseen)} nothing was recorded" if unseen else ""
    if len(facts.fingerprints) > 1:
        return f"{names(facts.fingerprints)} agree on one vHUK{rest}"
    if facts.fingerprints:
        return (
            f"{names(facts.fingerprints)} reported a fingerprint, with none to compare it to{rest}"
        )
    if unseen:
        return f"{names(facts.seen)} booted and reported no fingerprint{rest}"
    return "every RSE booted, and none reported a fingerprint"


def _who(facts: Facts, outcome: Outcome) -> str:
    if outcome is Outcome.UNEXPECTED:
        return f"{names(facts.unexpected)} have another vHUK than the model computes"
    if outcome is not Outcome.DISAGREED:
        if outcome is Outcome.INCOMPLETE:
            bad = [
                r for r, o in facts.seen.items() if r not in facts.fingerprints or not o.complete
            ]
            verb = "does" if len(bad) == 1 else "do"
            return f"{names(bad)} {verb} not finish the boot"
        return ""
    if facts.all_differ and len(facts.groups) > 2:
        return f"every RSE ended with another vHUK ({names(facts.fingerprints)})"
    odd = facts.odd
    rest = sorted(facts.fingerprints.keys() - set(odd)) or [SERVER]
    mute = [rse for rse in facts.seen if rse not in facts.fingerprints]
    more = f" (and {names(mute)} reported no fingerprint)" if mute else ""
    return f"{names(odd)} {'differs' if len(odd) == 1 else 'differ'} from {names(rest)}{more}"


def _claims(suspicions: list[Suspicion]) -> list[str]:
    """Return what is claimed; inputs that may differ on the same RSEs in one claim."""
    inputs: dict[str, list[str]] = {}
    for suspicion in suspicions:
        if suspicion.where:
            inputs.setdefault(suspicion.where, []).append(suspicion.input_name)
    claims = []
    for suspicion in suspicions:
        together = inputs.get(suspicion.where, [])
        if len(together) < 2:
            claims.append(suspicion.claim)
        elif together[0] == suspicion.input_name:
            claims.append(f"{', '.join(together[:-1])} or {together[-1]} {suspicion.where}")
    return claims
