# SPDX-License-Identifier: Apache-2.0
"""`hil history` as a user meets it: text, Markdown, JSON, pictures, exit status."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from made_up_runs import write_run

from hil.cli import main


def hil(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = main(["history", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.fixture
def db(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Twenty-four nightly runs of one board: a test breaks, another flakes, a stage gets slower."""
    chance = random.Random(1)
    for n in range(24):
        late = n >= 12
        tests = {
            "t.py::test_good[rse0]": "PASS",
            "t.py::test_broken[rse0]": "FAIL" if late else "PASS",
            "t.py::test_flaky[rse0]": ["MISS", "PASS"] if n % 6 == 0 else "PASS",
            "t.py::test_left_out": "SKIP",
        }
        bl2 = (0.2 if late else 0.1) * chance.gauss(1, 0.02)
        stages = {"BL1_2": 0.5, "BL2": 0.5 + bl2}
        write_run(tmp_path / "runs", n, tests, image="2.0" if late else "1.0", stages=stages)
    path = tmp_path / "history.sqlite"
    assert hil(capsys, "add", tmp_path / "runs", "--db", path)[:2] == (0, f"{path}: 24 added\n")
    return path


def test_adding_again_changes_nothing(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same folder again: unchanged, and the file has the same bytes."""
    before = db.read_bytes()
    status, out, _ = hil(capsys, "add", tmp_path / "runs", "--db", db)
    assert (status, out) == (0, f"{db}: 24 unchanged\n")
    assert db.read_bytes() == before


def test_a_damaged_run_does_not_keep_the_others_out(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, the damaged record by name on stderr, the good one added."""
    (tmp_path / "more/bad").mkdir(parents=True)
    (tmp_path / "more/bad/run.json").write_text("{")
    new = write_run(tmp_path / "more", 40, {"t::a": "PASS"})
    status, out, error = hil(capsys, "add", tmp_path / "more", "--db", db, "--json")
    assert status == 1
    assert json.loads(out)["added"] == [new.name]
    assert error.startswith(f"hil: {tmp_path}/more/bad/run.json:1: ")
    assert hil(capsys, "add", tmp_path / "nothing", "--db", db)[0] == 2


def test_show_says_since_when_and_which_image(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What broke, the run and version with which it began, the last good ones, and the rates."""
    status, out, _ = hil(capsys, "show", "--db", db)
    assert status == 0
    assert "24      12  2026-01-01  2026-01-24  fail     bench1" in out
    assert "Failing now: 1 of 4" in out
    assert "1 test since 20260113T000000Z-bench1: tfm_s 2.0 (" in out
    assert "), new in this run" in out
    assert "last good: 20260112T000000Z-bench1, tfm_s 1.0 (" in out
    assert "t.py::test_broken[rse0] (12 runs)" in out
    rows = [line.split() for line in out.splitlines() if "test_" in line and "bench1" in line]
    assert ["50.0", "%", "24", "12", "0", "0", "FAIL", "bench1", "t.py::test_broken[rse0]"] in rows
    assert ["100.0", "%", "24", "0", "4", "0", "PASS", "bench1", "t.py::test_flaky[rse0]"] in rows
    assert "1 of 4 always passed" in out


def test_show_as_json_has_every_test(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get all tests with counts, rates and the run since which each fails."""
    told = json.loads(hil(capsys, "show", "--db", db, "--json")[1])
    tests = {test["test"]: test for test in told["tests"]}
    assert len(tests) == 4
    assert tests["t.py::test_left_out"]["pass_rate"] is None
    assert tests["t.py::test_flaky[rse0]"]["runs"] == {"PASS": 20, "FLAKY": 4}
    failing = tests["t.py::test_broken[rse0]"]["failing"]
    assert failing["since"]["run"] == "20260113T000000Z-bench1"
    assert len(failing["since"]["image_digest"]) == 64
    assert failing["new_images"] is True


def test_trend_tells_the_changes(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pass rate fell and BL2 takes twice as long, both with the run and the image."""
    out = hil(capsys, "trend", "--db", db)[1]
    assert "bench1 pass rate: 100.0 % -> 66.7 %" in out
    assert "bench1 RSE 0 BL2: " in out
    assert out.count("from 20260113T000000Z-bench1 on, new images: tfm_s 2.0") == 2
    only = json.loads(hil(capsys, "trend", "--db", db, "--stage", "BL1_2", "--json")[1])
    assert [(one["stage"], one["changes"]) for one in only["series"]] == [("BL1_2", [])]


def test_flaky_tells_tests_and_devices(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The retried test with its rate, and the device with the sum over its tests."""
    out = hil(capsys, "flaky", "--db", db)[1]
    assert "16.7 %" in out
    assert "t.py::test_flaky[rse0]" in out
    assert "test_broken" not in out
    told = json.loads(hil(capsys, "flaky", "--db", db, "--json")[1])
    assert [(d["board"], d["rse"], d["retried"]) for d in told["devices"]] == [("bench1", 0, 4)]


def test_markdown_is_safe_and_complete(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables have their rules, brackets and underscores are escaped."""
    out = hil(capsys, "show", "--db", db, "--format", "markdown")[1]
    assert "### Pass rates" in out
    assert "| --- | --- |" in out
    assert r"t.py::test\_broken\[rse0\]" in out


def test_filters_narrow_the_answer(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--since, --test and --board; what fits nothing is an error with what there is."""
    told = json.loads(
        hil(capsys, "show", "--db", db, "--since", "2026-01-20", "--test", "test_b*", "--json")[1]
    )
    assert [(t["test"], t["runs"]) for t in told["tests"]] == [
        ("t.py::test_broken[rse0]", {"FAIL": 5})
    ]
    status, out, error = hil(capsys, "show", "--db", db, "--board", "nobody")
    assert (status, out) == (2, "")
    assert error == "hil: --board nobody: fits nothing in the history; it knows bench1, ...\n"
    assert hil(capsys, "trend", "--db", db, "--since", "soon")[0] == 2
    assert hil(capsys, "flaky", "--db", db, "--limit", "0")[0] == 2


@pytest.mark.parametrize("action", ["show", "trend", "flaky"])
def test_plots_are_pictures_with_their_words(
    action: str, db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PNG and SVG by name; the same picture twice is the same file."""
    pytest.importorskip("matplotlib")
    # What would be a formula, and a wrong one, is a name like any other.
    odd = {"t.py::test_[$x_{$]": "FAIL", "t.py::test_flaky[rse0]": ["MISS", "PASS"]}
    write_run(tmp_path / "odd", 50, odd, board="b$^$", stages={"BL2": 1.0})
    hil(capsys, "add", tmp_path / "odd", "--db", db)
    png, svg = tmp_path / "x.png", tmp_path / "x.svg"
    assert hil(capsys, action, "--db", db, "--plot", png)[0] == 0
    assert png.read_bytes().startswith(b"\x89PNG\r\n")
    assert hil(capsys, action, "--db", db, "--plot", svg)[0] == 0
    first = svg.read_bytes()
    root = ET.fromstring(first)
    assert root.tag.endswith("svg")
    words = {"show": "test_broken", "trend": "BL2", "flaky": "test_flaky"}[action]
    assert words in first.decode()
    hil(capsys, action, "--db", db, "--plot", svg)
    assert svg.read_bytes() == first
    assert not list(tmp_path.glob(".*partial"))


def test_a_picture_that_cannot_be_is_refused(
    db: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong ending, a missing folder, and no matplotlib: one line each."""
    status, _, error = hil(capsys, "show", "--db", db, "--plot", "x.bmp")
    assert status == 2
    assert error == "hil: --plot x.bmp: expected a name that ends in .png, .svg, .pdf\n"
    missing = tmp_path / "none/x.svg"
    status, _, error = hil(capsys, "flaky", "--db", db, "--plot", missing)
    assert (status, error.count("\n")) == (2, 1)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, _, error = hil(capsys, "trend", "--db", db, "--plot", tmp_path / "x.svg")
    assert status == 2
    assert "pip install 'rse-hil[plots]'" in error
