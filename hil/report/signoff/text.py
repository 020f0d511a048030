# SPDX-License-Identifier: Apache-2.0
"""The verdict as text: the table, then everything that does not hold and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hil.report.signoff.judgement import GOOD, Cell, Holds, JudgedColumn, SignOff

#: Reasons that a text report prints of one cell.
MAX_LINES = 6


def headline(signoff: SignOff) -> str:
    """Return the verdict in one sentence."""
    counts = Counter(cell.holds for column in signoff.columns for cell in column.cells.values())
    told = ", ".join(f"{counts[holds]} {holds}" for holds in Holds if counts[holds])
    verdict = "HOLDS" if signoff.holds else "DOES NOT HOLD"
    return f"{verdict}: {signoff.policy.name} ({told or 'nothing to judge'})"


def render_text(signoff: SignOff) -> str:
    """Return the whole report as text."""
    # Names come from the evidence, and a terminal would obey what stands in them.
    return "\n".join(first_line(line) for line in _lines(signoff)) + "\n"


def _lines(signoff: SignOff) -> Iterator[str]:
    yield headline(signoff)
    yield f"judged at {signoff.at:%Y-%m-%d %H:%M} UTC, repeats: {signoff.policy.repeats.policy}"
    yield ""
    names = [f"[{number}]" for number in range(1, len(signoff.columns) + 1)]
    for name, column in zip(names, signoff.columns, strict=True):
        yield f"{name:>5} {column.label}: {column.holds}"
    yield ""
    yield from _table(signoff, names)
    yield from _findings(signoff, names)
    for title, lines in (
        ("Waivers", signoff.waivers),
        ("Remarks", signoff.remarks),
        ("Given, but not asked for", other_columns(signoff)),
    ):
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)


def _table(signoff: SignOff, names: list[str]) -> Iterator[str]:
    width = max((len(row) for row, _ in signoff.rows), default=0)
    cells = max(len(str(holds)) for holds in Holds)
    yield " " * width + "".join(f"  {name:<{cells}}" for name in names)
    for row, title in signoff.rows:
        found = [column.cells.get(row) for column in signoff.columns]
        marks = "".join(f"  {_mark(cell):<{cells}}" for cell in found)
        yield f"{row:<{width}}{marks}  {title}"


def _mark(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    return str(cell.holds) if cell.holds in GOOD else str(cell.holds).upper()


def _findings(signoff: SignOff, names: list[str]) -> Iterator[str]:
    for title, wanted in (
        ("Does not hold", (Holds.FAIL, Holds.MISSING, Holds.STALE)),
        ("Waived", (Holds.WAIVED,)),
    ):
        found = [
            (name, column, cell)
            for row, _ in signoff.rows
            for name, column in zip(names, signoff.columns, strict=True)
            if (cell := column.cells.get(row)) is not None
            and cell.holds in wanted
            and column.column is not None
        ]
        absent = [(n, c) for n, c in zip(names, signoff.columns, strict=True) if c.column is None]
        if Holds.WAIVED in wanted:
            absent = []
        if found or absent:
            yield ""
            yield title
        for name, column in absent:
            yield f"  all {len(column.cells)} requirements {name} {column.want.label}: missing"
            yield from (f"    {line}" for line in _reasons(next(iter(column.cells.values()))))
        for name, column, cell in found:
            yield f"  {cell.requirement} {name} {column.want.label}: {cell.holds}"
            yield from (f"    {line}" for line in _reasons(cell))
    empty = [n for n, c in zip(names, signoff.columns, strict=True) if not proves(c)]
    if empty:
        yield ""
        yield f"  {' '.join(empty)}: not one requirement passes there, so nothing is shown"


def proves(column: JudgedColumn) -> bool:
    """Whether at least one cell of a column passes, or it says itself why it does not hold."""
    found = [cell.holds for cell in column.cells.values()]
    return column.holds in GOOD or any(holds not in GOOD for holds in found)


def _reasons(cell: Cell) -> Iterator[str]:
    yield from (first_line(why) for why in cell.why[:MAX_LINES])
    if len(cell.why) > MAX_LINES:
        yield f"... and {len(cell.why) - MAX_LINES} more reasons in the other reports"
    paths = dict.fromkeys(
        execution.source.name
        for test in cell.tests
        if test.holds is cell.holds
        for execution in test.executions
    )
    if paths:
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        yield f"evidence: {', '.join(list(paths)[:3])}{more}"


def first_line(text: str) -> str:
    """Return the first line of a text without control characters."""
    line = text.partition("\n")[0]
    return "".join(char if char.isprintable() else "?" for char in line)


def other_columns(signoff: SignOff) -> list[str]:
    """Return a line for each column that no target of the policy is about."""
    return [
        f"{column.board or '(no board)'}, TF-M {column.release or '(not said)'}, "
        f"images {column.digest[:8] or 'not said'}"
        for column in signoff.others
    ]
