# SPDX-License-Identifier: Apache-2.0
"""Tables of text: one line a row in a pipe, folded to the width of a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

_GAP, _INDENT = 2, 4
#: A last column narrower than this is put below its row instead.
_MIN_REMARKS = 28
#: Less than this is no terminal to fold for.
_MIN_WIDTH = 40


def terminal_width() -> int | None:
    """Return the columns of the terminal that the output goes to, None where it goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    return max(_MIN_WIDTH, shutil.get_terminal_size().columns)


def table(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Return the lines of a table.

    Args:
        rows: Cells, headings first; all of one length, the last of free text.
        width: Columns that there are; None: as wide as it gets, one line a row.

    Returns:
        Lines no longer than the width, but for words that have no place to be broken.
    """
    columns = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    if width is None:
        return [_joined(row[:-1], columns, row[-1]) for row in rows]
    fixed = sum(columns) + _GAP * len(columns)
    if width - fixed >= _MIN_REMARKS:
        return [line for row in rows for line in _beside(row, columns, fixed, width)]
    if fixed <= width:
        return [line for row in rows for line in _below(row, columns, width)]
    return [line for row in rows for line in _stacked(row, columns, width)]


def _joined(cells: Sequence[str], columns: Sequence[int], last: str = "") -> str:
    padded = [cell.ljust(size) for cell, size in zip(cells, columns, strict=True)]
    return (" " * _GAP).join([*padded, last]).rstrip()


def _beside(row: Sequence[str], columns: Sequence[int], fixed: int, width: int) -> list[str]:
    """Fold the last cell in its own column."""
    first, *more = textwrap.wrap(row[-1], width - fixed, break_on_hyphens=False) or [""]
    return [_joined(row[:-1], columns, first), *(" " * fixed + line for line in more)]


def _below(row: Sequence[str], columns: Sequence[int], width: int) -> list[str]:
    """Put the last cell under the others, folded."""
    return [_joined(row[:-1], columns), *_folded(row[-1], width)]


def _stacked(row: Sequence[str], columns: Sequence[int], width: int) -> list[str]:
    """Put the first two cells in one line, and what fits of the others in the next ones."""
    lines = [_joined(row[:2], columns[:2])]
    line, room = "", width
    for cell, size in zip(row[2:-1], columns[2:], strict=True):
        if line and len(line) + _GAP + size > room:
            lines.append(line.rstrip())
            line = ""
        line += " " * (_GAP if line else _INDENT) + cell.ljust(size)
    return [*lines, line.rstrip(), *_folded(row[-1], width)]


def _folded(text: str, width: int) -> list[str]:
    space = " " * _INDENT
    return textwrap.wrap(
        text, width, initial_indent=space, subsequent_indent=space, break_on_hyphens=False
    )
