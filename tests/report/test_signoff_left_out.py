# SPDX-License-Identifier: Apache-2.0
"""What JUnit files say in places where readers do not look."""

from __future__ import annotations

from pathlib import Path

import pytest
from signoff_inputs import POLICY, holds, judged, junit, why

from hil.report.results import Status
from hil.report.signoff.junit_input import read_junit

GOOD = '<testcase classname="c" name="ok"/>'
FLAKY = '<testcase classname="c" name="ok"><flakyFailure/><flakyFailure/></testcase>'
SUITE = f'<testsuite name="s">{GOOD}</testsuite>'
RECORD = "run::record"

#: Files whose testcases all look like passes, and what they say nevertheless.
TOLD = {
    "GoogleTest 1.10, skipped": (
        '<testsuite><testcase classname="c" name="a" status="run" result="skipped"/></testsuite>',
        {"c::a": "SKIP"},
    ),
    "status failed": (
        '<testsuite><testcase classname="c" name="a" status="Failed"/></testsuite>',
        {"c::a": "FAIL"},
    ),
    "result error": (
        '<testsuite><testcase classname="c" name="a" result="error"/></testsuite>',
        {"c::a": "ERROR"},
    ),
    "a word that nobody knows": (
        '<testsuite><testcase classname="c" name="a" status="inconclusive"/></testsuite>',
        {"c::a": "ERROR"},
    ),
    "failed, and skipped": (
        '<testsuite><testcase classname="c" name="a" status="failed"><skipped/></testcase></testsuite>',
        {"c::a": "FAIL"},
    ),
    "timeout": (
        '<testsuite><testcase classname="c" name="a"><timeout/></testcase></testsuite>',
        {"c::a": "ERROR"},
    ),
    "disabled": (
        '<testsuite><testcase classname="c" name="a"><disabled/></testcase></testsuite>',
        {"c::a": "ERROR"},
    ),
    "another spelling": (
        '<testsuite><testcase classname="c" name="a"><Failure/></testcase></testsuite>',
        {"c::a": "ERROR"},
    ),
    "only testcases outside of suites": (
        '<testsuites><testcase classname="c" name="a"><failure/></testcase></testsuites>',
        {"c::a": "FAIL"},
    ),
    "a testcase beside the suites": (
        f'<testsuites>{SUITE}<testcase classname="c" name="a"><failure/></testcase></testsuites>',
        {"c::ok": "PASS", "c::a": "FAIL", RECORD: "ERROR"},
    ),
    "a failure of the suite": (
        f'<testsuite>{GOOD}<failure message="m"/></testsuite>',
        {"c::ok": "PASS", RECORD: "ERROR"},
    ),
    "an error of the suite, without testcases": (
        '<testsuites><testsuite name="s"><error message="m"/></testsuite></testsuites>',
        {RECORD: "ERROR"},
    ),
    "a suite in an element that nobody knows": (
        f"<testsuites>{SUITE}<group><testsuite>{GOOD}</testsuite></group></testsuites>",
        {"c::ok": "PASS", RECORD: "ERROR"},
    ),
    "failures that are counted": (
        f'<testsuite tests="5" failures="3" errors="2">{GOOD}</testsuite>',
        {"c::ok": "PASS", RECORD: "ERROR"},
    ),
    "failures that all suites count together": (
        f'<testsuites failures="1">{SUITE}</testsuites>',
        {"c::ok": "PASS", RECORD: "ERROR"},
    ),
    "tests that are counted": (
        f'<testsuite tests="2" failures="0">{GOOD}</testsuite>',
        {"c::ok": "PASS", RECORD: "ERROR"},
    ),
    "nothing but counters": ('<testsuites failures="1"/>', {RECORD: "ERROR"}),
}

#: Files in which everything is told in its place.
PLAIN = {
    "attempts are counted": (
        f'<testsuite tests="3" failures="2">{FLAKY}</testsuite>',
        "FLAKY",
    ),
    "Catch2 counts assertions": (
        f'<testsuite tests="40" failures="0" errors="0" hostname="tbd">{GOOD}</testsuite>',
        "PASS",
    ),
    "counted less than told": (f'<testsuite tests="0">{GOOD}</testsuite>', "PASS"),
    "counters that are no numbers": (f'<testsuite tests="x" errors="">{GOOD}</testsuite>', "PASS"),
    "suites within suites": (
        f'<testsuites tests="1"><testsuite tests="1">{SUITE}</testsuite></testsuites>',
        "PASS",
    ),
    "what is around the tests": (
        f"<testsuite>{GOOD}<system-out>failure</system-out><notes><note/></notes></testsuite>",
        "PASS",
    ),
    "CTest": (
        '<testsuite tests="1"><testcase classname="c" name="ok" status="run"/></testsuite>',
        "PASS",
    ),
}


def found(path: Path, text: str) -> dict[str, Status]:
    path.write_text(text)
    return {e.key: e.status for _, suite in read_junit(path) for e in suite}


@pytest.mark.parametrize("name", TOLD)
def test_what_a_file_says_anywhere_counts(tmp_path: Path, name: str) -> None:
    """Words, elements and counters that no reader looks at are no pass."""
    text, wanted = TOLD[name]
    assert found(tmp_path / "a.xml", text) == wanted


@pytest.mark.parametrize("name", PLAIN)
def test_ordinary_files_are_what_they_say(tmp_path: Path, name: str) -> None:
    """Attempts, assertions and notes are no lost tests."""
    text, wanted = PLAIN[name]
    assert found(tmp_path / "a.xml", text) == {"c::ok": wanted}


@pytest.mark.parametrize("more", ["", "other_tests: ignore\n"])
def test_a_file_that_contradicts_itself_does_not_hold(tmp_path: Path, more: str) -> None:
    """It fails as a run does whose record has lost results, and the reason stands in the verdict."""
    file = junit(tmp_path / "a.xml")
    assert judged(tmp_path, POLICY + more, file).holds
    file.write_text(file.read_text().replace("<testsuite ", "<testsuite failures='3' "))
    signoff = judged(tmp_path, POLICY + more, file)
    assert not signoff.holds
    assert holds(signoff) == "pass"
    assert "counts 3 failures and 0 errors, holds 0" in why(signoff, "other-tests")


def test_an_outer_suite_does_not_tell_again(tmp_path: Path) -> None:
    """What an inner suite has lost is told once, in the suite whose board it is about."""
    inner = f'<testsuite name="i" failures="2">{GOOD}</testsuite>'
    (tmp_path / "a.xml").write_text(
        f'<testsuites failures="2"><testsuite failures="2">{inner}</testsuite>{SUITE}</testsuites>'
    )
    told = [[e.key for e in suite] for _, suite in read_junit(tmp_path / "a.xml")]
    assert told == [["c::ok", RECORD], ["c::ok"]]


def test_many_things_out_of_place_take_no_time(tmp_path: Path) -> None:
    """A file of strange elements and many suites is read in one pass over it."""
    odd = "<x><failure/></x>" * 4_000
    path = tmp_path / "a.xml"
    path.write_text(f"<testsuites>{odd}{SUITE * 4_000}</testsuites>")
    suites = read_junit(path)
    assert len(suites) == 4_000
    assert "(and 3999 more)" in suites[0][1][-1].message
