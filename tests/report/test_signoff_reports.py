# SPDX-License-Identifier: Apache-2.0
"""The verdict as text, HTML, JUnit, JSON and StrictDoc: the same, safe, and found in a minute."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from junit_schema import violations
from junitparser import JUnitXml
from signoff_inputs import BOTH, POLICY, Case, judged, junit, run_folder

from hil.errors import UsageError
from hil.report.signoff.junit_input import read_junit
from hil.report.signoff.text import render_text
from hil.report.signoff.writing import write_signoff

POLICY_2 = (
    POLICY
    + """\
  - {id: REQ-B, title: the second}
expected_failures:
  - {tests: ["tests/b.py::waived"], owner: me, reason: known since spring, expires: 2027-01-01}
"""
)
EVIL = "<script>alert(1)</script>&\"'\x1b[31m\x00\u202e"


def written(folder: Path, *paths: Path, policy: str = POLICY_2) -> Path:
    """Return the folder with all reports on some evidence."""
    write_signoff(judged(folder, policy, *paths), folder / "policy.yaml", folder / "out")
    return folder / "out"


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """Reports of a sign-off in which one test failed and another is waived."""
    cases = [
        BOTH[0],
        replace(BOTH[1], status="FAIL", message="RSE 1 differs"),
        Case("tests/b.py::good", req="REQ-B"),
        Case("tests/b.py::waived", "FAIL", req="REQ-B", message="as ever"),
    ]
    return written(tmp_path, junit(tmp_path / "a.xml", cases))


def test_text_says_in_a_minute_what_does_not_hold_and_why(failed: Path) -> None:
    """Verdict first, then the table, then each reason with its evidence."""
    lines = (failed / "signoff.txt").read_text().splitlines()
    assert lines[0] == "DOES NOT HOLD: a release (1 waived, 1 fail)"
    text = "\n".join(lines)
    assert re.search(r"^REQ-A +FAIL +the first$", text, re.MULTILINE)
    assert re.search(r"^REQ-B +waived +the second$", text, re.MULTILINE)
    assert "tests.test_a::test_a[rse1]: failed: RSE 1 differs" in text
    assert f"evidence: {failed.parent / 'a.xml'}" in text
    assert "accepted until 2027-01-01 by me" in text
    assert "covers 1 results): known since spring" in text


def test_json_says_the_same_with_the_evidence_of_each_test(failed: Path) -> None:
    """Machines find verdict, reasons, tests, and where in the archive the evidence stands."""
    value = json.loads((failed / "signoff.json").read_text())
    assert value["holds"] is False
    (column,) = value["columns"]
    assert {name: cell["holds"] for name, cell in column["cells"].items()} == {
        "REQ-A": "fail",
        "REQ-B": "waived",
    }
    test = column["cells"]["REQ-A"]["tests"][0]
    assert test["executions"][0]["evidence"] == "junit/00001-a.xml"
    assert column["firmware"]["images"] == {"tfm_s": ["a" * 64]}


def test_the_verdict_as_junit(failed: Path) -> None:
    """One testcase per requirement and board: failures fail, waivers are skipped with the reason."""
    (suite,) = JUnitXml.fromfile(str(failed / "signoff.junit.xml"))
    cases = {case.name: case for case in suite}
    assert cases["REQ-A"].is_failure
    assert cases["REQ-B"].is_skipped
    assert (suite.tests, suite.failures, suite.skipped) == (2, 1, 1)


def test_missing_is_an_error_in_junit(tmp_path: Path) -> None:
    """A board without evidence turns a pipeline red in every reader."""
    out = written(tmp_path, junit(tmp_path / "a.xml", board="other"))
    (suite,) = JUnitXml.fromfile(str(out / "signoff.junit.xml"))
    assert suite.errors == suite.tests == 2


def test_the_files_are_valid_for_jenkins(tmp_path: Path) -> None:
    """The schema of its xUnit plug-in refuses a whole file for one property in the wrong place."""
    statuses = ("FAIL", "ERROR", "MISS", "SKIP", "XFAIL")
    cases = [Case(f"a.py::{status}", status, req="REQ-A", message="m") for status in statuses]
    cases.append(Case(BOTH[0].id, earlier=2, req="REQ-A REQ-B"))
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml", cases), junit(tmp_path / "b.xml"))
    write_signoff(signoff, tmp_path / "policy.yaml", tmp_path / "out")
    for name in ("signoff.junit.xml", "merged.junit.xml"):
        assert violations(ET.parse(tmp_path / "out" / name).getroot()) == []
    again = read_junit(tmp_path / "out" / "merged.junit.xml")
    assert {e.req for _, suite in again for e in suite if "rse0" in e.key} == {("REQ-A", "REQ-B")}


def test_all_tests_merged(tmp_path: Path) -> None:
    """Every test once in each column, by its newest execution, the earlier ones within it."""
    old = junit(
        tmp_path / "old.xml",
        [BOTH[0], replace(BOTH[1], status="FAIL", message="then")],
        started="2026-11-20T10:00:00Z",
        run="r1",
    )
    new = junit(tmp_path / "new.xml", run="r2")
    other = junit(tmp_path / "other.xml", board="other", run="r3")
    out = written(tmp_path, old, new, other)
    suites = list(JUnitXml.fromfile(str(out / "merged.junit.xml")))
    assert [(suite.tests, suite.failures) for suite in suites] == [(2, 0), (2, 0)]
    text = (out / "merged.junit.xml").read_text()
    assert text.count("<flakyFailure") == 1
    assert 'message="then"' in text


class Page(HTMLParser):
    """Collects tags, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids |= {value or "" for name, value in attrs if name == "id"}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_needs_nothing_but_itself(failed: Path) -> None:
    """No script, no address on a network; every link leads to evidence or within the page."""
    page = Page((failed / "signoff.html").read_text())
    assert not {"script", "img", "link", "iframe"}.intersection(page.tags)
    assert "DOES NOT HOLD" in page.text
    assert "RSE 1 differs" in page.text
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert (failed / link).exists()


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path) -> None:
    """Markup and control characters in evidence reach no report as such."""
    # XML cannot hold NUL and ESC; the record of a run can.
    cases = [*BOTH, Case(f"tests/{EVIL}.py::{EVIL}", "FAIL", req="REQ-B", message=EVIL)]
    other = run_folder(tmp_path / "other", board=EVIL, toolchain=EVIL)
    out = written(tmp_path, run_folder(tmp_path / "run", cases, toolchain=EVIL), other)
    assert "script" not in Page((out / "signoff.html").read_text()).tags
    for name in ("signoff.txt", "signoff.html", "requirements.sdoc"):
        assert not re.search("[\x00\x1b\u202e]", (out / name).read_text()), name
    assert sum(suite.tests for suite in JUnitXml.fromfile(str(out / "merged.junit.xml"))) == 5


def test_strictdoc_reads_the_requirements(failed: Path) -> None:
    """Each requirement is a node with its id, its verdict on every board, and its tests."""
    text = (failed / "requirements.sdoc").read_text()
    assert text.startswith("[DOCUMENT]\nTITLE: a release\n")
    nodes = [
        dict(re.findall(r"^([A-Z]+): (.*)$", part, re.M)) for part in text.split("[REQUIREMENT]")
    ]
    assert [node["UID"] for node in nodes[1:]] == ["REQ-A", "REQ-B"]
    assert {node["STATUS"] for node in nodes[1:]} == {"Open"}
    assert "- test tests/test_a.py::test_a[rse{rse}]" in text


def test_reports_of_many_columns_stay_whole(tmp_path: Path) -> None:
    """Two image sets are two columns in the text table, each with its own verdict."""
    one = junit(tmp_path / "a.xml", run="r1")
    two = junit(tmp_path / "b.xml", BOTH[:1], run="r2", images={"tfm_s": "b" * 64})
    text = render_text(judged(tmp_path, POLICY, one, two))
    assert re.search(r"^REQ-A +(pass +MISSING|MISSING +pass) +the first$", text, re.MULTILINE)


def test_nothing_is_written_into_the_evidence(tmp_path: Path) -> None:
    """A folder within a run, and files of the same name, are refused before anything is written."""
    run = run_folder(tmp_path / "run")
    before = sorted(run.rglob("*"))
    signoff = judged(tmp_path, POLICY, run)
    with pytest.raises(UsageError, match="lies within the run"):
        write_signoff(signoff, tmp_path / "policy.yaml", run / "out")
    assert sorted(run.rglob("*")) == before
    file = junit(tmp_path / "merged.junit.xml")
    with pytest.raises(UsageError, match="would be written over"):
        write_signoff(judged(tmp_path, POLICY, file), tmp_path / "policy.yaml", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is one clear error."""
    (tmp_path / "out").write_text("x")
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml"))
    with pytest.raises(UsageError, match="out: cannot be written"):
        write_signoff(signoff, tmp_path / "policy.yaml", tmp_path / "out")
