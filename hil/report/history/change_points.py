# SPDX-License-Identifier: Apache-2.0
"""Where a series of measurements changed its level, and how sure that is.

A split of the series is judged by the Wilcoxon rank-sum of its two parts, so that single outliers
(a host that paused) weigh no more than any other value and no distribution is assumed. The best of
all splits is compared with what the best split of an unchanged series reaches by chance: the bound
of Miller and Siegmund (Biometrics 38, 1982) for maximally selected rank statistics. If it is
significant the series is cut there and both parts are looked at again (binary segmentation). A step
up and one down again can hide each other in the whole; so where it shows no split, its halves and
quarters are looked at too, at a level that pays for the number of tries. In the end each cut is judged
once more between its neighbours.

Two limits keep what is found useful: a part has at least `MIN_RUNS` values, and the median must
move by at least `MIN_EFFECT` of itself. The values are taken as independent; a slow drift is told
as a few steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

#: Fewer values on one side of a change are no level yet.
MIN_RUNS = 5
#: A smaller shift of the median, relative to the larger of the two, is not told.
MIN_EFFECT = 0.05
#: Chance of any false change in a series that has none; divided by the series looked at together.
LEVEL = 0.01


@dataclass(frozen=True)
class ChangePoint:
    """A change of level.

    Attributes:
        index: Place of the first value of the new level.
        before: Median of the level before, back to the change before it.
        after: Median of the new level, up to the next change.
        p: Chance that an unchanged series shows a split as clear as this one.
    """

    index: int
    before: float
    after: float
    p: float


def change_points(
    values: Sequence[float],
    *,
    level: float = LEVEL,
    min_runs: int = MIN_RUNS,
    min_effect: float = MIN_EFFECT,
) -> tuple[ChangePoint, ...]:
    """Return the changes of level in a series, in order.

    Args:
        values: The measurements, oldest first.
        level: Chance of a false change in a series without any.
        min_runs: Values that a level has at least.
        min_effect: Smallest shift of the median, as a part of the larger median.

    >>> [(c.index, c.before, c.after) for c in change_points([1.0, 1.1] * 10 + [2.0, 2.1] * 10)]
    [(20, 1.05, 2.05)]
    """
    if len(values) < 2 * min_runs:
        return ()
    order = sorted(range(len(values)), key=values.__getitem__)
    cuts: list[int] = []
    waiting = [(0, len(values), order)]
    while waiting:
        begin, end, inside = waiting.pop()
        cut = _find_cut(values, begin, end, inside, min_runs, level)
        if cut is not None:
            cuts.append(cut)
            # The order of the whole holds the order of its parts: nothing is sorted twice.
            waiting.append((begin, cut, _within(inside, begin, cut)))
            waiting.append((cut, end, _within(inside, cut, end)))
    return _told(values, _judged(values, sorted(cuts), min_runs, level), min_effect)


def _find_cut(
    values: Sequence[float],
    begin: int,
    end: int,
    order: Sequence[int],
    min_runs: int,
    level: float,
) -> int | None:
    """Return a significant split of a part of a series, None if there is none."""
    found = _best_split(values, begin, end, order, min_runs)
    if found is None:
        return None
    if found[1] <= level:
        return found[0]
    size = end - begin
    spans = [(begin + size * n // 8, begin + size * (n + 4) // 8) for n in (0, 2, 4)]
    spans += [(begin + size * n // 8, begin + size * (n + 2) // 8) for n in range(7)]
    tries = [_best_split(values, a, b, _within(order, a, b), min_runs) for a, b in spans]
    cut, p = min((one for one in tries if one is not None), key=_chance_of, default=found)
    return cut if p * len(spans) <= level else None


def _judged(
    values: Sequence[float], cuts: Sequence[int], min_runs: int, level: float
) -> dict[int, float]:
    """Judge each cut between its neighbours; move it to the best place there, or drop it."""
    places = [0, *cuts, len(values)]
    judged: dict[int, float] = {}
    at = 1
    while at < len(places) - 1:
        begin, end = places[at - 1], places[at + 1]
        order = sorted(range(begin, end), key=values.__getitem__)
        found = _best_split(values, begin, end, order, min_runs)
        if found is None or found[1] > level:
            del places[at]
            continue
        places[at], judged[found[0]] = found
        at += 1
    return {place: judged[place] for place in places[1:-1]}


def _within(order: Sequence[int], begin: int, end: int) -> list[int]:
    return [place for place in order if begin <= place < end]


def _chance_of(split: tuple[int, float]) -> float:
    return split[1]


def _told(
    values: Sequence[float], cuts: dict[int, float], min_effect: float
) -> tuple[ChangePoint, ...]:
    """Drop, smallest first, cuts whose shift is too small to matter."""
    places = sorted(cuts)
    while True:
        edges = [0, *places, len(values)]
        levels = [median(values[a:b]) for a, b in pairwise(edges)]
        found = [
            ChangePoint(place, levels[n], levels[n + 1], cuts[place])
            for n, place in enumerate(places)
        ]
        if not found:
            return ()
        least = min(found, key=_effect)
        if _effect(least) >= min_effect:
            return tuple(found)
        places.remove(least.index)


def _effect(change: ChangePoint) -> float:
    scale = max(abs(change.before), abs(change.after))
    return abs(change.after - change.before) / scale if scale else 0.0


def _best_split(
    values: Sequence[float], begin: int, end: int, order: Sequence[int], min_runs: int
) -> tuple[int, float] | None:
    """Return the clearest split of a part of a series and its p, None if it is too short."""
    n = end - begin
    if n < 2 * min_runs:
        return None
    ranks, tied = _ranks(values, order, begin)
    # Variance of a rank, from a finite population with ties.
    variance = (n**3 - n - tied) / (12.0 * (n - 1) * n)
    if variance <= 0:
        return None
    mean = (n + 1) / 2
    total = best = 0.0
    at = 0
    for k, rank in enumerate(ranks[: n - min_runs], start=1):
        total += rank - mean
        if k >= min_runs:
            # Squared and without the constant factor, which no comparison needs.
            z = total * total / (k * (n - k))
            if z > best:
                best, at = z, k
    return begin + at, _chance(math.sqrt(best / variance), n, min_runs)


def _ranks(values: Sequence[float], order: Sequence[int], begin: int) -> tuple[list[float], float]:
    """Return the rank of each value in its place (ties share one) and the sum of t^3 - t."""
    ranks = [0.0] * len(order)
    tied, first = 0.0, 0
    while first < len(order):
        value, last = values[order[first]], first + 1
        while last < len(order) and values[order[last]] == value:
            last += 1
        shared = (first + last + 1) / 2
        for place in order[first:last]:
            ranks[place - begin] = shared
        size = last - first
        tied += size**3 - size
        first = last
    return ranks, tied


def _chance(z: float, n: int, min_runs: int) -> float:
    """Return the chance that the best split of an unchanged series reaches `z`."""
    if z <= 1.0:
        return 1.0
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    share = min_runs / n
    width = 2 * math.log((1 - share) / share)
    return min(1.0, density * ((z - 1 / z) * width + 4 / z))
