# SPDX-License-Identifier: Apache-2.0
"""The file of known defects is whole, and a mistake in it names the defect and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.diagnosis.causes import CAUSES
from hil.diagnosis.known_defects import PATH, known_defects, read_defects
from hil.errors import UsageError
from hil.model.releases import RELEASES, release_for

GOOD = """
[[defect]]
id = "some-defect"
releases = ["2.2.x"]
symptom = "s"
cause = "c"
workaround = "w"
upstream = ["59308ae74"]
source = "x.c"
"""


def test_all_nine_defects_and_ten_traps_are_there() -> None:
    """D1 to D9 once each, traps 1 to 10 at least once each."""
    defects = list(known_defects().values())
    assert sorted(d.number for d in defects if d.number) == [f"D{n}" for n in range(1, 10)]
    assert {d.trap for d in defects} - {0} == set(range(1, 11))


def test_releases_of_defects_exist() -> None:
    """Every release of a defect is a row, and the release that mended it has it no more."""
    rows = {row.name for row in RELEASES}
    for defect in known_defects().values():
        assert set(defect.releases) <= rows
        if defect.fixed_in:
            assert release_for(defect.fixed_in).name not in defect.releases, defect.id


def test_defects_agree_with_the_release_table() -> None:
    """What the model computes and what the list of defects says are one opinion."""
    for row in RELEASES:
        defects = {d.id for d in known_defects().values() if row.name in d.releases}
        assert ("reply-encrypted-in-place" in defects) == row.reencrypts_in_place
        assert ("no-handshake-timeout" in defects) == (not row.reports_missing_peer)
        assert ("handshake-not-provisioned" in defects) == row.policy_gated
        assert ("only-seed-0-bound" in defects) == (row.bound_bytes(2) == 32)


def test_causes_name_defects_that_exist() -> None:
    """Each defect that a cause names is in the file; ids of causes are unique; all say what to do."""
    known = known_defects()
    assert len({cause.id for cause in CAUSES}) == len(CAUSES)
    for cause in CAUSES:
        assert set(cause.defects) <= known.keys(), cause.id
        assert cause.confirm
        assert cause.todo or cause.defects, cause.id


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("2.2.x", "2.9"), "defect 1 (some-defect): releases: no release '2.9'"),
        (('symptom = "s"\n', ""), "defect 1 (some-defect): symptom: missing"),
        (('cause = "c"', "cause = 3"), "defect 1 (some-defect): cause: expected a text, got 3"),
        (("59308ae74", "zzz"), "upstream: 'zzz' is no commit"),
        (("source", "sauce"), "sauce: no such field"),
        (("some-defect", "Some Defect"), "id: 'Some Defect': expected words of small letters"),
        (('"s"', '"s'), "known.toml: "),
        (("[[defect]]", "[[defects]]"), "expected tables [[defect]], found none"),
        (('source = "x.c"', 'source = "x.c"\ntrap = 11'), "trap: expected a number from 1 to 10"),
    ],
)
def test_a_mistake_names_defect_and_field(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    """Whoever adds a defect is told what is wrong with it, and where."""
    path = tmp_path / "known.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(UsageError) as error:
        read_defects(path)
    assert told in str(error.value)


def test_an_id_may_be_used_once(tmp_path: Path) -> None:
    """Two defects with one id are refused."""
    path = tmp_path / "known.toml"
    path.write_text(GOOD + GOOD)
    with pytest.raises(UsageError, match="defect 2: id: 'some-defect' is there twice"):
        read_defects(path)


def test_the_file_is_the_shipped_one() -> None:
    """The file lies beside the code that reads it."""
    assert PATH.is_file()
    assert read_defects(PATH) == dict(known_defects())
