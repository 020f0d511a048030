# SPDX-License-Identifier: Apache-2.0
"""Why fingerprints differ: from what every RSE reported to the sentence that ends the search.

Each cause is a row: a test of the facts and the text for it. The first row that fits is told; the
table of fingerprints with the formula that each one matches is always shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hil.diagnosis.known_defects import NO_AGREEMENT_POLICY, REENCRYPTION, KnownDefect
from hil.model.agreement import SystemInputs, expected_agreement
from hil.model.hypotheses import Explanation, Hypothesis, explain_values


@dataclass(frozen=True)
class Cause:
    """Why, in the words for one line, and the lines that explain it and say what to do."""

    short: str
    more: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What is known after a boot.

    Attributes:
        firmware: The TF-M release as the board file names it.
        inputs: The system as the board file describes it.
        fingerprints: What each RSE printed, by id; those that printed none are missing.
        policies: Policy word that each RSE reported, by id.
        explanations: Which formula each fingerprint matches.
    """

    firmware: str
    inputs: SystemInputs
    fingerprints: Mapping[int, str]
    policies: Mapping[int, int]
    explanations: Mapping[int, Explanation]

    @property
    def groups(self) -> list[list[int]]:
        """RSEs with one fingerprint, the largest group first."""
        groups: dict[str, list[int]] = {}
        for rse, fingerprint in sorted(self.fingerprints.items()):
            groups.setdefault(fingerprint, []).append(rse)
        return sorted(groups.values(), key=lambda group: (-len(group), group))

    @property
    def odd_ones(self) -> list[int]:
        """RSEs outside the largest group; all but RSE 0 when no two agree."""
        return sorted(rse for group in self.groups[1:] for rse in group)


def gather(
    firmware: str,
    inputs: SystemInputs,
    fingerprints: Mapping[int, str],
    policies: Mapping[int, int],
    source: str,
    partition_id: int,
) -> Facts:
    """Put together what the causes are tested against."""
    explanations = explain_values(fingerprints, inputs, source, partition_id)
    return Facts(firmware, inputs, dict(fingerprints), dict(policies), explanations)


def explain_disagreement(facts: Facts) -> str:
    """Return a message whose first line says who differs and why; then the values and what to do."""
    odd, verb = _names(facts.odd_ones), "differs" if len(facts.odd_ones) == 1 else "differ"
    who = (
        f"every RSE ended with another vHUK ({_names(sorted(facts.fingerprints))})"
        if len(facts.groups) == len(facts.fingerprints) > 2
        else f"{odd} {verb} from {_names(facts.groups[0])}"
    )
    cause = next(cause for applies, cause in _CAUSES if applies(facts))(facts)
    return "\n".join([f"{who}: {cause.short}", fingerprint_table(facts), *cause.more])


def fingerprint_table(facts: Facts) -> str:
    """Return one line for each RSE: its fingerprint and the formula that it matches."""
    rows = []
    for rse in range(len(facts.inputs.rses)):
        if rse in facts.fingerprints:
            told = str(facts.explanations[rse]).split(": ", 1)[1]
            rows.append(f"  RSE {rse}  {facts.fingerprints[rse]}  {told}")
        else:
            rows.append(f"  RSE {rse}  (no fingerprint reported)")
    return "\n".join(rows)


def binding_warning(inputs: SystemInputs) -> str | None:
    """Return what an agreement of this release does not mean, None if it binds every seed."""
    outcome = expected_agreement(inputs).outcomes[-1]
    if len(inputs.rses) == 1 or len(outcome.bound) == len(inputs.rses):
        return None
    return (
        f"TF-M {inputs.release.name} binds only the seed of RSE 0 into the vHUK: the RSEs agree, but "
        "the others contribute nothing, and replacing RSE 0 changes the vHUK of all"
    )


def _policy_clear(facts: Facts) -> bool:
    if any(word & 1 == 0 for word in facts.policies.values()):
        return True
    others = [e for rse, e in facts.explanations.items() if rse != 0]
    return bool(others) and all(Hypothesis.OWN_SEED in e.matches for e in others)


def _tell_policy(facts: Facts) -> Cause:
    own = [rse for rse, e in facts.explanations.items() if Hypothesis.OWN_SEED in e.matches]
    clear = [rse for rse, word in facts.policies.items() if word & 1 == 0]
    seen = [f"policy bit 0 is clear on {_names(clear)}"] if clear else []
    if own:
        seen.append(f"the values of {_names(own)} match KDF(GUK, seed_i, state), each its own seed")
    return _tell(NO_AGREEMENT_POLICY, f"the handshake never ran; {'; '.join(seen)}")


def _even_ids_from_2(facts: Facts) -> bool:
    even = [rse for rse in facts.fingerprints if rse >= 2 and rse % 2 == 0]
    return (
        facts.inputs.release.reencrypts_in_place
        and bool(even)
        and facts.odd_ones == sorted(even)
        and all(facts.explanations[rse].hypothesis is Hypothesis.UNKNOWN for rse in even)
    )


def _tell_reencryption(facts: Facts) -> Cause:
    return _tell(
        REENCRYPTION,
        f"this is what the in-place re-encryption of TF-M {facts.firmware} does (even ids from 2 on)",
    )


def _explained_by_inputs(facts: Facts) -> bool:
    told = {Hypothesis.OTHER_GUK, Hypothesis.OTHER_STATE, Hypothesis.OWN_SEED_OTHER_STATE}
    return any(facts.explanations[rse].hypothesis in told for rse in facts.odd_ones)


def _tell_inputs(facts: Facts) -> Cause:
    told = "; ".join(str(facts.explanations[rse]) for rse in facts.odd_ones)
    return Cause(
        f"not provisioned alike ({told})",
        (
            (
                "why: GUK, life-cycle state, TP mode, reprovisioning count and BL1_2 enter the vHUK, "
                "and a difference in any of them raises no error"
            ),
            "to do: provision all dies alike",
        ),
    )


def _unknown(facts: Facts) -> Cause:
    return Cause(
        "for no known reason",
        (
            (
                "why: values that match no formula come from inputs that the board file does not "
                "describe: another GUK or HUK, another BL1_2, other firmware"
            ),
            (
                f"to do: compare the [HIL1] state lines of {_names(sorted(facts.fingerprints))}, and "
                "the images and provisioning messages that each of them was given"
            ),
        ),
    )


#: The first that applies is told; the last always does.
_CAUSES: Sequence[tuple[Callable[[Facts], bool], Callable[[Facts], Cause]]] = (
    (_policy_clear, _tell_policy),
    (_even_ids_from_2, _tell_reencryption),
    (_explained_by_inputs, _tell_inputs),
    (lambda _: True, _unknown),
)


def _tell(defect: KnownDefect, seen: str) -> Cause:
    return Cause(seen, (f"why: {defect.cause} [{defect.id}]", f"to do: {defect.todo}"))


def _names(rses: Sequence[int]) -> str:
    if len(rses) < 2:
        return "".join(f"RSE {rse}" for rse in rses)
    return f"RSE {', '.join(map(str, rses[:-1]))} and {rses[-1]}"
