# SPDX-License-Identifier: Apache-2.0
"""A run's record is read whatever a crash, a full disk or an older harness left of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_builders import attempt, case, written

from hil.errors import UsageError
from hil.report.junit_properties import case_properties
from hil.report.recorded import Status, read_record
from hil.report.result_lines import result_line
from hil.report.run_record import RunRecord, Verdict


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Every field of a test and its attempts comes back."""
    test = case(
        "t.py::test[rse1]",
        attempt(Status.MISS, 1, message="gone", text="all", session=1, uart={1: (3, 9)}),
        attempt(Status.PASS, 2, boots=(4, 5), session=2, worker="b", properties={"k": "v"}),
        rse=1,
        req=("R-1",),
        defects=("d",),
        causes=("c",),
        boots=(4, 5),
    )
    run = written(tmp_path, test, started_by="me")
    assert run.tests == (test,)
    assert run.tests[0].status is Status.FLAKY
    assert run.tests[0].failure_class is None
    assert run.values["format"] == 2
    assert (run.verdict, run.torn, run.sessions) == ("pass", 0, 2)


def test_excerpts_lead_to_the_bench_of_the_attempt(tmp_path: Path) -> None:
    """What an earlier attempt saw lies in `attempts/`, what the last one saw in `uart/`."""
    test = case(
        "t",
        attempt(Status.MISS, 1, session=1, boots=(0,), uart={0: (0, 5)}),
        attempt(Status.PASS, 2, session=2, boots=(1,)),
    )
    run = written(tmp_path, test)
    record = RunRecord(run.folder, "b")
    record.event("boot", number=1, how="start", session=2)
    record.event("let go", number=1, offsets={"0": 7}, monotonic=1.5, session=2)
    record.event("let go", number=2, offsets={"0": 30}, monotonic=2.5, session=2)
    run = read_record(run.folder)
    first, last = (run.excerpts(each)[0] for each in run.tests[0].attempts)
    assert (first.path, first.start, first.end) == (run.folder / "attempts/1/uart/rse0.log", 0, 5)
    assert (last.path, last.start, last.end) == (run.folder / "uart/rse0.log", 7, 30)


def test_a_replay_shows_the_transcripts_of_the_run_that_it_looked_at(tmp_path: Path) -> None:
    """It has none of its own."""
    test = case("t", attempt(Status.PASS, uart={0: (0, 5)}))
    run = written(tmp_path, test, replay_of="/runs/then")
    assert run.excerpts(test.last)[0].path == Path("/runs/then/uart/rse0.log")
    assert case_properties(run, test)["uart.rse0"] == "/runs/then/uart/rse0.log:0-5"


def test_stages_of_a_boot(tmp_path: Path) -> None:
    """Reached and missed stages come with times, budgets and lines."""
    record = RunRecord.create(tmp_path, "b")
    timeline = [
        {"stage": "BL1_1", "status": "reached", "seconds": 0.5, "budget": 5, "line": "[INF] x"},
        {"stage": "BL1_2", "status": "missed", "seconds": None, "budget": 9, "line": "too late"},
    ]
    record.event("booted", number=3, rse=1, ok=False, stages={}, timeline=timeline)
    first, second = read_record(record.folder).stages
    assert (first.boot, first.rse, first.stage, first.seconds) == (3, 1, "BL1_1", 0.5)
    assert (second.status, second.seconds, second.budget, second.line) == (
        "missed", None, 9, "too late",
    )  # fmt: skip


def test_a_run_of_the_first_format(tmp_path: Path) -> None:
    """Outcomes, stages and the stage that was missed are read from records of the first format."""
    run = {"format": 1, "id": "r", "board": {"name": "b"}, "verdict": "fail", "release": "2.3.1"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    lines = [
        {"nodeid": "t.py::a[rse3]", "outcome": "passed", "seconds": 1, "failure_class": None},
        {"nodeid": "t.py::b", "outcome": "error", "failure_class": "infrastructure"},
        {"nodeid": "t.py::c", "outcome": "failed", "failure_class": "product",
         "properties": {"known_defect": "x,y", "cause": "z"}},
        {"nodeid": "t.py::d", "outcome": "skipped"},
        {"nodeid": "t.py::d", "outcome": "error", "failure_class": "harness", "when": "teardown"},
    ]  # fmt: skip
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    booted = {"kind": "booted", "number": 0, "rse": 2, "ok": False, "stages": {"BL1_1": 0.1}}
    (tmp_path / "events.jsonl").write_text(json.dumps(booted | {"reason": "no more"}) + "\n")
    read = read_record(tmp_path)
    assert [t.status for t in read.tests] == [Status.PASS, Status.MISS, Status.FAIL, Status.ERROR]
    assert read.tests[0].rse == 3
    assert (read.tests[2].defects, read.tests[2].causes) == (("x", "y"), ("z",))
    assert read.failure_class == "product"
    assert [(s.stage, s.status, s.line) for s in read.stages] == [
        ("BL1_1", "reached", ""),
        ("provisioning", "missed", "no more"),
    ]


def test_a_run_that_was_killed_in_mid_write(tmp_path: Path) -> None:
    """SIGKILL in the middle of a test: what was known is read, and in which test it ended."""
    script = (
        "import sys, os, signal; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2]); from run_builders import *\n"
        "r = RunRecord.create(Path(sys.argv[1]), 'b'); t = case('a', attempt(Status.PASS))\n"
        "r.result(result_line(t, t.last)); r.event('test begins', id='slow', attempt=1)\n"
        "open(r.folder / 'results.jsonl', 'a').write('{\"id\": \"slow\", \"att')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", script, str(tmp_path), here], check=False, timeout=300)
    [folder] = tmp_path.iterdir()
    run = read_record(folder)
    assert (run.verdict, run.finished, run.seconds) == ("killed", None, None)
    assert [test.id for test in run.tests] == ["a"]
    assert (run.torn, run.under_way) == (1, "slow")


def test_a_full_disk_costs_only_what_did_not_fit(tmp_path: Path) -> None:
    """A line that was cut off does not swallow the one that is written when there is room again."""
    record = RunRecord.create(tmp_path, "b")
    path = record.folder / "results.jsonl"
    test = case("a", attempt(Status.PASS))
    record.result(result_line(test, test.last))
    path.rename(tmp_path / "kept")
    path.symlink_to("/dev/full")
    record.result(result_line(test, test.last))
    path.unlink()
    (tmp_path / "kept").rename(path)
    with path.open("a") as stream:
        stream.write('{"id": "b", "att')
    later = case("c", attempt(Status.FAIL))
    record.result(result_line(later, later.last))
    record.finish(Verdict.FAIL)
    run = read_record(record.folder)
    assert [t.id for t in run.tests] == ["a", "c"]
    assert run.torn == 1
    assert "No space left" in run.values["record_incomplete"]


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=200), place=st.sampled_from(["results", "events"]))
def test_no_damage_keeps_the_rest_from_being_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: str
) -> None:
    """Any bytes between two good lines: the good ones are read, the others counted."""
    run = written(tmp_path_factory.mktemp("r"), case("a", attempt(Status.PASS)))
    good = (run.folder / "results.jsonl").read_bytes()
    path = run.folder / f"{place}.jsonl"
    path.write_bytes((good if place == "results" else b"") + data + b"\n" + good)
    assert "a" in [test.id for test in read_record(run.folder).tests]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"run\.json:1: not the record of a run \(Expecting value\)"),
        ('{\n"board": {"name": "b"},\n}', r"run\.json:3: "),
        ("[]", "a list"),
        ("[" * 100_000, "not the record"),
        ('{"board": {}, "verdict": "pass"}', "no board"),
        ('{"board": {"name": 1}, "verdict": 1}', "no verdict"),
    ],
)
def test_what_is_no_run_is_one_clear_error(tmp_path: Path, text: str, told: str) -> None:
    """The error names the file and, where there is one, the line."""
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match=told):
        read_record(tmp_path)


def test_odd_values_are_taken_as_far_as_they_go(tmp_path: Path) -> None:
    """A record of another harness with other types never ends in a traceback."""
    odd = {
        "board": {"name": "b", "values": [1]}, "verdict": "pass", "images": [1, {"rse": "x"}],
        "fingerprints": {"0": 5, "x": 1}, "warnings": "no list", "reasons": [1], "diagnosis": [],
        "started": 7, "finished": None, "pid": -1, "host": 3,
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(odd))
    run = read_record(tmp_path)
    assert run.fingerprints == {0: "5"}
    assert (run.warnings, run.reasons, run.diagnosis) == ((), ("1",), None)
    assert not run.seen_on_device


def test_image_identity(tmp_path: Path) -> None:
    """One digest stands for all images; it is seen on the device only if every one was."""
    images = [
        {
            "name": "bl2",
            "rse": n,
            "sha256": "a" * 64,
            "sha256_on_device": "a" * 64,
            "how": "read-back",
        }
        for n in range(2)
    ]
    (tmp_path / "x").mkdir()
    one = written(tmp_path / "x", images=images[:1])
    two = written(tmp_path / "x", images=images)
    assert one.image_digest == two.image_digest != ""
    assert two.seen_on_device
    stale = written(tmp_path / "x", images=[images[0], images[1] | {"sha256_on_device": "b" * 64}])
    assert not stale.seen_on_device
    assert written(tmp_path / "x", images=[images[0] | {"sha256_on_device": None,
        "how": "given to the model"}]).seen_on_device  # fmt: skip
    assert written(tmp_path / "x").image_digest == ""


@pytest.mark.parametrize("number", ["Infinity", "1e999", "NaN"])
def test_a_number_that_is_none_costs_its_line_only(tmp_path: Path, number: str) -> None:
    """An attempt or a boot with an endless number is counted as torn; the rest is read."""
    good = result_line(case("t.py::test", attempt(Status.PASS)), attempt(Status.PASS))
    bad = json.dumps(good | {"id": "t.py::other", "attempt": "?"}).replace('"?"', number)
    record = RunRecord.create(tmp_path, "b")
    (record.folder / "results.jsonl").write_text(f"{bad}\n{json.dumps(good)}\n")
    (record.folder / "events.jsonl").write_text(
        f'{{"kind": "booted", "number": {number}, "offsets": {{}}}}\n'
    )
    run = read_record(record.folder)
    assert [test.id for test in run.tests] == ["t.py::test"]
    assert run.torn >= 1


def test_a_name_that_is_no_text_has_a_digest(tmp_path: Path) -> None:
    """Half a character in the name of an image is no reason to break off."""
    run = written(tmp_path, images=[{"name": "\ud800", "rse": 0, "sha256": "a" * 64}])
    assert len(run.image_digest) == 64
