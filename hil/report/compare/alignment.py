# SPDX-License-Identifier: Apache-2.0
"""Where two sequences of lines differ, in time and memory that do not explode.

Patience diff: lines that occur once in both sequences, taken in an order that both share (the
longest increasing subsequence), are anchors; between them the same is done again. Where no line is
unique, equal lines are paired by their occurrence (the second "OK" with the second "OK"). Every pass
costs n log n; a budget bounds their number, and what is left then is told as replaced. What is told
is always a true difference, if perhaps not the smallest.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

#: Lines looked at, as a multiple of those of both sequences together.
BUDGET = 50


class Hunk(NamedTuple):
    """A place where the sequences differ: a[a_begin:a_end] stands there as b[b_begin:b_end]."""

    a_begin: int
    a_end: int
    b_begin: int
    b_end: int


def differences(a: Sequence[int], b: Sequence[int]) -> list[Hunk]:
    """Return where two sequences differ, in order.

    >>> differences([1, 2, 3, 4], [1, 3, 5, 4])
    [Hunk(a_begin=1, a_end=2, b_begin=1, b_end=1), Hunk(a_begin=3, a_end=3, b_begin=2, b_end=3)]
    """
    budget = BUDGET * (len(a) + len(b))
    hunks: list[Hunk] = []
    # Last in, first out: pushed from the right to the left, so that hunks come in order.
    waiting = [(Hunk(0, len(a), 0, len(b)), False)]
    while waiting:
        place, final = waiting.pop()
        place = _trimmed(a, b, place)
        if place.a_begin == place.a_end and place.b_begin == place.b_end:
            continue
        empty = place.a_begin == place.a_end or place.b_begin == place.b_end
        anchors: list[tuple[int, int]] = []
        unique = False
        if not empty and not final and budget > 0:
            budget -= place.a_end - place.a_begin + place.b_end - place.b_begin
            anchors = _in_order(_unique_pairs(a, b, place))
            unique = bool(anchors)
            anchors = anchors or _in_order(_numbered_pairs(a, b, place))
        if not anchors:
            hunks.append(place)
            continue
        waiting.extend((gap, not unique) for gap in reversed(_gaps(place, anchors)))
    return _joined(hunks)


def _trimmed(a: Sequence[int], b: Sequence[int], place: Hunk) -> Hunk:
    a_begin, a_end, b_begin, b_end = place
    while a_begin < a_end and b_begin < b_end and a[a_begin] == b[b_begin]:
        a_begin += 1
        b_begin += 1
    while a_begin < a_end and b_begin < b_end and a[a_end - 1] == b[b_end - 1]:
        a_end -= 1
        b_end -= 1
    return Hunk(a_begin, a_end, b_begin, b_end)


def _unique_pairs(a: Sequence[int], b: Sequence[int], place: Hunk) -> list[tuple[int, int]]:
    """Return the places of lines that occur once on both sides, in the order of a."""
    in_a = Counter(a[place.a_begin : place.a_end])
    in_b = Counter(b[place.b_begin : place.b_end])
    at = {b[n]: n for n in range(place.b_begin, place.b_end) if in_b[b[n]] == 1}
    return [
        (n, at[a[n]]) for n in range(place.a_begin, place.a_end) if in_a[a[n]] == 1 and a[n] in at
    ]


def _numbered_pairs(a: Sequence[int], b: Sequence[int], place: Hunk) -> list[tuple[int, int]]:
    """Return the places of equal lines, the first with the first, the second with the second."""
    places: dict[int, array[int]] = {}
    for n in range(place.b_begin, place.b_end):
        places.setdefault(b[n], array("q")).append(n)
    pairs = []
    used = dict.fromkeys(places, 0)
    for n in range(place.a_begin, place.a_end):
        word = a[n]
        if (found := places.get(word)) is not None and used[word] < len(found):
            pairs.append((n, found[used[word]]))
            used[word] += 1
    return pairs


def _in_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest part of some pairs that increases on both sides."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for n, (_, place) in enumerate(pairs):
        at = bisect_left(ends, place)
        before.append(tops[at - 1] if at else -1)
        if at == len(ends):
            ends.append(place)
            tops.append(n)
        else:
            ends[at], tops[at] = place, n
    chain = []
    n = tops[-1] if tops else -1
    while n >= 0:
        chain.append(pairs[n])
        n = before[n]
    return chain[::-1]


def _gaps(place: Hunk, anchors: Sequence[tuple[int, int]]) -> list[Hunk]:
    found = []
    a_begin, b_begin = place.a_begin, place.b_begin
    for a_at, b_at in [*anchors, (place.a_end, place.b_end)]:
        if a_begin < a_at or b_begin < b_at:
            found.append(Hunk(a_begin, a_at, b_begin, b_at))
        a_begin, b_begin = a_at + 1, b_at + 1
    return found


def _joined(hunks: Sequence[Hunk]) -> list[Hunk]:
    """Join hunks that touch."""
    found: list[Hunk] = []
    for hunk in hunks:
        if found and (found[-1].a_end, found[-1].b_end) == (hunk.a_begin, hunk.b_begin):
            last = found.pop()
            found.append(Hunk(last.a_begin, hunk.a_end, last.b_begin, hunk.b_end))
        else:
            found.append(hunk)
    return found
