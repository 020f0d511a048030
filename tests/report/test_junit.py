# SPDX-License-Identifier: Apache-2.0
"""The JUnit file can always be read back, fits its readers, and says who has to act."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junit_schema import violations
from junitparser.xunit2 import JUnitXml
from run_builders import attempt, case, written

from hil.report.junit import write_junit, xml_text
from hil.report.junit_properties import from_output, in_output
from hil.report.recorded import read_record
from hil.report.result_lines import result_line
from hil.report.results import Status
from hil.report.run_record import RunRecord
from hil.report.xml_text import Room, cut

WHERE = "testcases/boot/test_a.py::test_x"


def tree(path: Path) -> ET.Element:
    return ET.parse(path).getroot()


@given(st.one_of(st.text(), st.binary()))
def test_any_text_survives_xml(text: str | bytes) -> None:
    """Whatever a UART sends, the XML reader gives back what was written, in text and attribute."""
    told = xml_text(text)
    element = ET.Element("x", a=told)
    element.text = told
    read = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    assert (read.text or "") == told
    assert read.get("a") == told
    assert xml_text(told) == told


@settings(max_examples=25, deadline=None)
@given(noise=st.binary(max_size=300), statuses=st.lists(st.sampled_from(["MISS", "FAIL", "PASS"])))
def test_any_bytes_make_a_valid_file(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, statuses: list[str]
) -> None:
    """Random bytes in every text, and any sequence of attempts: the file keeps to its schema."""
    text = noise.decode("latin-1")
    attempts = [
        attempt(Status(s), n, message=text, text=text, output=text, properties={"p" + text: text})
        for n, s in enumerate([*statuses, "PASS"], 1)
    ]
    folder = tmp_path_factory.mktemp("run")
    run = written(folder, case(WHERE + text, *attempts, req=(text,)))
    for strict in (True, False):
        write_junit(folder / "x.xml", run, properties_in_cases=not strict)
        assert not violations(tree(folder / "x.xml"), properties_in_cases=not strict)
        [suite] = JUnitXml.fromfile(str(folder / "x.xml"))
        assert suite.tests == 1


def test_classes_of_failure(tmp_path: Path) -> None:
    """The product's failures are failures; those of lab and harness are errors with their class."""
    run = written(
        tmp_path,
        case(f"{WHERE}[rse0]", attempt(Status.PASS, seconds=0.5)),
        case(f"{WHERE}[rse1]", attempt(Status.FAIL, message="\x1b[31mno\0")),
        case(f"{WHERE}[rse2]", attempt(Status.MISS, message="gone")),
        case(f"{WHERE}[rse3]", attempt(Status.SKIP, message="not here")),
        case(f"{WHERE}[rse4]", attempt(Status.XFAIL, message="known")),
        case(f"{WHERE}[rse5]", attempt(Status.ERROR, message="broken")),
    )
    write_junit(run.junit, run)
    [suite] = JUnitXml.fromfile(str(run.junit))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 1, 2, 2)
    cases = {c.name: c for c in suite}
    assert cases["test_x[rse0]"].classname == "testcases.boot.test_a"
    assert cases["test_x[rse1]"].result[0].message == "no\\x00"
    kinds = {name: c.result[0].type for name, c in cases.items() if c.result}
    assert kinds == {
        "test_x[rse1]": "product",
        "test_x[rse2]": "infrastructure",
        "test_x[rse3]": "pytest.skip",
        "test_x[rse4]": "pytest.xfail",
        "test_x[rse5]": "harness",
    }


def test_earlier_attempts_are_kept_in_one_testcase(tmp_path: Path) -> None:
    """A pass after a retry is flaky, a failure after one is a rerun; never two testcases."""
    missed = attempt(Status.MISS, 1, message="probe gone", text="all of it", output="[INF] rse0")
    run = written(
        tmp_path,
        case(f"{WHERE}[rse0]", missed, attempt(Status.PASS, 2)),
        case(f"{WHERE}[rse1]", missed, attempt(Status.FAIL, 2, message="refused")),
    )
    write_junit(run.junit, run)
    [suite] = JUnitXml.fromfile(str(run.junit))
    flaky, failed = suite
    [earlier] = flaky.flaky_errors()
    assert (earlier.type, earlier.message, earlier.stack_trace, earlier.system_out) == (
        "infrastructure", "probe gone", "all of it", "[INF] rse0",
    )  # fmt: skip
    assert flaky.is_passed
    assert not flaky.is_rerun
    assert len(failed.rerun_errors()) == 1
    assert failed.result[0].type == "product"
    assert from_output(flaky.system_out)["status"] == "FLAKY"


def test_what_a_test_proves_stands_beside_it(tmp_path: Path) -> None:
    """Requirements, RSE, defects and attempts are properties, in either dialect."""
    test = case(
        f"{WHERE}[rse1]", attempt(Status.PASS), rse=1, req=("R-1", "R-2"), defects=("late",)
    )
    run = written(tmp_path, test)
    write_junit(run.junit, run, properties_in_cases=True)
    [suite] = JUnitXml.fromfile(str(run.junit))
    found = {p.name: p.value for p in next(iter(suite)).properties()}
    assert found["req"] == "R-1,R-2"
    assert found["id"] == f"{WHERE}[rse1]"
    assert (found["rse"], found["known_defect"], found["attempts"]) == ("1", "late", "1")
    write_junit(run.junit, run)
    [suite] = JUnitXml.fromfile(str(run.junit))
    output = next(iter(suite)).system_out
    assert output.splitlines()[1] == "[[PROPERTY|req=R-1,R-2]]"
    assert from_output(output) == found


def test_a_device_cannot_give_a_test_a_property() -> None:
    """Only what stands before the blank line is one, whatever the UART says after it."""
    told = in_output({"id": "a::b", "cause": "one\ntwo ]] three"})
    assert from_output(told + "[[PROPERTY|req=R-1]]\n") == {
        "id": "a::b",
        "cause": "one two ]] three",
    }
    assert from_output("[INF] [[PROPERTY|req=R-1]]\n") == {}


def test_the_suite_says_what_was_tested(tmp_path: Path) -> None:
    """Board, release, images with digests, tools, probes and seed are properties of the suite."""
    image = {"name": "bl2", "rse": 0, "sha256": "ab" * 32, "sha256_on_device": "ab" * 32}
    run = written(
        tmp_path,
        case(WHERE, attempt(Status.PASS)),
        images=[image | {"how": "read-back", "version": "2.3.1"}],
        tools={"pyocd": "0.46.0"},
        probes={"0": "L1"},
        random_seed=7,
        toolchain="GNUARM 13.2.1",
    )
    write_junit(run.junit, run)
    [suite] = JUnitXml.fromfile(str(run.junit))
    found = {p.name: p.value for p in suite.properties()}
    wanted = {
        "target.id": "b",
        "tfm.release": "2.3.1",
        "tfm.toolchain": "GNUARM 13.2.1",
        "image.bl2.rse0.sha256": "ab" * 32,
        "image.bl2.rse0.version": "2.3.1",
        "image.seen_on_device": "true",
        "tool.pyocd": "0.46.0",
        "probe.rse0": "L1",
        "run.random_seed": "7",
    }
    assert wanted.items() <= found.items()
    assert found["image.digest"] == run.image_digest


def test_no_two_testcases_have_one_name(tmp_path: Path) -> None:
    """GitLab counts only the first of equal names, so that none are equal."""
    run = written(
        tmp_path,
        case("a/b.py::test", attempt(Status.PASS)),
        case("a.b::test", attempt(Status.FAIL, message="x")),
        case("target::Secure::S::T1[rse0]", attempt(Status.PASS), on_target=True),
        case("target::Secure::S::T1[rse1]", attempt(Status.PASS), on_target=True),
    )
    write_junit(run.junit, run)
    cases = tree(run.junit).iter("testcase")
    names = [(c.get("classname"), c.get("name")) for c in cases]
    assert len(set(names)) == 4
    assert names[2:] == [("target.Secure.S", "T1[rse0]"), ("target.Secure.S", "T1[rse1]")]


def test_a_file_stays_below_the_limits_of_its_readers(tmp_path: Path) -> None:
    """Texts of many failed tests are cut, with a note, so that GitLab's 30 MB are not reached."""
    big = "x" * 400_000
    tests = [
        case(f"t.py::test_{n}", attempt(Status.FAIL, message=big, text=big, output=big))
        for n in range(400)
    ]
    run = written(tmp_path, *tests)
    write_junit(run.junit, run)
    assert run.junit.stat().st_size < 30_000_000
    first = next(tree(run.junit).iter("testcase"))
    assert len(first.findtext("failure") or "") < 51_000
    assert "characters left out" in (first.findtext("failure") or "")
    assert len(list(tree(run.junit).iter("failure"))) == 400


def test_what_is_cut_keeps_its_ends() -> None:
    """Beginning and end say most."""
    told = cut("a" * 500 + "b" * 500, 90)
    assert told.startswith("a" * 30 + "\n")
    assert told.endswith("\n" + "b" * 60)
    assert Room(100).take("z" * 900, 500).count("z") == 200


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """No half file is left that a reader could take for a whole one."""
    run = written(tmp_path, case(WHERE, attempt(Status.PASS)))
    place = tmp_path / "folder"
    place.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_junit(place, run)
    assert not list(tmp_path.glob(".*"))


def test_a_killed_run_does_not_look_like_a_pass(tmp_path: Path) -> None:
    """The test in which it was killed is an error of the file that is made afterwards."""
    record = RunRecord.create(tmp_path, "b")
    test = case(WHERE, attempt(Status.PASS))
    record.result(result_line(test, test.last))
    record.event("test begins", id="t.py::slow", attempt=1)
    record.update(pid=2**30)
    run = read_record(record.folder)
    write_junit(run.junit, run)
    [suite] = JUnitXml.fromfile(str(run.junit))
    assert (suite.tests, suite.errors) == (2, 1)
    assert [c.name for c in suite if not c.is_passed] == ["slow"]
