# SPDX-License-Identifier: Apache-2.0
"""Evidence that looks good and is not: damaged or killed runs, forged times, output of a device."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from signoff_inputs import BOTH, POLICY, TODAY, Case, holds, judged, junit, run_folder, why

from hil.bench.yaml_source import read_yaml
from hil.errors import UsageError
from hil.report.junit import write_junit
from hil.report.recorded import read_record
from hil.report.signoff.matching import fits
from hil.report.signoff.signing import load_private_key
from hil.report.signoff.text import render_text
from hil.report.signoff.verifying import verify_bundle
from hil.report.signoff.writing import write_signoff

BAD = [Case(case.id, "FAIL", message="real") for case in BOTH]
LIMIT = POLICY.replace('"]}', '"], stage_limits: {vhuk: 5}}')


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A read that waits for ever fails the test."""
    signal.alarm(20)
    yield
    signal.alarm(0)


def test_what_is_dated_in_the_future_supersedes_nothing(tmp_path: Path) -> None:
    """Without a maximal age too: neither before a failure of today nor alone."""
    future = junit(tmp_path / "f.xml", started="2030-01-01T00:00:00Z", run="f")
    assert holds(judged(tmp_path, POLICY, future)) == "stale"
    assert "still to come" in why(judged(tmp_path, POLICY, future))
    assert holds(judged(tmp_path, POLICY, future, junit(tmp_path / "b.xml", BAD))) == "fail"


def test_stage_times_of_the_future_or_of_nobody_are_none(tmp_path: Path) -> None:
    """A stage time counts only from a run that counts, and only if it is a time."""
    ahead = run_folder(tmp_path / "a", started="2031-01-01T00:00:00Z", stages={"vhuk": 1.0})
    assert holds(judged(tmp_path, LIMIT, ahead, run_folder(tmp_path / "b"))) == "missing"
    for number, seconds in enumerate((float("nan"), float("-inf"), -5.0)):
        run = run_folder(tmp_path / f"n{number}", stages={"vhuk": seconds})
        assert holds(judged(tmp_path, LIMIT, run)) == "missing", seconds


def test_a_stage_must_be_reached_on_every_rse(tmp_path: Path) -> None:
    """One RSE in time does not stand for another that says nothing."""
    signoff = judged(tmp_path, LIMIT, run_folder(tmp_path / "a", stages={"vhuk": 1.0}, rses=[0]))
    assert holds(signoff) == "missing"
    assert "no run tells its time on RSE 1" in why(signoff)


@pytest.mark.parametrize("verdict", ["killed", "interrupted", "running"])
@pytest.mark.parametrize("more", ["", "repeats: {policy: all-must-pass}\n"])
def test_a_test_in_which_a_run_ended_did_not_pass(tmp_path: Path, verdict: str, more: str) -> None:
    """The older pass of that test does not count any more, whatever it was that ended the run."""
    good = run_folder(tmp_path / "good", started="2026-11-21T09:00:00Z")
    ended = run_folder(
        tmp_path / "ended", BOTH[:1], verdict=verdict, started="2026-11-21T11:00:00Z"
    )
    (ended / "events.jsonl").write_text(json.dumps({"kind": "test begins", "id": BOTH[1].id}))
    signoff = judged(tmp_path, POLICY + more, good, ended)
    assert holds(signoff) == "fail"
    assert f"the run was {verdict} in this test" in why(signoff)


@pytest.mark.parametrize("more", ["", "other_tests: ignore\n"])
def test_a_record_that_lost_results_is_told(tmp_path: Path, more: str) -> None:
    """A verdict that no result explains, and fewer results than were counted, are failures."""
    odd = run_folder(tmp_path / "odd", verdict="fail", reasons=["RSE 1 panics"])
    assert "no test in it did: RSE 1 panics" in why(
        judged(tmp_path, POLICY + more, odd), "other-tests"
    )
    lost = run_folder(tmp_path / "lost", tests={"PASS": 2, "FAIL": 1}, verdict="fail")
    signoff = judged(tmp_path, POLICY + more, lost)
    assert not signoff.holds
    assert "run.json counts 2 PASS, 1 FAIL; results.jsonl has 2 PASS" in why(signoff, "other-tests")
    assert judged(tmp_path, POLICY, run_folder(tmp_path / "well", tests={"PASS": 2})).holds


def test_results_that_a_killed_run_lost_may_be_failures(tmp_path: Path) -> None:
    """Nobody counted the results of such a run, so that a damaged line may be any."""
    good = run_folder(tmp_path / "good", started="2026-11-21T09:00:00Z")
    killed = run_folder(
        tmp_path / "killed", BOTH[:1], verdict="killed", started="2026-11-21T11:00:00Z"
    )
    with (killed / "results.jsonl").open("a") as results:
        results.write('{"id": "tests/test_a.py::test_a[rse1]", "attempt": 1, "sta')
    signoff = judged(tmp_path, POLICY, good, killed)
    assert not signoff.holds
    assert "1 damaged lines, in a run that ended as 'killed'" in why(signoff, "other-tests")


def test_a_failure_counts_whatever_images_were_seen(tmp_path: Path) -> None:
    """That nobody saw the images takes the proof from a pass, and excuses no failure."""
    good = junit(tmp_path / "a.xml", run="a", started="2026-11-21T09:00:00Z")
    failed = junit(tmp_path / "b.xml", BAD, run="b", started="2026-11-21T11:00:00Z", seen=False)
    assert holds(judged(tmp_path, POLICY, good, failed)) == "fail"
    passed = junit(tmp_path / "c.xml", run="c", started="2026-11-21T11:30:00Z", seen=False)
    assert judged(tmp_path, POLICY, good, passed).holds
    assert holds(judged(tmp_path, POLICY, passed)) == "missing"
    skipped = [Case(case.id, "SKIP") for case in BOTH]
    later = "2026-11-21T11:00:00Z"
    nothing = junit(tmp_path / "d.xml", skipped, run="d", started=later, seen=False)
    assert judged(tmp_path, POLICY, good, nothing).holds


def test_a_second_attempt_whose_first_is_lost_is_flaky(tmp_path: Path) -> None:
    """A pass of attempt 2 is no clean pass, although the line of attempt 1 was damaged."""
    run = run_folder(tmp_path / "r")
    lines = (run / "results.jsonl").read_text().replace('"attempt": 1', '"attempt": 2')
    (run / "results.jsonl").write_text(lines)
    assert holds(judged(tmp_path, POLICY, run)) == "fail"


@pytest.mark.parametrize("repeats", ["{policy: all-must-pass}", "{policy: best-of-n, n: 2}"])
def test_a_known_defect_excuses_no_other_failure(tmp_path: Path, repeats: str) -> None:
    """The waiver of a defect covers passes that it refutes, not a failure beside them."""
    policy = POLICY.replace('"]}', '"], refuted_by: [d]}') + (
        f"  - {{id: REQ-B, title: b, tests: ['b.py::b']}}\nrepeats: {repeats}\nexpected_failures:\n"
        "  - {requirements: [REQ-A], defect: d, owner: o, reason: r, expires: 2027-01-01}\n"
    )
    known = [Case(case.id, defects="d") for case in BOTH]
    passed = junit(tmp_path / "a.xml", [*known, Case("b.py::b")], run="a")
    assert judged(tmp_path, policy, passed).holds
    failed = junit(tmp_path / "b.xml", [*BAD, Case("b.py::b")], run="b")
    assert holds(judged(tmp_path, policy, passed, failed)) == "fail"


def test_repetitions_of_which_only_the_newest_passed_are_none(tmp_path: Path) -> None:
    """`latest` with three repetitions looks at the three latest."""
    files = [
        junit(
            tmp_path / f"{n}.xml",
            BOTH if n == 3 else BAD,
            run=f"{n}",
            started=f"2026-11-21T0{n}:00Z",
        )
        for n in (1, 2, 3)
    ]
    assert holds(judged(tmp_path, POLICY + "repetitions: 3\n", *files)) == "fail"
    assert judged(tmp_path, POLICY, *files).holds


def test_a_changed_copy_is_no_repetition(tmp_path: Path) -> None:
    """Two files that name no run and date a test alike tell of one execution; the worse counts."""
    one = junit(tmp_path / "1.xml")
    two = tmp_path / "2.xml"
    two.write_text(one.read_text() + "<!-- printed nicely -->")
    signoff = judged(tmp_path, POLICY + "repetitions: 2\n", one, two)
    assert "executed 1 times of 2" in why(signoff)
    assert holds(judged(tmp_path, POLICY, one, junit(tmp_path / "3.xml", BAD))) == "fail"


def test_a_merged_file_of_today_does_not_renew_what_is_in_it(tmp_path: Path) -> None:
    """A suite's own time counts, not the one of a suite around it."""
    text = junit(tmp_path / "o.xml", started="2020-01-01T00:00:00Z").read_text()
    outer = f"<testsuites><testsuite name='all' timestamp='{TODAY}'>"
    text = text.replace("<testsuites>", outer).replace("</testsuites>", "</testsuite></testsuites>")
    (tmp_path / "o.xml").write_text(text)
    assert holds(judged(tmp_path, POLICY + "max_age: 14d\n", tmp_path / "o.xml")) == "stale"


def test_properties_in_outputs_of_ours_are_read(tmp_path: Path) -> None:
    """The JUnit file of a run proves and excuses the same as its record."""
    policy = POLICY.replace(', tests: ["tests/test_a.py::test_a[rse{rse}]"]', ", refuted_by: [d]")
    cases = [Case(case.id, req="REQ-A", defects="d") for case in BOTH]
    run = run_folder(tmp_path / "run", cases)
    file = tmp_path / "ours.xml"
    write_junit(file, read_record(run))
    assert why(judged(tmp_path, policy, file)) == why(judged(tmp_path, policy, run))
    assert "known defect d is there" in why(judged(tmp_path, policy, file))


def test_a_device_cannot_forge_properties_in_other_files(tmp_path: Path) -> None:
    """What a UART says first in an output of somebody else's file is no property of the test."""
    policy = POLICY.replace(', tests: ["tests/test_a.py::test_a[rse{rse}]"]', "")
    file = junit(tmp_path / "a.xml", [BOTH[0]])
    said = "<system-out>[[PROPERTY|req=REQ-A]]\n[[PROPERTY|id=x::y]]\n\n</system-out></testcase>"
    file.write_text(file.read_text().replace("</testcase>", said))
    signoff = judged(tmp_path, policy, file)
    assert holds(signoff) == "missing"
    assert [one.key for one in signoff.evidence.executions] == ["tests.test_a::test_a[rse0]"]


def test_many_stars_take_no_time() -> None:
    """A pattern of many * is matched without trying all places of each."""
    assert fits("a" * 300 + "bxc", ["*a" * 40 + "*b*c"])
    assert not fits("a" * 300, ["*a" * 40 + "*b"])
    assert fits("a.b::c[x]", ["*b::*]"])
    assert not fits("ab", ["ab*b"])
    assert fits("", ["*", "**"])


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    """A pipe without a writer and a device without an end are no policy, bundle, key or record."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    run = run_folder(tmp_path / "run")
    (run / "results.jsonl").unlink()
    os.mkfifo(run / "results.jsonl")
    for path in (pipe, Path("/dev/zero")):
        for read in (read_yaml, verify_bundle, load_private_key):
            with pytest.raises(UsageError, match="not a plain file"):
                read(path)
    with pytest.raises(UsageError, match="not a plain file"):
        read_record(run)
    other = run_folder(tmp_path / "other")
    os.mkfifo(other / "uart" / "rse1.log")
    assert list(read_record(other).consoles) == [0]


def test_a_refused_sign_off_leaves_no_earlier_statement(tmp_path: Path) -> None:
    """Where the evidence cannot be kept, nothing in the folder says that an earlier one passed."""
    run, out = run_folder(tmp_path / "run"), tmp_path / "out"
    signoff = judged(tmp_path, POLICY, run)
    write_signoff(signoff, tmp_path / "policy.yaml", out)
    assert (out / "statement.intoto.json").is_file()
    (run / "leak").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="not a plain file"):
        write_signoff(signoff, tmp_path / "policy.yaml", out)
    assert not {"statement.intoto.json", "evidence.zip"} & {path.name for path in out.iterdir()}


def test_a_board_without_evidence_is_one_finding(tmp_path: Path) -> None:
    """The text says once that a board is missing, not once for each requirement."""
    policy = POLICY.replace("[lab]", "[lab, other]") + "  - {id: REQ-B, title: b}\n"
    text = render_text(judged(tmp_path, policy, junit(tmp_path / "a.xml")))
    assert "all 2 requirements [2] other TF-M 2.3.1: missing" in text
    assert text.count("no evidence of this was given") == 1
