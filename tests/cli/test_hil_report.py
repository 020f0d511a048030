# SPDX-License-Identifier: Apache-2.0
"""`hil report` as a user meets it: where it writes, what it says, how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hil.report.result_lines import result_line
from hil.report.results import Attempt, RecordedTest, Status
from hil.report.run_record import RunRecord, Verdict

LIMIT = 30


def hil_report(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "hil.cli", "report", *map(str, arguments)],
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run with one test."""
    record = RunRecord.create(tmp_path / "runs", "b")
    attempt = Attempt(1, Status.FAIL, "product", message="it failed")
    test = RecordedTest("t.py::test_a", False, None, (), (), (), (), (attempt,))
    record.result(result_line(test, attempt))
    record.finish(Verdict.FAIL, failure_class="product", release="2.3.1")
    return record.folder


def test_the_page_is_written_into_the_run(run: Path) -> None:
    """Without -o its place is printed; the exit status is 0 whatever the verdict."""
    status, output, errors = hil_report(run)
    assert (status, errors) == (0, "")
    assert output == f"{run / 'report.html'}\n"
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("form", "begins"),
    [("html", "<!DOCTYPE html>"), ("text", "FAIL "), ("markdown", "## ✕ "), ("json", "{")],
)
def test_each_format_goes_where_it_is_asked_to(
    run: Path, tmp_path: Path, form: str, begins: str
) -> None:
    """To a file, or with - to standard output: the same bytes, and nothing else is written."""
    before = sorted(run.iterdir())
    status, output, errors = hil_report(run, "--format", form, "-o", "-")
    assert (status, errors) == (0, "")
    assert output.startswith(begins)
    out = tmp_path / "out"
    assert hil_report(run, "--format", form, "-o", out)[0] == 0
    written = out.read_text(encoding="utf-8")
    assert written.replace(f"{run.parent.name}/{run.name}/", "") == output
    assert sorted(run.iterdir()) == before


def test_text_and_json_go_to_standard_output_by_default(run: Path) -> None:
    """A terminal and a program need no -o."""
    assert "t.py::test_a" in hil_report(run, "--format", "text")[1]
    assert json.loads(hil_report(run, "--format", "json")[1])["verdict"] == "fail"


def test_what_is_no_run_is_one_clear_error(run: Path, tmp_path: Path) -> None:
    """Neither a folder without a run nor a damaged one ends in a traceback."""
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "absent"):
        status, _, errors = hil_report(folder)
        assert status == 2
        expected = "No such file or directory; expected the folder of a run"
        assert errors == f"hil: {folder / 'run.json'}: {expected}\n"
    (run / "run.json").write_text('{"board":')
    status, _, errors = hil_report(run)
    assert status == 2
    assert errors.startswith(f"hil: {run / 'run.json'}:1: not the record of a run")


def test_a_place_that_cannot_be_written_is_named(run: Path, tmp_path: Path) -> None:
    """The file that was asked for stands in the message, and nothing is left beside it."""
    for form in ("html", "markdown"):
        status, _, errors = hil_report(run, "--format", form, "-o", tmp_path / "absent" / "x")
        assert status == 2
        where = tmp_path / "absent" / "x"
        assert errors == f"hil: {where} cannot be written: No such file or directory\n"


def test_a_reader_that_goes_away_is_no_error(run: Path) -> None:
    """`hil report RUN -o - | head -1` ends quietly."""
    (run / "uart" / "rse0.log").write_text("more than a pipe holds\n" * 20_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "hil.cli", "report", str(run), "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(LIMIT), errors) == (0, b"")
