# SPDX-License-Identifier: Apache-2.0
"""The causes that fit a case, most certain first."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hil.diagnosis.causes import CAUSES, Cause
from hil.diagnosis.evidence import Confidence, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.known_defects import KnownDefect, known_defect

_ORDER = list(Confidence)
#: Facts that mostly follow from a cause; they lead only where no cause is found.
_CONSEQUENCES = frozenset({"halted", "uart-silent"})
#: Causes that explain the very difference; two of them on one RSE doubt each other.
_SOLE = frozenset({
    "handshake-skipped", "reply-encrypted-in-place", "partial-arrays-bound", "other-key-derivation",
})  # fmt: skip


#: What holds whatever the release: an RSE printed it itself, or a value is another release's.
_PLAIN = frozenset({
    "bl2-waits-for-host", "crashed", "device-gone", "halted", "ids-exchanged", "image-refused",
    "no-reporter", "not-virgin", "other-firmware", "other-key-derivation", "release-not-as-told",
    "same-id-twice", "uart-silent",
})  # fmt: skip


#: Known defect that is there only where its number was printed in place of a code.
_CODE_LOST = "error-code-lost"


@dataclass(frozen=True)
class Ranked:
    """A cause that fits, and why."""

    cause: Cause
    suspicion: Suspicion
    confidence: Confidence
    #: Known defects of this release behind it.
    defects: tuple[KnownDefect, ...] = ()


def rank(facts: Facts) -> tuple[Ranked, ...]:
    """Return every cause that fits."""
    found = [
        Ranked(
            cause, suspicion, _capped(facts, cause, suspicion), _defects(facts, cause, suspicion)
        )
        for cause in CAUSES
        for suspicion in cause.look(facts)
        if suspicion.holds
    ]
    certain = {r.cause.id for r in found if r.confidence is Confidence.CERTAIN} & _SOLE
    if len(certain) > 1:
        # Two explanations of one thing: at most one of them can be the cause.
        found = [
            replace(r, confidence=Confidence.LIKELY) if r.cause.id in certain else r for r in found
        ]
    return tuple(
        sorted(
            found,
            key=lambda r: (
                r.cause.id in _CONSEQUENCES, _ORDER.index(r.confidence), -r.suspicion.score
            ),
        )
    )  # fmt: skip


def _defects(facts: Facts, cause: Cause, suspicion: Suspicion) -> tuple[KnownDefect, ...]:
    halts = [facts.seen[r].halt for r in suspicion.rses if r in facts.seen]
    lost = any(h is not None and h.code_lost for h in halts)
    known = (known_defect(name) for name in cause.defects if lost or name != _CODE_LOST)
    return tuple(defect for defect in known if facts.release.name in defect.releases)


def _capped(facts: Facts, cause: Cause, suspicion: Suspicion) -> Confidence:
    """Nothing is certain by the rules of a release that was only assumed, or that the logs deny."""
    confidence = suspicion.confidence
    certain = confidence is Confidence.CERTAIN
    if certain and not facts.release_known and cause.id not in _PLAIN:
        return Confidence.LIKELY
    return confidence


def leading_of(causes: tuple[Ranked, ...]) -> tuple[Ranked, ...]:
    """Return those that are as sure as the first; plain facts only where there is nothing else."""
    if not causes:
        return ()
    best, consequence = causes[0].confidence, causes[0].cause.id in _CONSEQUENCES
    leading = [
        r for r in causes if r.confidence is best and (r.cause.id in _CONSEQUENCES) == consequence
    ]
    return tuple(leading)


def todo_of(ranked: Ranked) -> str:
    """Return what to do about a cause: its own words, or those of the known defect."""
    return ranked.cause.todo or next((d.workaround for d in ranked.defects), "")
