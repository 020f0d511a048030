# SPDX-License-Identifier: Apache-2.0
"""The file of a history among several processes, after a kill, damaged, foreign, read-only."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from made_up_runs import write_run

from hil.cli import main
from hil.errors import UsageError
from hil.report.history.adding import add_run
from hil.report.history.database import to_read, to_write
from hil.report.history.schema import SCHEMA
from hil.report.recorded import read_record

HIL = [sys.executable, "-m", "hil.cli", "history"]


def start(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HIL, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def counts(path: Path) -> dict[str, int]:
    with to_read(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("run", "result", "stage_time", "test")
        }


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four processes make one file together, with runs of their own and runs in common."""
    db = tmp_path / "new/history.sqlite"
    for part in range(4):
        for number in range(25):
            tests = {f"t::{name}": "PASS" for name in (part, number, "all")}
            write_run(
                tmp_path / f"runs{part}", number, tests, board=f"b{part}", stages={"BL2": 1.0}
            )
    for number in range(10):
        write_run(tmp_path / "common", number, {"t::common": "PASS"}, board="c")
    tasks = [
        start("add", tmp_path / f"runs{part}", tmp_path / "common", "--db", db) for part in range(4)
    ]
    told = [task.communicate(timeout=300) for task in tasks]
    assert [(task.returncode, error) for task, (_, error) in zip(tasks, told, strict=True)] == [
        (0, "")
    ] * 4
    added = sum(int(out.split(": ")[1].split(" added")[0]) for out, _ in told)
    assert added == 110
    wanted = sum(len({str(part), str(number), "all"}) for part in range(4) for number in range(25))
    assert counts(db) == {"run": 110, "result": wanted + 10, "stage_time": 100, "test": 27}


def test_a_reader_sees_whole_runs_while_another_process_adds(tmp_path: Path) -> None:
    """Whoever asks meanwhile is not kept waiting and never sees half a run."""
    db = tmp_path / "history.sqlite"
    for number in range(30):
        write_run(tmp_path / "runs", number, {f"t::{n}": "PASS" for n in range(50)})
    with to_write(db) as first:
        add_run(first, read_record(next((tmp_path / "runs").iterdir())))
    adding = start("add", tmp_path / "runs", "--db", db)
    while adding.poll() is None:
        seen = counts(db)
        assert seen["result"] == 50 * seen["run"]
    assert adding.communicate(timeout=300)[1] == ""
    assert counts(db)["run"] == 30


@pytest.mark.parametrize("delay", [0.0, 0.1])
def test_a_kill_in_the_middle_leaves_whole_runs(tmp_path: Path, delay: float) -> None:
    """After SIGKILL at any moment the file is good, holds whole runs, and takes the rest later."""
    db = tmp_path / "history.sqlite"
    for number in range(10):
        write_run(tmp_path / "runs", number, {f"t::{number}.{n}": "PASS" for n in range(800)})
    adding = start("add", tmp_path / "runs", "--db", db)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not runs_in(db):
        time.sleep(0.005)
    time.sleep(delay)
    adding.send_signal(signal.SIGKILL)
    adding.communicate(timeout=300)
    seen = counts(db)
    assert seen["run"] >= 1
    assert seen["result"] == 800 * seen["run"]
    again = start("add", tmp_path / "runs", "--db", db)
    assert again.communicate(timeout=300)[1] == ""
    assert counts(db)["result"] == 10 * 800


def runs_in(path: Path) -> int:
    try:
        with to_read(path) as db:
            return int(db.execute("SELECT count(*) FROM run").fetchone()[0])
    except UsageError:
        return 0


def filled(path: Path, folder: Path) -> Path:
    tests = {f"testcases/a_rather_long_name.py::test_{n}": "PASS" for n in range(400)}
    run = write_run(folder, 0, tests)
    with to_write(path) as db:
        add_run(db, read_record(run))
    return run


def test_what_is_no_history_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text, a file of another program, one of another version: one line that says what it is."""
    run = write_run(tmp_path / "runs", 0, {"t::a": "PASS"})
    text = tmp_path / "notes.txt"
    text.write_text("nothing to see here\n" * 100)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    other.close()
    newer = tmp_path / "newer.sqlite"
    older = tmp_path / "older.sqlite"
    for path, version in ((newer, SCHEMA + 1), (older, SCHEMA - 1)):
        filled(path, tmp_path / "some")
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version = {version}")
        db.close()
    for path, reason in (
        (text, "it is no SQLite file"),
        (foreign, "of something else than `hil history`"),
        (newer, f"version {SCHEMA + 1}, this hil knows {SCHEMA}; use the newer hil"),
        (older, f"version {SCHEMA - 1}, this hil needs {SCHEMA} and does not convert"),
    ):
        before = path.read_bytes()
        for words in (("add", run), ("show",), ("trend",), ("flaky",)):
            assert main(["history", *map(str, words), "--db", str(path)]) == 2
            told = capsys.readouterr()
            assert told.out == ""
            assert told.err.startswith(f"hil: {path}: ")
            assert reason in told.err
            assert told.err.count("\n") == 1
        assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, keep: float) -> None:
    """A history whose end is missing is called damaged, with what to do."""
    path = tmp_path / "history.sqlite"
    filled(path, tmp_path / "runs")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(
        UsageError, match=r"history\.sqlite: the file is damaged.*add the runs again"
    ):
        counts_all(path)


def test_a_scribbled_file_is_one_clear_error(tmp_path: Path) -> None:
    """Garbage in the middle ends in the same message, whatever page it hits."""
    path = tmp_path / "history.sqlite"
    filled(path, tmp_path / "runs")
    data = bytearray(path.read_bytes())
    for start_at in range(4096, len(data), 4096):
        data[start_at : start_at + 64] = b"\xa5" * 64
    path.write_bytes(data)
    with pytest.raises(UsageError, match="damaged"):
        counts_all(path)


def counts_all(path: Path) -> None:
    with to_read(path) as db:
        for table in ("run", "result", "test"):
            db.execute(f"SELECT * FROM {table}").fetchall()


def test_without_a_history_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    """Asking makes no file; an empty file is no history."""
    missing = tmp_path / "none.sqlite"
    with (
        pytest.raises(UsageError, match=r"no history there yet; `hil history add RUN\.\.\.`"),
        to_read(missing),
    ):
        pass
    assert not missing.exists()
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    with pytest.raises(UsageError, match="the history is empty"), to_read(empty):
        pass


def read_only(folder: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a folder read-only, also as root."""
    if os.geteuid() == 0:
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mount, str(folder), *command]
        if not shutil.which("unshare") or subprocess.run([*command[:6], "true"]).returncode:
            pytest.skip("root, and nothing can be mounted here")
        return subprocess.run(command, capture_output=True, text=True, timeout=300)
    folder.chmod(0o555)
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=300)
    finally:
        folder.chmod(0o755)


def test_a_read_only_disk_can_be_asked_but_not_added_to(tmp_path: Path) -> None:
    """`show` answers; `add` says that the file cannot be written, for a known and for a new file."""
    folder = tmp_path / "disk"
    folder.mkdir()
    filled(folder / "history.sqlite", tmp_path / "runs")
    other = write_run(tmp_path / "other", 3, {"t::b": "PASS"})
    shown = read_only(folder, [*HIL, "show", "--db", str(folder / "history.sqlite")])
    assert shown.returncode == 0
    assert "400 of 400 always passed" in shown.stdout
    for name in ("history.sqlite", "new.sqlite"):
        added = read_only(folder, [*HIL, "add", str(other), "--db", str(folder / name)])
        assert added.returncode == 2
        assert added.stderr.startswith(f"hil: {folder / name}: cannot be ")
        assert "Traceback" not in added.stderr
