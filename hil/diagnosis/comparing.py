# SPDX-License-Identifier: Apache-2.0
"""Comparisons that several causes make."""

from __future__ import annotations

from hil.diagnosis.evidence import Clues
from hil.diagnosis.facts import Facts
from hil.diagnosis.words import names
from hil.model.hypotheses import Hypothesis
from hil.model.system_inputs import SERVER


def same_bl1_2(f: Facts) -> bool:
    """Tell whether all that reported a fingerprint reported one BL1_2 too."""
    told_by = set(f.fingerprints) <= set(f.states)
    return told_by and len({state.bl1_2 for state in f.states.values()}) == 1


def any_formula(f: Facts) -> bool:
    """Tell whether some fingerprint matches some formula."""
    return any(e.hypothesis is not Hypothesis.UNKNOWN for e in f.explanations.values())


def own_seed_as_known(f: Facts) -> bool:
    """Tell whether slot 0 of RSE 0 holds the seed of its HUK in the board file."""
    return f.first_seeds.get(SERVER, "") == f.expected_seeds.get(SERVER, "-")


def note_slot_0(f: Facts, clues: Clues) -> None:
    """Note whether the RSEs that differ ended with another seed 0, which alone would explain it."""
    rest = sorted(f.first_seeds.keys() - set(f.odd))
    if not rest:
        return
    usual = f.first_seeds[rest[0]]
    other = [rse for rse in f.odd if f.first_seeds.get(rse, usual) != usual]
    if other:
        clues.excludes(
            f"slot 0 of {names(other)} is not the seed of RSE 0, which alone explains it"
        )
