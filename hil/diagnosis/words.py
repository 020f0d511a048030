# SPDX-License-Identifier: Apache-2.0
"""How several RSEs, and values of theirs, are put into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def names(rses: Iterable[int]) -> str:
    """Return RSEs as one says them.

    >>> names([1]), names([2, 0, 3])
    ('RSE 1', 'RSE 0, 2 and 3')
    """
    ids = sorted(rses)
    if len(ids) < 2:
        return "".join(f"RSE {rse}" for rse in ids)
    return f"RSE {', '.join(map(str, ids[:-1]))} and {ids[-1]}"


def printable(text: str) -> str:
    """Return a text from a UART on one line, and without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def told(values: Mapping[int, str], rses: Sequence[int]) -> str:
    """Return values of some RSEs, equal ones together.

    >>> told({0: "SE", 1: "DM", 2: "SE"}, [0, 1, 2])
    'SE on RSE 0 and 2, DM on RSE 1'
    """
    groups: dict[str, list[int]] = {}
    for rse in rses:
        if rse in values:
            groups.setdefault(values[rse], []).append(rse)
    return ", ".join(f"{value} on {names(who)}" for value, who in groups.items())


def majority(values: Mapping[int, object], preferred: object = None) -> object:
    """Return the value that most RSEs have; of several the preferred one, else that of the lowest."""
    counts = Counter(values.values())
    most = max(counts.values())
    best = [value for value, count in counts.items() if count == most]
    return preferred if preferred in best else best[0]
