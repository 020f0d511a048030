# SPDX-License-Identifier: Apache-2.0
"""Finds the row of the grammar that a line matches.

The first row of the table that matches counts. Most lines of a real log match none, and those must
be cheap: a line is compared only with the rows that can begin as it does, in one expression.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from hil.uart.grammar_prefix import prefixes
from hil.uart.grammar_table import TABLE, Row


class Match(NamedTuple):
    """A row that fits a text, and what its groups hold."""

    row: Row
    text: str
    values: tuple[str | None, ...]


#: Characters of a line by which its rows are chosen; more of them make more expressions.
_HEAD = 8
#: Where another message is glued to one that had no line end.
_GLUED = re.compile(r"(?<=.)(?=\[(?:ERR|WRN|WAR|NOT|INF|VER|DBG|HIL\d+)\] |FATAL ERROR: )")
#: Rows whose lines begin with anything, and what stands in each of these lines.
ANYWHERE = {"T1": "TEST: ", "T7": "Failed at ", "110": "\x04", "T13": "ED!", "T14": "ED!"}


#: Rows in one expression; of each its group's name, and the places of the groups inside it.
_Expression = tuple[re.Pattern[str], dict[str, tuple[Row, int, int]]]


def matches(text: str) -> tuple[Match, ...]:
    """Return what a line means: no match, one, or several when messages are glued together."""
    if text.find("[", 1) > 0 or text.find("FATAL ERROR: ", 1) > 0:
        found = (_match(piece) for piece in _GLUED.split(text))
        return tuple(match for match in found if match is not None)
    only = _match(text)
    return () if only is None else (only,)


def row(number: str) -> Row:
    """Return a row by its number."""
    return _BY_NUMBER[number]


def _match(text: str) -> Match | None:
    anywhere = "TEST: " in text or "ED!" in text or "\x04" in text or "Failed at " in text
    expression = _expression(text[:_HEAD], anywhere)
    if expression is None:
        return None
    pattern, rows = expression
    found = pattern.match(text)
    if found is None or found.lastgroup is None:
        return None
    # The row's own group closes after the groups inside it, so it is the last one.
    fitting, first, last = rows[found.lastgroup]
    return Match(fitting, text, found.groups()[first:last])


@lru_cache(maxsize=8192)
def _expression(head: str, anywhere: bool) -> _Expression | None:
    """Return one expression of all rows that a line with this beginning can match."""
    fitting = [
        row for row in _by_first(head[:1]) if any(head.startswith(p) for p in _HEADS[row.number])
    ]
    if anywhere:
        numbers = {row.number for row in fitting}
        fitting = [r for r in TABLE if r.number in numbers or r.number in ANYWHERE]
    return _combined(tuple(fitting)) if fitting else None


@lru_cache(maxsize=256)
def _by_first(char: str) -> tuple[Row, ...]:
    def fits(row: Row) -> bool:
        return row.number not in ANYWHERE and any(p[:1] == char for p in _HEADS[row.number])

    return tuple(row for row in TABLE if fits(row))


@cache
def _combined(rows: tuple[Row, ...]) -> _Expression:
    pattern = re.compile("|".join(f"(?P<row_{row.number}>{row.pattern})" for row in rows))
    places = {}
    for row in rows:
        first = pattern.groupindex[f"row_{row.number}"]
        places[f"row_{row.number}"] = (row, first, first + re.compile(row.pattern).groups)
    return pattern, places


_BY_NUMBER = {row.number: row for row in TABLE}
#: By the number of a row, texts of which each of its lines begins with one; "" stands for any.
BEGINNINGS = {row.number: prefixes(row.pattern) for row in TABLE}
_HEADS = {number: {text[:_HEAD] for text in texts} for number, texts in BEGINNINGS.items()}
