# SPDX-License-Identifier: Apache-2.0
"""Puts runs into a history: each once, and anew when it has gone on since.

A run is known by its id, its host and when it began, wherever its folder lies. All its rows come in
one transaction, so that a history holds a run whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hil.errors import UsageError
from hil.report.history.database import transaction
from hil.report.history.schema import GROUP_OF, STATUS_CODES, WHOLE_BOARD, Group
from hil.report.record_lines import whole_text
from hil.report.recorded import RecordedImage, RecordedRun, RecordedTest, Status
from hil.report.stage_steps import StageStep, stage_steps
from hil.uart.log_text import shown

#: Characters of a failure's message that are kept; the record has the rest.
MAX_MESSAGE = 300
#: Verdicts of runs that may go on.
_UNFINISHED = frozenset({"running", "killed"})


class Added(StrEnum):
    """What became of a run that was to be added."""

    NEW = "added"
    UPDATED = "updated"
    SAME = "unchanged"


def add_run(db: sqlite3.Connection, run: RecordedRun) -> Added:
    """Add a run, replace it if it has gone on since, leave it if it is known as it is.

    Raises:
        UsageError: The record does not say when the run began.
        sqlite3.Error: The history cannot be written.
    """
    run = replace(run, tests=run.executed)
    key = (run.id, str(run.values.get("host") or ""), milliseconds(run))
    stages = tuple(stage_steps(run.stages))
    content, progress = _content(run, stages), _progress(run)
    with transaction(db):
        known = db.execute(
            "SELECT id, content, progress FROM run WHERE name = ? AND host = ? AND started = ?", key
        ).fetchone()
        if known is not None:
            # Someone who read the record later may have been faster.
            if known[1] == content or known[2] > progress:
                return Added.SAME
            for table, column in (("result", "run"), ("stage_time", "run"), ("run", "id")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", known[:1])  # noqa: S608
        _insert(db, run, key, stages, content, progress)
    return Added.NEW if known is None else Added.UPDATED


def milliseconds(run: RecordedRun) -> int:
    """Return when a run began, in ms since 1970.

    Raises:
        UsageError: The record does not say so.
    """
    try:
        began = datetime.fromisoformat(run.started)
    except ValueError:
        raise UsageError(
            f'{run.folder / "run.json"}: started: expected a time like "2026-11-21T12:25:45.670Z", '
            f"not {shown(run.started, 40)!r}"
        ) from None
    if began.tzinfo is None:
        began = began.replace(tzinfo=UTC)
    return round(began.timestamp() * 1000)


def versions_of(images: tuple[RecordedImage, ...]) -> str:
    """Return the versions of a run's images, of each name once: "bl2 2.3.1+0, tfm_s 2.3.1+0"."""
    found: dict[str, dict[str, None]] = {}
    for image in images:
        if image.version:
            found.setdefault(image.name, {})[image.version] = None
    return ", ".join(f"{name} {'/'.join(versions)}" for name, versions in found.items())


def _insert(
    db: sqlite3.Connection,
    run: RecordedRun,
    key: tuple[str, str, int],
    stages: tuple[StageStep, ...],
    content: str,
    progress: int,
) -> None:
    board = _named(db, "board", run.board)
    images = _image_set(db, run)
    devices = {rse: _device(db, board, rse) for rse in _rses(run)}
    groups = [GROUP_OF[test.status] for test in run.tests]
    number = db.execute(
        "INSERT INTO run (name, host, started, board, images, seen_on_device, release, toolchain, "
        "verdict, failure_class, seconds, folder, content, progress, good, bad, silent, flaky) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *key,
            board,
            images,
            run.seen_on_device,
            run.release,
            run.toolchain,
            run.verdict,
            run.failure_class,
            run.seconds,
            whole_text(str(run.folder.resolve())),
            content,
            progress,
            *(groups.count(group) for group in Group),
            sum(test.status is Status.FLAKY for test in run.tests),
        ),
    ).lastrowid
    names = _names(db, "test", [test.id for test in run.tests])
    results = (
        (
            number,
            names[test.id],
            devices[_rse(test)],
            images,
            STATUS_CODES[test.status],
            key[2],
            test.failure_class,
            len(test.attempts),
            test.seconds,
            _message(test),
        )
        for test in run.tests
    )
    # In the order of the table's key, which fills its pages one behind the other.
    ordered = sorted(results, key=lambda row: row[1])
    db.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ordered)
    known = _names(db, "stage", [row.stage for row in stages])
    db.executemany(
        "INSERT INTO stage_time VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (number, devices[row.rse], row.boot, known[row.stage], row.status, key[2], *row[4:])
            for row in stages
        ),
    )


def _rses(run: RecordedRun) -> set[int]:
    return {_rse(test) for test in run.tests} | {stage.rse for stage in run.stages}


def _rse(test: RecordedTest) -> int:
    return WHOLE_BOARD if test.rse is None else test.rse


def _message(test: RecordedTest) -> str:
    return shown(test.last.message, MAX_MESSAGE)


def _progress(run: RecordedRun) -> int:
    """Return how far a record has come, to compare two states of one run."""
    attempts = sum(len(test.attempts) for test in run.tests)
    return attempts + (0 if run.verdict in _UNFINISHED else 1 << 40)


def _content(run: RecordedRun, stages: tuple[StageStep, ...]) -> str:
    """Return a digest of everything that the history keeps of a run, but where it lies."""
    told: list[Any] = [run.board, run.release, run.toolchain, run.verdict, run.failure_class]
    told += [run.seconds, run.image_digest, versions_of(run.images), run.seen_on_device]
    told += [
        [test.id, test.rse, test.status, test.failure_class, len(test.attempts), test.seconds]
        for test in run.tests
    ]
    told += [_message(test) for test in run.tests]
    told += stages
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _image_set(db: sqlite3.Connection, run: RecordedRun) -> int:
    key = (run.image_digest, versions_of(run.images))
    db.execute("INSERT OR IGNORE INTO image_set (digest, versions) VALUES (?, ?)", key)
    found = db.execute("SELECT id FROM image_set WHERE digest = ? AND versions = ?", key)
    return int(found.fetchone()[0])


def _device(db: sqlite3.Connection, board: int, rse: int) -> int:
    db.execute("INSERT OR IGNORE INTO device (board, rse) VALUES (?, ?)", (board, rse))
    found = db.execute("SELECT id FROM device WHERE board = ? AND rse = ?", (board, rse))
    return int(found.fetchone()[0])


def _named(db: sqlite3.Connection, table: str, name: str) -> int:
    return _names(db, table, [name])[name]


def _names(db: sqlite3.Connection, table: str, names: list[str]) -> dict[str, int]:
    """Return the numbers of names, given to them if they are new."""
    found = {}
    for name in names:
        if name in found:
            continue
        row = db.execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()  # noqa: S608
        if row is None:
            row = (
                db.execute(f"INSERT INTO {table} (name) VALUES (?)", (name,)).lastrowid,  # noqa: S608
            )
        found[name] = row[0]
    return found
