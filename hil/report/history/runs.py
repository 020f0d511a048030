# SPDX-License-Identifier: Apache-2.0
"""Runs of a history as other questions name them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hil.report.history.selection import Names


@dataclass(frozen=True)
class RunRef:
    """One run.

    Attributes:
        digest: SHA-256 over its images, "" if none was loaded.
        versions: "bl2 2.3.1+0, tfm_s 2.3.1+0"
    """

    id: str
    started: datetime
    digest: str
    versions: str
    folder: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "run": self.id,
            "started": self.started.isoformat().replace("+00:00", "Z"),
            "image_digest": self.digest,
            "image_versions": self.versions,
            "folder": self.folder,
        }

    @property
    def images(self) -> str:
        """Name its images for a person: versions and the beginning of the digest."""
        if not self.digest:
            return "no images recorded"
        return f"{self.versions or 'images'} ({self.digest[:12]})"


@dataclass(frozen=True)
class BoardRuns:
    """The selected runs of one board.

    Attributes:
        verdicts: Runs by verdict.
        last: Verdict of the latest.
    """

    board: str
    verdicts: dict[str, int]
    first_started: datetime
    last_started: datetime
    last: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        first, last = (
            when.isoformat().replace("+00:00", "Z")
            for when in (self.first_started, self.last_started)
        )
        told = {"board": self.board, "verdicts": self.verdicts, "last_verdict": self.last}
        return told | {"first": first, "last": last}


def board_runs(db: sqlite3.Connection, names: Names) -> list[BoardRuns]:
    """Return what became of the selected runs, by board."""
    found: dict[int, list[tuple[str, int, int, int]]] = {}
    for board, *row in db.execute(
        "SELECT board, verdict, COUNT(*), MIN(started), MAX(started) FROM run "
        "WHERE started >= ? GROUP BY board, verdict",
        (names.selection.since_ms,),
    ):
        if board in names.boards:
            found.setdefault(board, []).append((row[0], row[1], row[2], row[3]))
    told = []
    for board, rows in found.items():
        last = max(rows, key=lambda row: row[3])
        told.append(
            BoardRuns(
                board=names.boards[board],
                verdicts={row[0]: row[1] for row in rows},
                first_started=moment(min(row[2] for row in rows)),
                last_started=moment(last[3]),
                last=last[0],
            )
        )
    return sorted(told, key=lambda one: one.board)


def moment(ms: int) -> datetime:
    """Return a time of the history."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def run_ref(db: sqlite3.Connection, number: int) -> RunRef:
    """Return a run by its number in the file."""
    name, started, folder, digest, versions = db.execute(
        "SELECT run.name, started, folder, digest, versions FROM run "
        "JOIN image_set ON image_set.id = run.images WHERE run.id = ?",
        (number,),
    ).fetchone()
    return RunRef(name, moment(started), digest, versions, folder)
