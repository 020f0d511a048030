# SPDX-License-Identifier: Apache-2.0
"""What a history answers: pass rates, first failures, flakes, trends."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from made_up_runs import BEGIN, digest, write_run

from hil.errors import UsageError
from hil.report.history.adding import Added, add_run
from hil.report.history.database import to_read, to_write
from hil.report.history.flakes import find_flakes
from hil.report.history.passing import test_histories as histories_of
from hil.report.history.selection import Names, Selection, parse_since
from hil.report.history.trends import pass_rates, stage_times
from hil.report.recorded import Status, read_record


@contextmanager
def history(tmp_path: Path, *folders: Path) -> Iterator[sqlite3.Connection]:
    """A history with some runs, opened to ask it."""
    path = tmp_path / "history.sqlite"
    with to_write(path) as db:
        for folder in folders:
            add_run(db, read_record(folder))
    with to_read(path) as db:
        yield db


def test_a_failure_is_dated_to_its_first_run_and_image(tmp_path: Path) -> None:
    """P F P F M F: it fails since the fourth run, with the image of that run; the third was good."""
    runs = tmp_path / "runs"
    statuses = ["PASS", "FAIL", "PASS", "FAIL", "MISS", "FAIL"]
    images = ["1.0", "1.0", "1.1", "1.2", "1.2", "1.3"]
    folders = [
        write_run(runs, n, {"t.py::test_a": s}, image=i)
        for n, (s, i) in enumerate(zip(statuses, images, strict=True))
    ]
    # Added in any order: what counts is when a run began.
    with history(tmp_path, *reversed(folders)) as db:
        (found,) = histories_of(db, Names(db, Selection()))
    assert found.pass_rate == pytest.approx(2 / 5)
    assert found.counts == {Status.PASS: 2, Status.FAIL: 3, Status.MISS: 1}
    assert found.last_status is Status.FAIL
    assert found.failing is not None
    assert found.failing.since.id == folders[3].name
    assert found.failing.since.versions == "tfm_s 1.2"
    assert found.failing.since.digest == read_record(folders[3]).image_digest
    assert found.failing.last_good is not None
    assert found.failing.last_good.id == folders[2].name
    assert found.failing.new_images is True
    assert found.failing.runs == 2


def test_a_failure_before_the_selected_time_keeps_its_date(tmp_path: Path) -> None:
    """--since narrows the counts; a test that failed all the while failed since before it."""
    runs = tmp_path / "runs"
    folders = [write_run(runs, n, {"t.py::test_a": "PASS" if n < 2 else "FAIL"}) for n in range(8)]
    with history(tmp_path, *folders) as db:
        names = Names(db, Selection(since=BEGIN + timedelta(days=5)))
        (found,) = histories_of(db, names)
    assert found.counts == {Status.FAIL: 3}
    assert found.failing is not None
    assert found.failing.since.id == folders[2].name
    assert found.failing.last_good is not None
    assert found.failing.last_good.id == folders[1].name


def test_a_repaired_test_does_not_fail_any_more(tmp_path: Path) -> None:
    """F P: it passes now; F S: it still fails, since skipping repairs nothing."""
    runs = tmp_path / "runs"
    first = write_run(runs, 0, {"t.py::test_a": "FAIL", "t.py::test_b": "FAIL"})
    second = write_run(runs, 1, {"t.py::test_a": "PASS", "t.py::test_b": "SKIP"})
    with history(tmp_path, first, second) as db:
        found = {one.test: one for one in histories_of(db, Names(db, Selection()))}
    assert found["t.py::test_a"].failing is None
    assert found["t.py::test_b"].failing is not None
    assert found["t.py::test_b"].failing.last_good is None


def test_flakes_are_retries_and_disagreement_on_the_same_image(tmp_path: Path) -> None:
    """A retried pass, and one failure among passes of one image, are flakes; a new image is none."""
    runs = tmp_path / "runs"
    rows = [
        ({"t::retry": ["MISS", "PASS"], "t::flip": "PASS", "t::broke": "PASS"}, "1.0"),
        ({"t::retry": "PASS", "t::flip": "FAIL", "t::broke": "PASS"}, "1.0"),
        ({"t::retry": "PASS", "t::flip": "PASS", "t::broke": "FAIL"}, "2.0"),
        ({"t::retry": "MISS", "t::flip": "PASS", "t::broke": "FAIL"}, "2.0"),
    ]
    folders = [write_run(runs, n, tests, image=image) for n, (tests, image) in enumerate(rows)]
    other = write_run(runs, 9, {"t::flip": "PASS"}, board="bench2")
    with history(tmp_path, *folders, other) as db:
        found = find_flakes(db, Names(db, Selection()))
    told = {
        flake.test: (flake.runs, flake.retried, flake.flipped, flake.missed)
        for flake in found.tests
    }
    assert told == {"t::retry": (3, 1, 0, 1), "t::flip": (4, 0, 1, 0)}
    (device,) = found.devices
    assert (device.board, device.rse) == ("bench1", 0)
    assert (device.runs, device.flakes, device.missed) == (11, 2, 1)
    low, high = device.interval
    assert low < device.rate < high


def test_a_slower_stage_is_dated_to_its_run_and_image(tmp_path: Path) -> None:
    """BL2 takes 40 % longer from run 20 on: one change, there; the stages around it have none."""
    runs, chance = tmp_path / "runs", random.Random(5)
    folders = []
    for n in range(40):
        bl2 = 0.1 * (1.4 if n >= 20 else 1.0) * chance.gauss(1, 0.03)
        bl1 = 0.5 * chance.gauss(1, 0.03)
        stages = {
            "BL1_2": bl1,
            "BL2": bl1 + bl2,
            "runtime": bl1 + bl2 + 0.3 * chance.gauss(1, 0.03),
        }
        image = "1.1" if n >= 20 else "1.0"
        folders.append(write_run(runs, n, {"t::a": "PASS"}, stages=stages, image=image))
    with history(tmp_path, *folders) as db:
        found = {one.stage: one for one in stage_times(db, Names(db, Selection()))}
    assert list(found) == ["BL1_2", "BL2", "runtime"]
    assert not found["BL1_2"].changes
    assert not found["runtime"].changes
    (change,) = found["BL2"].changes
    assert change.first.id == folders[20].name
    assert change.new_images
    assert change.point.before == pytest.approx(0.1, rel=0.05)
    assert change.point.after == pytest.approx(0.14, rel=0.05)
    assert found["BL2"].budget == 5.0


def test_the_pass_rate_of_some_tests_has_its_own_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of four tests fails from run 15 on; the rate of the others does not change."""
    runs = tmp_path / "runs"
    folders = [
        write_run(runs, n, {f"t::{k}": "FAIL" if k == "d" and n >= 15 else "PASS" for k in "abcd"})
        for n in range(30)
    ]
    with history(tmp_path, *folders) as db:
        (all_tests,) = pass_rates(db, Names(db, Selection()))
        (some,) = pass_rates(db, Names(db, Selection(test="a")))
        (listed,) = pass_rates(db, Names(db, Selection(test="?")))
        # More tests than a statement takes are selected in another way.
        monkeypatch.setattr("hil.report.history.passing.MAX_LISTED", 0)
        (many,) = pass_rates(db, Names(db, Selection(test="?")))
        assert len(histories_of(db, Names(db, Selection(test="a")))) == 1
    assert [change.first.id for change in all_tests.changes] == [folders[15].name]
    assert (all_tests.changes[0].point.before, all_tests.changes[0].point.after) == (1.0, 0.75)
    assert not some.changes
    assert many.values == listed.values == all_tests.values


def test_tests_are_chosen_by_the_end_of_their_id(tmp_path: Path) -> None:
    """Brackets are no wildcards, parameters may be left out, and what fits nothing is an error."""
    names = ["a/x.py::test_one[rse0]", "a/x.py::test_one[rse1]", "a/y.py::test_ones"]
    folder = write_run(tmp_path / "runs", 0, dict.fromkeys(names, "PASS"))

    def chosen(db: sqlite3.Connection, glob: str) -> list[str]:
        return sorted(Names(db, Selection(test=glob)).tests.values())

    with history(tmp_path, folder) as db:
        assert chosen(db, "test_one") == names[:2]
        assert chosen(db, "test_one[rse1]") == names[1:2]
        assert chosen(db, "x.py::*") == names[:2]
        assert chosen(db, "test_one*") == names
        with pytest.raises(UsageError, match=r"--test test_on: fits nothing"):
            chosen(db, "test_on")
        with pytest.raises(UsageError, match=r"--board x\*: fits nothing .* knows bench1"):
            Names(db, Selection(board="x*"))


def test_spans_and_dates_are_understood() -> None:
    """14d counts back from now, a date means UTC, anything else is an error that says what is not."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert parse_since("14d", now) == datetime(2026, 2, 15, tzinfo=UTC)
    assert parse_since("2026-02-03") == datetime(2026, 2, 3, tzinfo=UTC)
    assert parse_since("2026-02-03T10:00+02:00") == datetime(2026, 2, 3, 8, tzinfo=UTC)
    for text in ("yesterday", "14y", "", "-3d"):
        with pytest.raises(UsageError, match="--since"):
            parse_since(text, now)


def test_a_run_is_kept_once_and_brought_up_to_date(tmp_path: Path) -> None:
    """Added twice: unchanged. Gone on since: replaced. An older state: left. A copy: the same run."""
    runs, path = tmp_path / "runs", tmp_path / "history.sqlite"
    half = write_run(runs, 0, {"t::a": "PASS"}, verdict="killed", stages={"BL2": 1.0})
    early = read_record(half)
    with to_write(path) as db:
        assert add_run(db, early) is Added.NEW
        assert add_run(db, early) is Added.SAME
        whole = write_run(runs, 0, {"t::a": "FAIL", "t::b": "PASS"}, image="9", stages={"BL2": 2.0})
        late = read_record(whole)
        assert add_run(db, late) is Added.UPDATED
        assert add_run(db, early) is Added.SAME
        whole.rename(tmp_path / "moved")
        assert add_run(db, read_record(tmp_path / "moved")) is Added.SAME
        assert db.execute("SELECT verdict FROM run").fetchall() == [("fail",)]
        assert db.execute("SELECT count(*) FROM result").fetchone() == (2,)
        assert db.execute("SELECT seconds FROM stage_time").fetchall() == [(2.0,)]
        digests = db.execute("SELECT digest FROM run JOIN image_set s ON s.id = run.images")
        assert digests.fetchone()[0] == late.image_digest
    assert digest("9") != digest("2.3.1")


def test_a_run_that_does_not_say_when_it_began_is_refused(tmp_path: Path) -> None:
    """Its place in time is what a history is about."""
    folder = write_run(tmp_path / "runs", 0, {"t::a": "PASS"}, started="this morning")
    with (
        to_write(tmp_path / "h.sqlite") as db,
        pytest.raises(UsageError, match="started: expected a time"),
    ):
        add_run(db, read_record(folder))


def _killed_in(runs: Path, number: int, test: str) -> Path:
    run = write_run(runs, number, {"t.py::test_a": "PASS"}, verdict="killed")
    (run / "events.jsonl").write_text(json.dumps({"kind": "test begins", "id": test}) + "\n")
    return run


def test_a_test_that_kills_its_runs_did_not_always_pass(tmp_path: Path) -> None:
    """It has no result of its own: the run ended in it."""
    good = {"t.py::test_a": "PASS", "t.py::test_b[rse0]": "PASS"}
    runs = [write_run(tmp_path, 0, good)]
    runs += [_killed_in(tmp_path, number, "t.py::test_b[rse0]") for number in (1, 2)]
    with history(tmp_path, *runs) as db:
        found = {one.test: one for one in histories_of(db, Names(db, Selection()))}
    ended = found["t.py::test_b[rse0]"]
    assert ended.counts == {Status.PASS: 1, Status.ERROR: 2}
    assert ended.failing is not None
    assert ended.failing.runs == 2
