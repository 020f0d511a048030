# SPDX-License-Identifier: Apache-2.0
"""How well the diagnosis does on labelled cases."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from labelled import AGREE, Labelled

from hil.diagnosis.diagnose import Diagnosis, Verdict, diagnose
from hil.diagnosis.evidence import Confidence

NONE = "(none fits)"


@dataclass
class Score:
    """Counts over cases.

    Attributes:
        right: The label is named first.
        several: The diagnosis says that several causes fit, and the label is among them.
        second: The label is the second cause of the ranking, and was not named.
        lost: None of these; the names of the cases.
        false_certainties: Cases in which something was called certain that is not so.
        wrong_rses: Cases whose label was named first, of another RSE.
        confusion: Label and what was named first, counted.
    """

    cases: int = 0
    right: int = 0
    several: int = 0
    second: int = 0
    none: int = 0
    lost: list[str] = field(default_factory=list)
    false_certainties: list[str] = field(default_factory=list)
    wrong_rses: list[str] = field(default_factory=list)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)

    def share(self, count: int) -> float:
        return count / max(1, self.cases)


def named(diagnosis: Diagnosis) -> str:
    """What the diagnosis names first."""
    if diagnosis.leading:
        return diagnosis.leading[0].cause.id
    return AGREE if diagnosis.verdict is Verdict.FINE else NONE


def is_right(diagnosis: Diagnosis, label: str) -> bool:
    """Whether the label is what the headline names, alone or beside others that are as certain."""
    if diagnosis.verdict is Verdict.SEVERAL:
        return False
    return label == named(diagnosis) or label in {r.cause.id for r in diagnosis.leading}


def score(cases: Iterable[Labelled]) -> Score:
    """Diagnose every case."""
    result = Score()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            add(result, case, diagnose(case.case(Path(folder))))
            for path in Path(folder).iterdir():
                path.unlink()
    return result


def add(result: Score, case: Labelled, diagnosis: Diagnosis) -> None:
    """Count one case."""
    first = named(diagnosis)
    result.cases += 1
    leading = [ranked.cause.id for ranked in diagnosis.leading]
    if diagnosis.verdict is Verdict.SEVERAL:
        result.confusion[case.label, "(several, it among them)" if case.label in leading else
                         "(several, it not among them)"] += 1  # fmt: skip
    else:
        result.confusion[case.label, case.label if is_right(diagnosis, case.label) else first] += 1
    ranking = list(dict.fromkeys(ranked.cause.id for ranked in diagnosis.causes))
    if is_right(diagnosis, case.label):
        result.right += 1
        told = {
            rse for r in diagnosis.leading if r.cause.id == case.label for rse in r.suspicion.rses
        }
        if case.who and told != case.who:
            result.wrong_rses.append(f"{case.name}: {sorted(told)}, not {sorted(case.who)}")
    elif diagnosis.verdict is Verdict.SEVERAL and case.label in leading:
        result.several += 1
    elif case.label in ranking[:2]:
        result.second += 1
    else:
        result.lost.append(f"{case.name}: {case.label}, not {first}")
    result.none += first == NONE
    certain = {r.cause.id for r in diagnosis.causes if r.confidence is Confidence.CERTAIN}
    # What an RSE printed itself is a fact, whatever the cause of it is.
    wrong = certain - case.truth - {"halted", "uart-silent"}
    if wrong:
        result.false_certainties.append(f"{case.name}: {', '.join(sorted(wrong))}")
