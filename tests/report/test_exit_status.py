# SPDX-License-Identifier: Apache-2.0
"""Verdicts and exit statuses follow from the tests' statuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.report.exit_status import EXIT_STATUS, combined_status, heaviest, verdict_of
from hil.report.requirements import requirements
from hil.report.results import Status
from hil.report.run_record import Verdict

ROOT = Path(__file__).resolve().parents[2]
S = Status


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([S.PASS, S.SKIP], Verdict.PASS),
        ([S.PASS, S.FLAKY], Verdict.FLAKY),
        ([S.PASS, S.MISS], Verdict.ERROR),
        ([S.ERROR, S.FLAKY], Verdict.ERROR),
        ([S.MISS, S.FAIL, S.ERROR], Verdict.FAIL),
        ([S.SKIP], Verdict.NO_TESTS),
        ([], Verdict.NO_TESTS),
        ([S.XFAIL], Verdict.PASS),
    ],
)
def test_verdict(statuses: list[Status], verdict: Verdict) -> None:
    """A pass after a retry is never a plain pass; what is known of the product weighs most."""
    assert verdict_of(statuses) is verdict


def test_the_heaviest_class_decides() -> None:
    """Product before harness before infrastructure; each has an exit status of its own."""
    assert heaviest({None, "infrastructure", "harness", "product"}) == "product"
    assert heaviest({"infrastructure", "harness"}) == "harness"
    assert heaviest({None}) is None
    assert sorted(EXIT_STATUS.values()) == [1, 8, 9]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([0, 0], 0), ([0, 8], 8), ([8, 9], 9), ([9, 2], 2), ([8, 1, 2], 1), ([], 0), ([143, 8], 143)],
)
def test_several_runs_have_one_status(statuses: list[int], status: int) -> None:
    """The status that weighs most is that of all."""
    assert combined_status(statuses) == status


def test_every_requirement_is_known() -> None:
    """The testcases name requirements of the list only, and each of the list is named by one."""
    known = [requirement.id for requirement in requirements()]
    assert len(set(known)) == len(known)
    texts = [path.read_text() for path in (ROOT / "testcases").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'"(RSE-[A-Z-]+)"', text)}
    assert named == set(known)
