# SPDX-License-Identifier: Apache-2.0
"""A bench that the lab broke is built anew; what it said before is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from hil.bench.bench import Bench
from hil.bench.bench_session import BenchSession
from hil.bench.board import Retries
from hil.bench.journal import Journal
from hil.errors import DeviceError


class FakeBench:
    """A bench that writes one transcript and boots once."""

    def __init__(self, folder: Path, journal: Journal, before: int) -> None:
        self.folder, self.journal, self.before = folder, journal, before
        self.boots = 0
        self.closed = 0

    def open(self) -> None:
        (self.folder / "uart" / "rse0.log").write_text(f"bench after {self.before}")
        self.journal.event("console", rse=0)
        self.boots = 2

    def close(self) -> None:
        self.closed += 1


class Noted:
    """A journal that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, kind: str, **values: Any) -> None:
        self.events.append((kind, values))


class Sessions:
    """A session and all that it made."""

    def __init__(self, folder: Path, **retries: Any) -> None:
        (folder / "uart").mkdir()
        (folder / "events.jsonl").write_text("{}\n")
        self.made: list[FakeBench] = []
        self.journal = Noted()
        self.refused: str | None = None

        def make(journal: Journal, *, boots_before: int) -> Bench:
            self.made.append(FakeBench(folder, journal, boots_before))
            return cast("Bench", self.made[-1])

        def check() -> None:
            if self.refused:
                raise DeviceError(self.refused)

        limits = Retries(**({"pause": 0} | retries))
        self.session = BenchSession(make, folder, self.journal, limits, check)


def test_evidence_is_put_aside(tmp_path: Path) -> None:
    """The transcripts of each bench but the last lie in attempts/<N>, with the journal of then."""
    sessions = Sessions(tmp_path)
    for _ in range(3):
        sessions.session.open()
    assert (tmp_path / "uart/rse0.log").read_text() == "bench after 4"
    assert (tmp_path / "attempts/1/uart/rse0.log").read_text() == "bench after 0"
    assert (tmp_path / "attempts/2/uart/rse0.log").read_text() == "bench after 2"
    assert (tmp_path / "attempts/1/events.jsonl").is_file()
    assert [bench.closed for bench in sessions.made] == [1, 1, 0]
    assert sessions.session.boots == 6


def test_the_journal_says_of_which_bench_it_tells(tmp_path: Path) -> None:
    """Every event has the number of its bench."""
    sessions = Sessions(tmp_path)
    sessions.session.open()
    sessions.session.open()
    told = [(kind, values["session"]) for kind, values in sessions.journal.events]
    assert told == [("bench", 1), ("console", 1), ("bench", 2), ("console", 2)]


def test_a_board_that_must_not_be_used_is_not_opened(tmp_path: Path) -> None:
    """The check comes before anything is touched."""
    sessions = Sessions(tmp_path)
    sessions.refused = "in quarantine"
    with pytest.raises(DeviceError, match="in quarantine"):
        sessions.session.open()
    assert sessions.made == []
    assert sessions.session.bench is None


@pytest.mark.parametrize(
    ("retried", "attempt", "may"), [(0, 1, True), (1, 1, True), (2, 1, False), (0, 2, False)]
)
def test_the_budget(tmp_path: Path, retried: int, attempt: int, may: bool) -> None:
    """So many retries of one test, and so many of all tests of a run."""
    session = Sessions(tmp_path, budget=2, per_test=1).session
    session.retried = retried
    assert session.may_retry(attempt) is may
