# SPDX-License-Identifier: Apache-2.0
"""From what was observed to the causes that fit, most certain first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hil.diagnosis.evidence import Confidence
from hil.diagnosis.facts import Facts
from hil.diagnosis.headline import Outcome, headline, outcome_of
from hil.diagnosis.observation import Case
from hil.diagnosis.ranking import Ranked, leading_of, rank, todo_of
from hil.model.hypotheses import Hypothesis
from hil.model.releases import Bound
from hil.model.system_inputs import SystemInputs

#: Known defect behind an agreement that does not bind every seed.
ONLY_SEED_0 = "only-seed-0-bound"
_NO_HANDSHAKE = (
    "policy bit 0 is clear on every RSE that reports it: no handshake ran, and the RSEs agree because "
    "their dies have one and the same HUK"
)


class Verdict(StrEnum):
    """How far the search has come."""

    FOUND = "found"
    SEVERAL = "several causes fit"
    NONE = "no known cause fits"
    FINE = "nothing to explain"


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, as far as can be said.

    Attributes:
        facts: What it rests on.
        outcome: What the system did.
        verdict: Whether one cause, several or none fit.
        headline: The one sentence that ends the search, or says that there is none.
        leading: The causes that the headline names.
        causes: All that fit, most certain first.
        warnings: What a pass does not mean.
        notes: What is odd about the input.
    """

    facts: Facts
    outcome: Outcome
    verdict: Verdict
    headline: str
    leading: tuple[Ranked, ...]
    causes: tuple[Ranked, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def known_defects(self) -> tuple[str, ...]:
        """Ids of the known defects behind the causes that the headline names."""
        found = [d.id for ranked in self.leading for d in ranked.defects[:1]]
        return tuple(dict.fromkeys(found))

    @property
    def properties(self) -> list[tuple[str, str]]:
        """Return what the JUnit file of a failed test carries."""
        found = []
        if self.leading:
            found.append(("cause", ",".join(ranked.cause.id for ranked in self.leading)))
        if self.known_defects:
            found.append(("known_defect", ",".join(self.known_defects)))
        if self.leading:
            found.append(("confidence", str(self.leading[0].confidence)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as plain data; it holds no key."""
        return {
            "headline": self.headline,
            "outcome": str(self.outcome),
            "verdict": str(self.verdict),
            "leading": [ranked.cause.id for ranked in self.leading],
            "causes": [_plain(ranked) for ranked in self.causes],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "fingerprints": {str(r): fp for r, fp in self.facts.fingerprints.items()},
            "formulas": {
                str(r): str(e).partition(": ")[2] for r, e in self.facts.explanations.items()
            },
        }


def diagnose(case: Case, *, source: str | None = None) -> Diagnosis:
    """Return what explains a case.

    Args:
        case: What was observed and what is known.
        source: Whose fingerprints to judge; by default the stage that most RSEs reported from.
    """
    facts = Facts(case, source)
    outcome = outcome_of(facts)
    causes = rank(facts)
    leading = leading_of(causes)
    failed = outcome is not Outcome.AGREED or bool(leading)
    verdict = (
        Verdict.FINE if not failed
        else Verdict.NONE if not leading
        else Verdict.FOUND if len(leading) == 1 or leading[0].confidence is Confidence.CERTAIN
        else Verdict.SEVERAL
    )  # fmt: skip
    warnings = [text] if (text := _warning(facts)) else []
    notes = (*case.notes, *(f"RSE {r}: {n}" for r, o in facts.seen.items() for n in o.notes))
    told = headline(facts, outcome, leading)
    return Diagnosis(facts, outcome, verdict, told, leading, causes, tuple(warnings), notes)


def binding_warning(inputs: SystemInputs) -> str | None:
    """Return what an agreement of this release does not mean, None if it binds every seed."""
    if len(inputs.rses) == 1 or inputs.release.bound is Bound.ALL:
        return None
    return (
        f"TF-M {inputs.release.name} binds only the seed of RSE 0 into the vHUK: the RSEs agree, but "
        "the others contribute nothing, and replacing RSE 0 changes the vHUK of all "
        f"[{ONLY_SEED_0}]"
    )


def _warning(facts: Facts) -> str | None:
    if not facts.agreed:
        return None
    bound = {e.hypothesis for e in facts.explanations.values()}
    if bound == {Hypothesis.ALL_SEEDS}:
        return None  # whatever the release is said to do
    if facts.agreed_without_handshake:
        return None if facts.agreement_wanted else _NO_HANDSHAKE
    return binding_warning(facts.case.inputs)


def _plain(ranked: Ranked) -> dict[str, Any]:
    return {
        "cause": ranked.cause.id,
        "confidence": str(ranked.confidence),
        "rses": list(ranked.suspicion.rses),
        "claim": ranked.suspicion.claim,
        "for": [{"text": e.text, "weight": str(e.weight)} for e in ranked.suspicion.pro],
        "against": [{"text": e.text, "weight": str(e.weight)} for e in ranked.suspicion.con],
        "confirm": ranked.cause.confirm,
        "todo": todo_of(ranked),
        "known_defects": [defect.id for defect in ranked.defects],
    }
