# SPDX-License-Identifier: Apache-2.0
"""Opens the file of a history, to write or only to read, and says clearly when it cannot.

The file is in write-ahead mode: readers and a writer do not wait for each other, a second writer
waits for the first, and what a killed writer left half done is not there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from hil.errors import UsageError
from hil.plain_files import open_plain
from hil.report.history.schema import APPLICATION_ID, SCHEMA, TABLES

#: Where a history is unless --db says otherwise.
DEFAULT = Path("runs/history.sqlite")
#: How long a writer waits for others, seconds; adding a run takes some ten milliseconds.
PATIENCE = 60.0
#: What every SQLite file begins with.
_MAGIC = b"SQLite format 3\x00"


@contextmanager
def to_write(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a history to add to it; make it if it is not there.

    Raises:
        UsageError: It is something else, damaged, of another version, or cannot be written.
    """
    with _told(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        _check_beginning(path)
        db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            _check_identity(db, path, empty_is_new=True)
            db.execute("PRAGMA journal_mode = WAL")
            # In write-ahead mode this loses nothing when a process dies, and at a power failure
            # at most the runs added last, which can be added again.
            db.execute("PRAGMA synchronous = NORMAL")
            _make_tables(db, path)
            yield db
        finally:
            db.close()


@contextmanager
def to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a history to ask it; also one on a disk that cannot be written.

    Raises:
        UsageError: There is none, or it is something else, damaged, or of another version.
    """
    with _told(path):
        if not path.exists():
            raise UsageError(f"{path}: no history there yet; `hil history add RUN...` makes one")
        _check_beginning(path)
        # Readers of a write-ahead file need files beside it, unless they are told that nobody
        # writes; where nobody can, nobody does.
        alone = not os.access(path.parent, os.W_OK) and not _wal_of(path).exists()
        options = "mode=ro&immutable=1" if alone else "mode=ro"
        place = f"file:{quote(str(path.resolve()))}?{options}"
        db = sqlite3.connect(place, uri=True, timeout=PATIENCE, isolation_level=None)
        try:
            _check_identity(db, path, empty_is_new=False)
            db.execute("PRAGMA mmap_size = 1073741824")
            db.execute("PRAGMA cache_size = -65536")
            # One question sees one state of the file, however many statements it takes.
            db.execute("BEGIN")
            yield db
        finally:
            db.close()


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do everything inside or nothing of it; other writers wait from the beginning on."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what SQLite complains about into one clear error."""
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: {_reason(error)}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: the file is damaged: text that is none ({_REBUILD})") from None


#: SQLite's primary error codes, and what they mean for whoever keeps the history.
_REASONS = {
    sqlite3.SQLITE_BUSY: f"another process has been writing for more than {PATIENCE:g} s; "
    "try again when it has ended",
    sqlite3.SQLITE_LOCKED: "another process is writing; try again",
    sqlite3.SQLITE_READONLY: "cannot be written: file or folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; expected a file in a folder that you may write",
    sqlite3.SQLITE_FULL: "the disk is full; nothing of the run was added",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_NOTADB: "not a history, or damaged",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_PERM: "no permission",
}
_REBUILD = "move it away and add the runs again: `hil history add RUNS`"


def _reason(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    reason = _REASONS.get(code & 0xFF) if code is not None else None
    if code is not None and code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return f"{reason}: {error} ({_REBUILD})"
    return f"{reason} ({error})" if reason else str(error)


def _check_beginning(path: Path) -> None:
    """Refuse what is no SQLite file before SQLite may take an empty-looking one for new."""
    try:
        with open_plain(path) as stream:
            beginning = stream.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected the file of a history") from None
    if beginning and beginning != _MAGIC:
        raise UsageError(f"{path}: not the file of a history (it is no SQLite file)")


def _check_identity(db: sqlite3.Connection, path: Path, *, empty_is_new: bool) -> None:
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    identity = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if not tables and not identity and not version:
        if empty_is_new:
            return
        raise UsageError(f"{path}: the history is empty; `hil history add RUN...` fills it")
    if identity != APPLICATION_ID:
        raise UsageError(f"{path}: a SQLite file, but of something else than `hil history`")
    if version > SCHEMA:
        raise UsageError(
            f"{path}: its tables are version {version}, this hil knows {SCHEMA}; "
            "use the newer hil that wrote it"
        )
    if version < SCHEMA:
        raise UsageError(
            f"{path}: its tables are version {version}, this hil needs {SCHEMA} and does not "
            f"convert them; {_REBUILD}"
        )


def _make_tables(db: sqlite3.Connection, path: Path) -> None:
    with transaction(db):
        # Another process may have made them since the file was looked at.
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _check_identity(db, path, empty_is_new=False)
            return
        for statement in TABLES.split(";"):
            if statement.strip():
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
