# SPDX-License-Identifier: Apache-2.0
"""Finds the row of the grammar that a line matches.

A line goes through one combined expression of all rows that its level tag allows; real logs are
mostly lines that no row knows, and those must be cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from hil.uart.grammar_table import TABLE, Row


class Match(NamedTuple):
    """A row that fits a text, and what its groups hold."""

    row: Row
    text: str
    values: tuple[str | None, ...]


_TAG = re.compile(r"\^\\\[(?:\(\?:)?((?:[A-Z]{3}\|?)+)\)?\\\]")
#: Where another message is glued to one that had no line end.
_GLUED = re.compile(r"(?<=.)(?=\[(?:ERR|WRN|WAR|NOT|INF|VER|DBG|HIL\d+)\] |FATAL ERROR: )")


def matches(text: str) -> Iterator[Match]:
    """Return what a line means: no match, one, or several when messages are glued together."""
    if text.find("[", 1) > 0 or text.find("FATAL ERROR: ", 1) > 0:
        for piece in _GLUED.split(text):
            yield from _match(piece)
    elif text:
        yield from _match(text)


def row(number: str) -> Row:
    """Return a row by its number."""
    return _BY_NUMBER[number]


def _match(text: str) -> Iterator[Match]:
    tag = text[1:4] if text.startswith("[") else ""
    found = _combined(tag if tag in _TAGS else "").match(text)
    if found is not None and found.lastgroup is not None:
        # The row's own group closes after the groups inside it, so it is the last one.
        fitting = _BY_NUMBER[found.lastgroup.removeprefix("row_")]
        again = _compiled(fitting.pattern).match(text)
        yield Match(fitting, text, again.groups() if again else ())


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _combined(tag: str) -> re.Pattern[str]:
    """Return one expression of all rows that a line with this level tag can match."""
    fitting = [r for r in TABLE if not _tags_of(r) or tag in _tags_of(r)]
    return re.compile("|".join(f"(?P<row_{r.number}>{r.pattern})" for r in fitting))


@cache
def _tags_of(row: Row) -> frozenset[str]:
    """Return the level tags with which a row can begin; none if its lines have no tag."""
    found = _TAG.match(row.pattern)
    return frozenset(found[1].split("|")) if found else frozenset()


_BY_NUMBER = {r.number: r for r in TABLE}
_TAGS = frozenset().union(*(_tags_of(r) for r in TABLE))
