# SPDX-License-Identifier: Apache-2.0
"""How evidence adds up to confidence."""

from __future__ import annotations

import pytest

from hil.diagnosis.evidence import Clues, Confidence


@pytest.mark.parametrize(
    ("notes", "confidence"),
    [
        (["proof"], Confidence.CERTAIN),
        (["proof", "against"], Confidence.CERTAIN),
        (["proof", "doubt"], Confidence.LIKELY),
        (["strong"], Confidence.LIKELY),
        (["strong", "strong", "doubt"], Confidence.POSSIBLE),
        (["weak", "weak", "weak"], Confidence.POSSIBLE),
    ],
    ids=" and ".join,
)
def test_confidence(notes: list[str], confidence: Confidence) -> None:
    """Certain takes a proof that nothing doubts; many weak signs stay weak."""
    clues = Clues()
    for note in notes:
        getattr(clues, note)("seen")
    suspicion = clues.suspicion("claim", [1])
    assert suspicion.holds
    assert suspicion.confidence is confidence


def test_what_is_excluded_does_not_hold() -> None:
    """No proof outweighs what cannot be; and without anything for it a cause does not hold."""
    clues = Clues()
    assert not clues.suspicion("claim", []).holds
    clues.proof("seen")
    clues.excludes("cannot be")
    assert not clues.suspicion("claim", []).holds


def test_order_follows_what_speaks_for_a_cause() -> None:
    """A strong sign outweighs several weak ones; what speaks against counts."""
    strong, weak, doubted = Clues(), Clues(), Clues()
    strong.strong("a")
    for text in "abc":
        weak.weak(text)
    doubted.strong("a")
    doubted.doubt("b")
    scores = [clues.suspicion("", []).score for clues in (strong, weak, doubted)]
    assert scores == [10, 3, 0]
