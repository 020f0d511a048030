# SPDX-License-Identifier: Apache-2.0
"""Tables and headings for a terminal and for Markdown, from the same rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hil.uart.log_text import shown

#: A numeric column reads best to the right.
_NUMBER = re.compile(r"[-+]?[\d.,]+( ?(%|s|ms|x))?|-|")
_SPECIAL = re.compile(r"([\\`*_<>|\[\]])")
#: Characters of one cell or line.
_MAX = 1000
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Style:
    """How a document is written down.

    Attributes:
        heading: Makes a heading.
        text: Makes the contents of a line safe.
        item: Makes one item of a list, at a depth from 0.
        table: Makes a table of a head and rows.
    """

    heading: Callable[[str], str]
    text: Callable[[str], str]
    item: Callable[[str, int], str]
    table: Callable[[Sequence[str], Sequence[Sequence[str]]], str]


def sparkline(values: Sequence[float], width: int = 30) -> str:
    """Return the course of a series in one line; each bar is the mean of its share.

    >>> sparkline([1, 1, 2, 2])
    '▁▁██'
    """
    if not values:
        return ""
    edges = [len(values) * place // min(width, len(values)) for place in range(width + 1)]
    edges = [edge for edge in edges if edge <= len(values)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges) if b > a]
    low, high = min(means), max(means)
    if high - low <= 1e-9 * max(abs(high), abs(low)):
        return _BARS[3] * len(means)
    top = len(_BARS) - 1
    return "".join(_BARS[round((mean - low) / (high - low) * top)] for mean in means)


def _safe(text: str) -> str:
    return shown(text, _MAX)


def _text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[_safe(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *cells, strict=True)]
    right = [all(_NUMBER.fullmatch(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = []
    for row in [list(head), *cells]:
        fitted = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right or [False] * len(row), strict=True)
        )
        lines.append("  ".join(fitted).rstrip())
    return "\n".join(lines)


def _markdown_text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(_safe(text).split()))


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_markdown_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


TEXT = Style(
    heading=lambda told: f"\n{_safe(told)}",
    text=_safe,
    item=lambda told, depth: f"{'  ' * (depth + 1)}{_safe(told)}",
    table=_text_table,
)
MARKDOWN = Style(
    heading=lambda told: f"\n### {_markdown_text(told)}\n",
    text=_markdown_text,
    item=lambda told, depth: f"{'  ' * depth}- {_markdown_text(told)}",
    table=_markdown_table,
)
STYLES = {"text": TEXT, "markdown": MARKDOWN}
