# SPDX-License-Identifier: Apache-2.0
"""The diagnosis of cases whose cause is known: how often it is right, and that it never lies.

In about a third of the views nothing decides between several causes (values alone, without state
lines, seeds and keys, cannot tell another GUK from another LCS), so that "several fit" is the best
answer there. The floors stand a little below what is reached now, so that a cause that stops being
found shows; `python -m benchmarks.diagnosis` prints the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from from_vectors import from_vectors
from labelled import AGREE, VIEWS, inputs_of, labelled, pairs, seen_as, situations
from recorded import recorded
from scoring import Score, named, score

from hil.diagnosis.causes import CAUSES
from hil.diagnosis.diagnose import diagnose

DATA = Path(__file__).resolve().parents[1] / "model" / "data"


def _check(found: Score, right: float, first_or_among: float) -> None:
    assert not found.false_certainties
    assert not found.wrong_rses
    assert found.share(found.right) >= right, found.lost
    assert found.share(found.right + found.several) >= first_or_among, found.lost


def test_computed_cases() -> None:
    """Every situation for 3 and 4 RSEs in every view: nothing wrong is certain, few are missed."""
    found = score(labelled((3, 4)))
    assert found.cases > 1000
    _check(found, 0.64, 0.99)


@pytest.mark.parametrize("amount", [2, 5, 8])
def test_computed_cases_of_other_sizes(amount: int) -> None:
    """The smallest system, an odd one and the largest, with all that can be told and with least."""
    views = [("all", True), ("values", False)]
    cases = (seen_as(s, shown, known=k) for s in situations(amount) for shown, k in views)
    _check(score(cases), 0.6, 0.94)


def test_with_all_lines_and_keys_nearly_every_cause_is_named() -> None:
    """What a bench of this project reports is enough: only a silent handshake stays undecided."""
    cases = [seen_as(s, "all", known=True) for n in (3, 4) for s in situations(n)]
    talking = [c for c in cases if any(b"[HIL1]" in log for log in c.logs.values())]
    found = score(talking)
    assert found.share(found.right) >= 0.98, found.lost


def test_recorded_cases(tmp_path: Path) -> None:
    """UART logs of virtual RSEs with one fault each: the cause is named, or among several."""
    found = score(recorded(tmp_path))
    assert found.cases > 90
    _check(found, 0.7, 0.97)


def test_cases_of_the_real_handshake_code() -> None:
    """Recorded runs of TF-M's own C code; a firmware that binds all bytes looks like another GUK."""
    found = score(
        case for path in sorted(DATA.glob("handshake-*.json")) for case in from_vectors(path)
    )
    assert found.cases > 50
    _check(found, 0.6, 0.95)


def test_all_cases_of_the_real_handshake_code(shared_dir: Path) -> None:
    """The same with every recorded run that there is."""
    paths = sorted((shared_dir / "vectors").glob("handshake-*.json"))
    found = score(case for path in paths for case in from_vectors(path))
    assert found.cases > 400
    _check(found, 0.7, 0.96)


@pytest.mark.parametrize("amount", [2, 3, 4])
def test_two_faults_at_once(amount: int) -> None:
    """Whatever two faults come together, nothing that is not there is called certain."""
    cases = [seen_as(s, shown, known=k) for s in pairs(amount) for shown, k in VIEWS]
    found = score(cases)
    assert found.cases > 400
    assert not found.false_certainties


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("2.2.2 N=4 nominal", {"reply-encrypted-in-place"}),
        ("2.3.1 N=4 policy clear on all", {"handshake-skipped"}),
        ("2.3.1 N=4 other-lcs on RSE 3", {"other-lcs"}),
        ("2.3.1 N=4 other-guk on RSE 3", {"other-guk"}),
        ("2.3.1 N=4 all bytes bound, order [1, 2, 3]", {"partial-arrays-bound"}),
    ],
)
def test_what_is_ruled_out_is_not_told(tmp_path: Path, name: str, left: set[str]) -> None:
    """With all lines and keys no second cause is offered beside the one that holds."""
    [found] = [s for s in situations(4) if s.name == name]
    told = diagnose(seen_as(found, "all", known=True).case(tmp_path))
    assert {ranked.cause.id for ranked in told.causes if ranked.confidence != "possible"} == left


def test_an_rse_that_the_cause_does_not_explain(tmp_path: Path) -> None:
    """LCS explains RSE 1; that RSE 3 differs too is said to be open."""
    [both] = [s for s in pairs(4) if s.name.endswith("other-lcs and other-guk on RSE 3")]
    found = diagnose(seen_as(both, "all", known=False).case(tmp_path))
    assert found.headline.startswith("RSE 1 and 3 differ from RSE 0 and 2: ")
    assert "LCS of RSE 1 differs" in found.headline
    assert found.headline.endswith("that does not explain RSE 3")


def _labels() -> Iterator[str]:
    for amount in (2, 4):
        for situation in situations(amount):
            yield situation.label


def test_every_cause_has_a_case() -> None:
    """Each cause is the label of a computed or recorded case, but for those of the lab itself."""
    from recorded import BENCHES

    labels = {*_labels(), *(bench.label for bench in BENCHES), "release-not-as-told"}
    untested = {cause.id for cause in CAUSES} - labels
    # These are tested one by one: what the lab does, OTP that is not virgin, SFCP, plain facts.
    alone = {"device-gone", "not-virgin", "halted", "uart-silent", "sfcp-key-setup-collides"}
    assert untested == alone
    assert labels - {cause.id for cause in CAUSES} == {AGREE}


def test_less_evidence_never_makes_surer(tmp_path: Path) -> None:
    """With values alone and no keys no input of the KDF is called certain."""
    cases = [seen_as(s, "values", known=False) for s in situations(4)]
    for case in cases:
        if case.label in {"other-guk", "other-lcs", "other-tp-mode", "other-reprovisioning"}:
            found = diagnose(case.case(tmp_path))
            assert {r.confidence for r in found.causes if r.cause.id == case.label} <= {
                "possible",
                "likely",
            }, case.name


def test_the_same_input_gives_the_same_words(tmp_path: Path) -> None:
    """Two diagnoses of one case are equal, word for word."""
    from hil.diagnosis.rendering import render

    for case in (seen_as(s, "all", known=True) for s in situations(3)):
        first, second = (render(diagnose(case.case(tmp_path))) for _ in range(2))
        assert first == second


def test_no_key_in_any_text(tmp_path: Path) -> None:
    """No HUK, GUK, seed or vHUK stands in what is told or kept, whatever the case."""
    import json

    from hil.diagnosis.rendering import render

    for situation in situations(3):
        keys = [key for c in situation.chips for key in (c.huk, c.guk, c.seed, *c.array)]
        keys += [c.vhuk for c in situation.chips if c.array]
        found = diagnose(seen_as(situation, "all", known=True).case(tmp_path))
        text = render(found) + json.dumps(found.to_dict())
        assert not [key for key in keys if key.hex() in text], situation.name


def test_views_cover_all_reports() -> None:
    """The views are every choice of report lines, each with and without the keys."""
    assert len(VIEWS) == len(set(VIEWS)) == 8
    assert inputs_of(4, "2.3.1").rses[3].huk is not None


def test_nothing_fits(tmp_path: Path) -> None:
    """An RSE whose value nothing explains, all else being excluded, is said to be unexplained."""
    good = next(s for s in situations(4) if s.name == "2.2.2 N=4 nominal")
    whole = [replace(chip, array=good.chips[0].array) for chip in good.chips]
    strange = replace(good, chips=(*whole[:3], replace(whole[3], given=b"?" * 32)))
    found = diagnose(seen_as(strange, "all", known=False).case(tmp_path))
    assert named(found) == "(none fits)"
    assert found.headline == "RSE 3 differs from RSE 0, 1 and 2: for no known reason"
