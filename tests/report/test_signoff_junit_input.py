# SPDX-License-Identifier: Apache-2.0
"""JUnit files of other harnesses, and files that nobody should read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from signoff_inputs import POLICY, judged, run_folder

from hil.errors import UsageError
from hil.report.results import Status
from hil.report.runs_view import find_runs
from hil.report.signoff import xml_reading
from hil.report.signoff.gathering import gather
from hil.report.signoff.junit_input import read_junit
from hil.report.signoff.matching import expanded, fits, key_of, key_of_case
from hil.report.signoff.policy import Foreign, Policy
from hil.report.signoff.policy_file import load_policy

PYTEST = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
<testsuite name="pytest" errors="0" failures="1" skipped="2" tests="4" time="0.1"
timestamp="2026-11-21T10:00:00.123456+01:00">
<testcase classname="tests.test_a.TestB" name="test_c[x::y/z.py]" time="0.1s"/>
<testcase classname="tests.test_a" name="f" time="1,000.0"><failure message="m">text</failure></testcase>
<testcase classname="tests.test_a" name="s"><skipped type="pytest.skip" message="why"/></testcase>
<testcase classname="tests.test_a" name="x"><skipped type="pytest.xfail" message="why"/></testcase>
</testsuite></testsuites>"""
CTEST = """<testsuite name="Linux-c++" tests="3" timestamp="2026-11-21T10:00:00">
<testcase name="ok" classname="ok" time="0.1" status="run"><system-out>x</system-out></testcase>
<testcase name="off" classname="off" time="0" status="disabled"/>
<testcase name="bad" classname="bad" status="fail"><failure message="Failed"/></testcase></testsuite>"""
GTEST = """<testsuites tests="2" name="AllTests"><testsuite name="Vhuk" tests="2">
<testcase name="Agrees" status="run" result="completed" timestamp="2026-11-21T10:00:00Z"
classname="Vhuk"/>
<testcase name="DISABLED_Off" status="notrun" result="suppressed" classname="Vhuk"/>
</testsuite></testsuites>"""
SUREFIRE = """<testsuite name="s"><testcase name="flaky" classname="c"><flakyFailure message="1"/>
<flakyError message="2"><stackTrace>t</stackTrace></flakyError></testcase>
<testcase name="failed" classname="c"><failure message="m"/><rerunFailure message="again"/></testcase>
</testsuite>"""
NESTED = """<testsuites><properties><property name="board" value="lab"/></properties><testsuite name="o">
<properties><property name="release" value="2.3.1"/></properties><testcase name="a" classname="c"/>
<testsuite name="i"><properties><property name="board" value="other"/></properties>
<testcase name="b"/></testsuite></testsuite></testsuites>"""


def found(path: Path, text: str | bytes) -> dict[str, Status]:
    """Return what a JUnit file says, by id."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {e.key: e.status for _, suite in read_junit(path) for e in suite}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            PYTEST,
            {
                "tests.test_a.TestB::test_c[x::y/z.py]": "PASS",
                "tests.test_a::f": "FAIL",
                "tests.test_a::s": "SKIP",
                "tests.test_a::x": "XFAIL",
            },
        ),
        (CTEST, {"ok::ok": "PASS", "off::off": "SKIP", "bad::bad": "FAIL"}),
        (GTEST, {"Vhuk::Agrees": "PASS", "Vhuk::DISABLED_Off": "SKIP"}),
        (SUREFIRE, {"c::flaky": "FLAKY", "c::failed": "FAIL"}),
        (NESTED, {"c::a": "PASS", "i::b": "PASS"}),
    ],
    ids=["pytest", "ctest", "gtest", "surefire", "nested"],
)
def test_dialects(tmp_path: Path, text: str, wanted: dict[str, str]) -> None:
    """pytest, CTest, GoogleTest, Surefire and nested suites say what they mean."""
    assert found(tmp_path / "a.xml", text) == wanted


def test_attempts_of_a_flaky_test_are_counted(tmp_path: Path) -> None:
    """Two failed attempts and a pass are three attempts, two of them not clean."""
    (tmp_path / "a.xml").write_text(SUREFIRE)
    flaky, failed = read_junit(tmp_path / "a.xml")[0][1]
    assert (flaky.attempts, flaky.unclean) == (3, 2)
    assert (failed.attempts, failed.unclean) == (2, 2)


def test_properties_of_outer_suites_hold_within(tmp_path: Path) -> None:
    """An inner suite has the properties of what is around it, and its own before them."""
    (tmp_path / "a.xml").write_text(NESTED)
    columns = [source.column for source, _ in read_junit(tmp_path / "a.xml")]
    assert [(c.board, c.release) for c in columns] == [("lab", "2.3.1"), ("other", "2.3.1")]


def test_the_policy_says_what_a_foreign_file_does_not(tmp_path: Path) -> None:
    """Board, release and toolchain of files by their names; a file's own word counts more."""
    rules = [Foreign(files="ctest-*.xml", board="host", release="2.3.1", toolchain="gcc")]
    for name, board in (("ctest-1.xml", "host"), ("else.xml", "")):
        (tmp_path / name).write_text(CTEST)
        assert read_junit(tmp_path / name, rules)[0][0].column.board == board


def test_a_file_of_no_board_is_remarked(tmp_path: Path) -> None:
    """Its tests count nowhere, and the report says so."""
    (tmp_path / "a.xml").write_text(CTEST)
    signoff = judged(tmp_path, POLICY, tmp_path / "a.xml")
    assert any("says no board; 3 testcases count nowhere" in line for line in signoff.remarks)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """Any encoding that XML readers know is read."""
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = f'<?xml version="1.0" encoding="{name}"?>'
    text += '<testsuite><testcase name="ü" classname="c"/></testsuite>'
    assert found(tmp_path / "a.xml", text.encode(encoding)) == {"c::ü": "PASS"}


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]><testsuite name='&m;'/>"
)
HOSTILE = {
    "billion laughs": (LAUGHS, "document type"),
    "quadratic": (
        f'<!DOCTYPE q [<!ENTITY a "{"x" * 50000}">]><t>{"&a;" * 5000}</t>',
        "document type",
    ),
    "external": (
        '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><t>&x;</t>',
        "document type",
    ),
    "external dtd": ('<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x"><testsuite/>', "document type"),
    "deep": ("<testsuite>" * 100_000, "32 deep"),
    "many attributes": (f"<testsuite name='{'x' * (2 << 20)}'/>", "attributes of more than"),
    "torn": (PYTEST[:300], "not XML: unclosed token"),
    "empty": ("", "not XML: no element found"),
    "no XML": ("tests passed", "not XML: syntax error"),
    "control characters": ("<testsuite>\x1b[31m\x00</testsuite>", "not XML: not well-formed"),
    "unknown encoding": ('<?xml version="1.0" encoding="klingon"?><testsuite/>', "not XML"),
    "wrong encoding": ('<?xml version="1.0" encoding="utf-16"?><testsuite/>', "not XML"),
    "broken UTF-8": (b"<testsuite name='\xff\xfe\xfd'/>", "not XML: not well-formed"),
    "multi-byte": ('<?xml version="1.0" encoding="utf-7"?><testsuite/>', "not XML"),
    "another document": ("<html><body/></html>", "no JUnit file: <html>"),
    "undefined entity": ("<testsuite>&nbsp;</testsuite>", "not XML: undefined entity"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_clear_error(tmp_path: Path, name: str) -> None:
    """Bombs, torn files and broken encodings end at once in one line that names the file."""
    text, told = HOSTILE[name]
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    begun = time.process_time()
    with pytest.raises(UsageError) as error:
        read_junit(path)
    assert str(path) in str(error.value)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert time.process_time() - begun < 20  # a bomb would take hours


def test_a_huge_file_is_refused_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of size holds whatever the file says of itself, and so does that of elements."""
    path = tmp_path / "a.xml"
    path.write_text("<testsuite>" + "<testcase name='a'/>" * 1000 + "</testsuite>")
    monkeypatch.setattr(xml_reading, "MAX_ELEMENTS", 100)
    with pytest.raises(UsageError, match="more than 100 elements"):
        read_junit(path)
    monkeypatch.setattr(xml_reading, "MAX_BYTES", 1000)
    with pytest.raises(UsageError, match="larger than"):
        read_junit(path)


def test_output_of_tests_is_not_kept_in_memory(tmp_path: Path) -> None:
    """Megabytes of output, and results written within it, change no verdict."""
    path = tmp_path / "a.xml"
    text = "<system-out>" + "x" * 100_000 + "<failure/></system-out>"
    path.write_text(f"<testsuite><testcase name='a' classname='c'>{text}</testcase></testsuite>")
    assert list(xml_reading.read_xml(path).iter("system-out")) == []
    assert found(path, path.read_text()) == {"c::a": "PASS"}


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    """A folder without runs, a missing file and a record that is none are named."""
    (tmp_path / "p.yaml").write_text(POLICY)
    policy: Policy = load_policy(tmp_path / "p.yaml")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("[]")
    for name, told in (("empty", "no run"), ("gone", "no run and no file"), ("bad", "run.json")):
        with pytest.raises(UsageError, match=told):
            gather([tmp_path / name], policy)


def test_runs_are_found_where_others_find_them(tmp_path: Path) -> None:
    """What `hil runs` shows is not left out: the runs of several boards lie one folder deeper."""
    (tmp_path / "p.yaml").write_text(POLICY)
    run_folder(tmp_path / "runs" / "20260101T000000Z-lab")
    run_folder(tmp_path / "runs" / "benches-1" / "20260102T000000Z-lab")
    evidence = gather([tmp_path / "runs"], load_policy(tmp_path / "p.yaml"))
    shown = {run.name for run in find_runs(tmp_path / "runs")}
    assert {source.path.name for source in evidence.sources} == shown
    assert len(shown) == 2


def test_ids_are_one_whoever_writes_them() -> None:
    """A node id of pytest and the class name of a JUnit file are the same test."""
    assert key_of("a/test_b.py::TestC::test_d[x::y]") == "a.test_b.TestC::test_d[x::y]"
    assert key_of_case("a.test_b.TestC", "test_d[x::y]") == "a.test_b.TestC::test_d[x::y]"
    assert key_of("target::psa::crypto::T1[rse0]") == key_of_case("target.psa.crypto", "T1[rse0]")
    assert key_of("plain") == "plain"


def test_patterns_take_brackets_as_they_are() -> None:
    """Only * is special: the brackets of a parametrised test stand for themselves."""
    assert fits("a::t[rse0]", ["a::t[rse0]"])
    assert fits("a::t[bl1_2-rse0]", ["a::t[*rse0]"])
    assert not fits("a::tr", ["a::t[rse0]"])
    assert expanded(["a/b.py::t[rse{rse}]"], 2) == ["a.b::t[rse0]", "a.b::t[rse1]"]
