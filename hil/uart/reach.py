# SPDX-License-Identifier: Apache-2.0
"""How far a regular expression looks, and what every match of it must hold.

A stream is searched piece by piece. A place where no match begins must be looked at again as long
as bytes to come could make one, and no longer: that is what the reach of an expression says. The
anchors are texts of which each match holds at least one; finding a text is ten times faster than
searching an expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]  # no public way to a parsed one
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

#: More alternatives than this are searched faster by the expression itself.
MAX_ANCHORS = 6
#: A shorter text is found too often to spare anything.
MIN_ANCHOR = 2
_FAR = 1 << 30


class Reach(NamedTuple):
    """What an expression looks at, counted from where a match of it begins.

    Attributes:
        ahead: Bytes that a match, with what it looks at behind itself, can take; None for any.
        lines: Line feeds among them; None for any number.
        behind: Bytes before the match that are looked at.
        anchors: Texts of which each match holds one; empty if none are known.
    """

    ahead: int | None
    lines: int | None
    behind: int
    anchors: tuple[bytes, ...]


UNKNOWN = Reach(None, None, 1, ())


@lru_cache(maxsize=512)
def reach_of(pattern: re.Pattern[bytes]) -> Reach:
    """Return the reach of an expression; the widest one if it cannot be told."""
    try:
        parsed = _parser.parse(pattern.pattern, pattern.flags)
        walk = _Walk(pattern.flags)
        ahead, lines = walk.width(parsed)
        anchors = _anchors(parsed, pattern.flags)
    except (AttributeError, KeyError, TypeError, ValueError, re.error, RecursionError):
        return UNKNOWN
    return Reach(
        ahead if ahead < _FAR else None,
        lines if lines < _FAR else None,
        walk.behind,
        anchors,
    )


class _Walk:
    """Measures a parsed expression."""

    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._groups: dict[int, tuple[int, int]] = {}
        self.behind = 1

    def width(self, items: Iterable[Any]) -> tuple[int, int]:
        """Return how many bytes, and how many line feeds, a sequence can take at most."""
        ahead = lines = 0
        for op, value in items:
            more, feeds = self._item(op, value)
            ahead, lines = min(_FAR, ahead + more), min(_FAR, lines + feeds)
        return ahead, lines

    def _item(self, op: Any, value: Any) -> tuple[int, int]:
        if op is sre.LITERAL:
            return 1, int(value == 10)
        if op in (sre.NOT_LITERAL, sre.ANY, sre.IN):
            return 1, int(self._takes_line_feed(op, value))
        if op is sre.AT:
            # `$` looks at a line feed at the very end, and at whether anything follows it.
            return 2, 2
        if op is sre.BRANCH:
            return self._longest(value[1])
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            _, most, body = value
            ahead, lines = self.width(body)
            times = _FAR if most is sre.MAXREPEAT else int(most)
            return min(_FAR, ahead * times), min(_FAR, lines * times)
        if op is sre.SUBPATTERN:
            group, added, _, body = value
            if added:  # flags of its own
                return _FAR, _FAR
            found = self.width(body)
            if group is not None:
                self._groups[group] = found
            return found
        if op is sre.ATOMIC_GROUP:
            return self.width(value)
        if op is sre.GROUPREF:
            return self._groups.get(value, (_FAR, _FAR))
        if op is sre.GROUPREF_EXISTS:
            return self._longest([body for body in value[1:] if body is not None])
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            direction, body = value
            found = self.width(body)
            if direction > 0:
                return found
            self.behind = max(self.behind, found[0])
            return 0, 0
        raise ValueError(op)

    def _longest(self, bodies: Iterable[Any]) -> tuple[int, int]:
        widths = [self.width(body) for body in bodies]
        return max((w[0] for w in widths), default=0), max((w[1] for w in widths), default=0)

    def _takes_line_feed(self, op: Any, value: Any) -> bool:
        if op is sre.NOT_LITERAL:
            return bool(value != 10)
        if op is sre.ANY:
            return bool(self._flags & re.DOTALL)
        negated = takes = False
        for kind, what in value:
            if kind is sre.NEGATE:
                negated = True
            elif kind is sre.LITERAL:
                takes = takes or what == 10
            elif kind is sre.RANGE:
                takes = takes or what[0] <= 10 <= what[1]
            else:
                takes = takes or what in _WITH_LINE_FEED
        return takes != negated


_WITH_LINE_FEED = frozenset({sre.CATEGORY_SPACE, sre.CATEGORY_NOT_DIGIT, sre.CATEGORY_NOT_WORD})


def _anchors(items: Iterable[Any], flags: int) -> tuple[bytes, ...]:
    """Return the best texts of which a match of a sequence must hold one, () if there are none."""
    if flags & re.IGNORECASE:
        return ()
    choices: list[tuple[bytes, ...]] = []
    run = bytearray()
    for op, value in items:
        if op is sre.LITERAL and value < 256:
            run.append(value)
            continue
        choices.append((bytes(run),))
        run.clear()
        if op is sre.BRANCH:
            branches = [_anchors(body, flags) for body in value[1]]
            if all(branches):
                choices.append(tuple(dict.fromkeys(a for branch in branches for a in branch)))
        elif op is sre.SUBPATTERN and not value[1] and not value[2]:
            choices.append(_anchors(value[3], flags))
        elif op is sre.ATOMIC_GROUP:
            choices.append(_anchors(value, flags))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and value[0] > 0:
            choices.append(_anchors(value[2], flags))
    choices.append((bytes(run),))
    fit = [c for c in choices if c and len(c) <= MAX_ANCHORS and min(map(len, c)) >= MIN_ANCHOR]
    return max(fit, key=lambda c: (min(map(len, c)), -len(c)), default=())
