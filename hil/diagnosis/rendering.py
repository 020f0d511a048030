# SPDX-License-Identifier: Apache-2.0
"""A diagnosis as people read it: the sentence, the table of RSEs, the causes with their evidence."""

from __future__ import annotations

from hil.diagnosis.diagnose import Diagnosis, Verdict
from hil.diagnosis.facts import Facts
from hil.diagnosis.ranking import Ranked, todo_of
from hil.model.hypotheses import Hypothesis

#: Causes that are told in full; of the others one line.
_FULL = 3


def render(diagnosis: Diagnosis) -> str:
    """Return the diagnosis; its first line is the one sentence."""
    lines = [diagnosis.headline, table(diagnosis.facts)]
    if diagnosis.verdict is Verdict.SEVERAL:
        lines.append("several causes fit, and nothing that was seen decides between them")
    elif diagnosis.verdict is Verdict.NONE:
        lines += _none(diagnosis)
    elif diagnosis.verdict is Verdict.FINE:
        lines.append("nothing to explain")
    full = max(_FULL, len(diagnosis.leading)) if len(diagnosis.leading) <= _FULL else 1
    for ranked in diagnosis.causes[:full]:
        lines += _cause(ranked)
    if rest := diagnosis.causes[full:]:
        lines.append("other causes that fit:")
        lines += [
            f"  {r.cause.id} ({r.confidence}): {r.suspicion.claim}; to confirm: {r.cause.confirm}"
            for r in rest
        ]
    lines += [f"warning: {text}" for text in diagnosis.warnings]
    lines += [f"note: {text}" for text in diagnosis.notes]
    return "\n".join(lines)


def table(facts: Facts) -> str:
    """Return one line for each RSE: its fingerprint, the formula it matches, or where it stands."""
    return "\n".join(_row(facts, rse) for rse in range(facts.amount))


def _row(facts: Facts, rse: int) -> str:
    seen = facts.seen.get(rse)
    if seen is None:
        return f"  RSE {rse}  (not recorded)"
    fingerprint = facts.fingerprints.get(rse)
    stands = f"reached {seen.stage or 'nothing'}"
    if seen.halt is not None:
        stands += f", halted: {seen.halt.text}"
    elif seen.crash is not None:
        stands += f", crashed: {seen.crash.text}"
    elif seen.silent:
        stands = "UART silent"
    if fingerprint is None:
        return f"  RSE {rse}  (no fingerprint reported)  {stands}"
    explanation = facts.explanations[rse]
    told = str(explanation).partition(": ")[2]
    as_reported = facts.explanations_as_reported[rse]
    if explanation.hypothesis is Hypothesis.UNKNOWN is not as_reported.hypothesis:
        told = f"{str(as_reported).partition(': ')[2]}, with the state that it reports"
    if not facts.computable and facts.explanations[rse].hypothesis is Hypothesis.UNKNOWN:
        told = "(keys not known)"
    state = facts.states.get(rse)
    shown = (
        f"  lcs={state.lcs:x} tp={state.tp:x} reprov={state.reprov:x} bl1_2={state.bl1_2} "
        f"policy={state.policy:x}"
        if state
        else ""
    )
    return f"  RSE {rse}  {fingerprint}  {told}{shown}"


def _cause(ranked: Ranked) -> list[str]:
    lines = [f"cause {ranked.cause.id} ({ranked.confidence}): {ranked.suspicion.claim}"]
    lines += [f"  for: {e.text} ({e.weight})" for e in ranked.suspicion.pro]
    lines += [f"  against: {e.text}" for e in ranked.suspicion.con]
    lines += [f"  why: {d.cause} [{d.id}]" for d in ranked.defects[:1]]
    lines.append(f"  to confirm: {ranked.cause.confirm}")
    lines.append(f"  to do: {todo_of(ranked)}")
    return lines


def _none(diagnosis: Diagnosis) -> list[str]:
    facts = diagnosis.facts
    lines = ["no known cause fits"]
    if facts.fingerprints:
        lines += [
            (
                "  why: values that match no formula come from inputs that the board file does not "
                "describe: another GUK or HUK, another BL1_2, other firmware"
            ),
            (
                "  to do: compare the [HIL1] state lines of all RSEs, and the images and provisioning "
                "messages that each of them was given"
            ),
        ]
    else:
        lines.append("  to do: look at the last lines above; a debugger says where each RSE stands")
    return lines
