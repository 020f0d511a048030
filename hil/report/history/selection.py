# SPDX-License-Identifier: Apache-2.0
"""Which tests, boards and times a question is about."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from hil.errors import UsageError
from hil.report.history.schema import WHOLE_BOARD

_AGO = re.compile(r"(\d{1,5})\s*([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Selection:
    """What to look at; without any limits, everything.

    Attributes:
        test: Pattern of test ids, see `pattern`.
        board: Pattern of board names.
        since: Only runs that began then or later.
    """

    test: str | None = None
    board: str | None = None
    since: datetime | None = None

    @property
    def since_ms(self) -> int:
        """When the selection begins, ms since 1970."""
        return 0 if self.since is None else round(self.since.timestamp() * 1000)


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """Return a moment given as a date, a time, or a span back from now (`36h`, `14d`, `8w`).

    Raises:
        UsageError: it is none of them.
    """
    if found := _AGO.fullmatch(text.strip()):
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text}: expected a date (2026-11-21), a time (2026-11-21T12:00Z), or a span "
            "back from now (36h, 14d, 8w)"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def pattern(glob: str) -> re.Pattern[str]:
    """Return what a pattern of ids matches: `*` any text, `?` any character, all else itself.

    Brackets are no wildcards, since ids of tests hold them. The pattern must fit the whole id, or
    its end from a `/` or `::` on; parameters in brackets may be left out.

    >>> bool(pattern("test_fp_*").search("testcases/vhuk/test_agree.py::test_fp_same[rse0]"))
    True
    """
    told = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(rf"(?:^|/|::)(?:{told})(?:\[.*\])?$", re.DOTALL)


class Names:
    """The names of a history and which of them are selected.

    Raises:
        UsageError: A pattern fits nothing.
    """

    def __init__(self, db: sqlite3.Connection, selection: Selection) -> None:
        self._db = db
        self.selection = selection
        boards = dict(db.execute("SELECT id, name FROM board"))
        self.boards = _selected(boards, selection.board, "--board")
        #: Name of the board and number of the RSE (None: the whole board) of a selected device.
        self.devices: dict[int, tuple[str, int | None]] = {
            number: (self.boards[board], None if rse == WHOLE_BOARD else rse)
            for number, board, rse in db.execute("SELECT id, board, rse FROM device")
            if board in self.boards
        }

    @cached_property
    def tests(self) -> dict[int, str]:
        """Ids of the selected tests, by number."""
        tests = dict(self._db.execute("SELECT id, name FROM test"))
        return _selected(tests, self.selection.test, "--test")

    @cached_property
    def stages(self) -> dict[int, str]:
        """Names of stages."""
        return dict(self._db.execute("SELECT id, name FROM stage"))


def _selected(names: dict[int, str], glob: str | None, option: str) -> dict[int, str]:
    if glob is None:
        return names
    wanted = pattern(glob)
    found = {number: name for number, name in names.items() if wanted.search(name)}
    if not found:
        some = ", ".join(sorted(names.values())[:3])
        raise UsageError(f"{option} {glob}: fits nothing in the history; it knows {some}, ...")
    return found
