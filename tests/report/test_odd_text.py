# SPDX-License-Identifier: Apache-2.0
"""Names and texts that cannot be written as they are: one clear answer, never a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from signoff_inputs import BOTH, POLICY, Case, holds, judged, run_folder, why

from hil.cli import main
from hil.report.recorded import read_record
from hil.report.signoff.writing import write_signoff


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A run with half characters, as JSON can hold them, in all of its texts."""
    cases = [Case(case.id, "FAIL", req="REQ-A", message="m\ud800") for case in BOTH]
    cases.append(Case("a.py::b\udfff", "FAIL"))
    return run_folder(
        tmp_path / "half",
        cases,
        id="r\udc80",
        verdict="fail",
        reasons=["x\ud800"],
        warnings=["\udcff"],
    )


def test_half_characters_are_read_as_text(half: Path) -> None:
    """Every reader of records gets text that it can write."""
    run = read_record(half)
    assert (run.id, run.reasons) == (r"r\xdc80", (r"x\xd800",))
    assert run.tests[-1].id == r"a.py::b\xdfff"


def test_half_characters_are_judged_and_kept(half: Path, tmp_path: Path) -> None:
    """All reports of a sign-off are written."""
    signoff = judged(tmp_path, POLICY, half)
    assert holds(signoff) == "fail"
    assert r"m\xd800" in why(signoff)
    write_signoff(signoff, tmp_path / "policy.yaml", tmp_path / "out")
    assert r"a.py::b\xdfff" in (tmp_path / "out" / "signoff.html").read_text()


def test_a_folder_whose_name_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not UTF-8 is no obstacle for any command that reads runs."""
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/in\xff"))
    run = str(run_folder(place / "run", finished="2026-11-21T10:00:09Z"))
    db = str(tmp_path / "h.sqlite")
    assert main(["runs", run]) == 0
    assert main(["history", "add", run, "--db", db]) == 0
    assert main(["history", "add", run, "--db", db, "--json"]) == 0
    assert main(["history", "show", "--db", db]) == 0
    assert main(["report", run, "--format", "text"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("value", [7, "text", {"a": 1}, [1, None], None])
def test_reasons_that_are_no_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    """`hil runs` shows what can be read of such a record."""
    run_folder(tmp_path / "run", reasons=value, warnings=value)
    assert main(["runs", str(tmp_path)]) == 0
    assert "PASS         lab" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["runs"], ["explain"], ["history", "add", "--db", "{db}"], ["compare", "{run}"]]
)
def test_a_name_that_no_system_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A path of 5000 characters is no file and no folder."""
    run = run_folder(tmp_path / "run")
    known = {"db": tmp_path / "h.sqlite", "run": run}
    assert main([*(word.format(**known) for word in arguments), "a" * 5000]) == 2
    assert "aaa" in capsys.readouterr().err


def test_a_board_file_whose_name_no_system_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run is explained without the keys of its board, and that is said."""
    run = run_folder(tmp_path / "run", board="b")
    values = json.loads((run / "run.json").read_text())
    values["board"]["file"] = "a" * 5000
    (run / "run.json").write_text(json.dumps(values))
    main(["explain", str(run)])
    told = capsys.readouterr()
    assert "is not there" in told.out + told.err


def test_a_history_with_text_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite quotes the damaged place, which Python then cannot decode."""
    db = tmp_path / "h.sqlite"
    assert main(["history", "add", str(run_folder(tmp_path / "run")), "--db", str(db)]) == 0
    data = db.read_bytes()
    assert b"CREATE TABLE" in data
    db.write_bytes(data.replace(b"CREATE TABLE", b"CREATE TABL\xff"))
    assert main(["history", "show", "--db", str(db)]) == 2
    assert "the file is damaged" in capsys.readouterr().err
