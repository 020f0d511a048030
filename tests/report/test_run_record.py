# SPDX-License-Identifier: Apache-2.0
"""The run record survives a kill, a full disk and a second run beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hil.errors import UsageError
from hil.report.recorded import JUNIT
from hil.report.run_record import RunRecord, Verdict, without_secrets
from hil.report.runs_view import find_runs, read_run, render_run


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path) -> None:
    """Runs side by side never share a folder."""
    records = [RunRecord.create(tmp_path, "b") for _ in range(5)]
    assert len({record.folder for record in records}) == 5


def test_a_finished_run_is_read_back(tmp_path: Path) -> None:
    """Verdict, counts, reasons and places are shown."""
    record = RunRecord.create(tmp_path, "my-board")
    record.update(release="2.3.1")
    (record.folder / JUNIT).touch()
    record.finish(Verdict.FAIL, tests={"PASS": 3, "FAIL": 1}, reasons=["RSE 2: silent"])
    [folder] = find_runs(tmp_path)
    shown = render_run(read_run(folder))
    assert "FAIL" in shown
    assert "3 passed, 1 failed" in shown
    assert "RSE 2: silent" in shown
    assert str(folder / JUNIT) in shown


def test_a_killed_run_says_so(tmp_path: Path) -> None:
    """SIGKILL leaves a readable record whose verdict is "killed", and what happened before."""
    script = (
        "import sys, time; from pathlib import Path; from hil.report.run_record import RunRecord\n"
        "r = RunRecord.create(Path(sys.argv[1]), 'b'); r.event('load', rse=0)\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        [folder] = find_runs(tmp_path)
        assert read_run(folder).verdict == "running"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert read_run(folder).verdict == "killed"
    assert json.loads((folder / "events.jsonl").read_text())["rse"] == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_full_disk_is_counted_not_raised(tmp_path: Path) -> None:
    """Events that cannot be written do not stop a run, and the verdict tells of them."""
    record = RunRecord.create(tmp_path, "b")
    (record.folder / "events.jsonl").symlink_to("/dev/full")
    record.event("load")
    record.event("start")
    record.finish(Verdict.PASS)
    run = json.loads((record.folder / "run.json").read_text())
    assert run["record_incomplete"].startswith("2 writes failed: No space left")


def test_keys_never_reach_the_record(tmp_path: Path) -> None:
    """Whatever stands under the name of a key is left out, at any depth."""
    record = RunRecord.create(tmp_path, "b")
    secret = "5e" * 32
    record.update(board={"values": {"provisioning": {"guk": {"hex": secret}, "lcs": "SE"}}})
    record.event("provision", huks={"0": secret}, images=[{"kce_cm": secret}])
    told = "".join(p.read_text() for p in record.folder.glob("*.json*"))
    assert secret not in told
    assert '"lcs": "SE"' in told
    assert without_secrets({"guk": None}) == {"guk": None}


def test_a_place_where_no_record_can_be_made(tmp_path: Path) -> None:
    """A file in the way of the folder is one clear error."""
    (tmp_path / "runs").write_text("")
    with pytest.raises(UsageError, match="runs"):
        RunRecord.create(tmp_path / "runs", "b")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"board": 1, "verdict": "pass"}'])
def test_a_damaged_record_is_one_clear_error(tmp_path: Path, content: str) -> None:
    """`hil runs` names the file that it cannot read."""
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UsageError, match=r"run\.json: not the record of a run"):
        read_run(tmp_path)


def test_one_damaged_record_does_not_hide_the_others(tmp_path: Path) -> None:
    """`hil runs` shows what it can read and says what it cannot."""
    record = RunRecord.create(tmp_path, "good")
    record.finish(Verdict.PASS, tests={"PASS": 1})
    for name, content in {"a": "", "b": "[" * 100_000}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    command = [sys.executable, "-m", "hil.cli", "runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert done.stdout.count("DAMAGED") == 2
    assert "PASS         good" in done.stdout
    assert done.stderr == ""


def test_a_stage_named_like_a_key_is_no_key() -> None:
    """The budget of the stage `vhuk` is shown, a vHUK would not be."""
    assert without_secrets({"budgets": {"vhuk": 8}}) == {"budgets": {"vhuk": 8}}
    assert without_secrets({"vhuk": "ab" * 32}) == {"vhuk": "(not shown)"}
