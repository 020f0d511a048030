# SPDX-License-Identifier: Apache-2.0
"""What became of the worst tests, run by run, as a picture."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hil.report.history.passing import TestHistory
from hil.report.history.plots import figure, label, save
from hil.report.history.schema import STATUS_OF, WHOLE_BOARD
from hil.report.history.selection import Names
from hil.report.results import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Tests in rows, runs in columns: more cannot be told apart.
MAX_TESTS, MAX_RUNS = 30, 100
#: Of Okabe and Ito; good is pale, so that what is not stands out.
_COLOURS = {
    Status.PASS: "#CFE8DF",
    Status.FLAKY: "#E69F00",
    Status.FAIL: "#D55E00",
    Status.ERROR: "#CC79A7",
    Status.MISS: "#0072B2",
    Status.SKIP: "#DDDDDD",
    Status.XFAIL: "#B0B0B0",
}
_NOTHING = "#FFFFFF"
#: Labels of columns.
_LABELS = 11


def plot_results(
    db: sqlite3.Connection, names: Names, histories: Sequence[TestHistory], path: Path
) -> None:
    """Draw the latest runs of the tests that need a look: one row per test and device.

    Raises:
        UsageError: matplotlib is missing, or the file cannot be written.
    """
    rows = [history for history in histories if not history.clean][:MAX_TESTS]
    runs = {board: _latest_runs(db, names, board) for board in {row.board for row in rows}}
    results = [_latest(db, history, runs[history.board]) for history in rows]
    picture = figure(12, 1.6 + 0.24 * max(2, len(rows)))
    axes = picture.add_subplot()
    title = f"The {len(rows)} of {len(histories)} tests that need a look most, run by run"
    axes.set_title(title, fontsize=10, loc="left")
    if not rows:
        axes.text(0.5, 0.5, "every test always passed", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        save(picture, path)
        return
    _draw(axes, rows, results)
    save(picture, path)


def _draw(
    axes: Axes, rows: Sequence[TestHistory], results: Sequence[Sequence[Status | None]]
) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    order = [None, *_COLOURS]
    width = max(len(found) for found in results)
    grid = [
        [0] * (width - len(found)) + [order.index(status) for status in found] for found in results
    ]
    colours = ListedColormap([_NOTHING, *_COLOURS.values()])
    axes.pcolormesh(
        grid, cmap=colours, vmin=-0.5, vmax=len(order) - 0.5, edgecolors="white", lw=0.3
    )
    axes.invert_yaxis()
    names = [label(history.test, history.board) for history in rows]
    axes.set_yticks([place + 0.5 for place in range(len(rows))], names, fontsize=7)
    ago = range(0, width, max(1, -(-width // _LABELS)))
    told = [str(runs) if runs else "latest" for runs in ago]
    axes.set_xticks([width - runs - 0.5 for runs in ago], told, fontsize=7)
    axes.set_xlabel("runs of the board before its latest", fontsize=8)
    axes.tick_params(length=2)
    seen = {status for found in results for status in found}
    patches = [
        Patch(facecolor=colour, edgecolor="#888888", label=str(status))
        for status, colour in _COLOURS.items()
        if status in seen
    ]
    axes.legend(
        handles=patches,
        fontsize=7,
        ncols=7,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        frameon=False,
    )


def _latest_runs(db: sqlite3.Connection, names: Names, board: str) -> list[int]:
    """Return when the latest runs of a board began, oldest first."""
    rows = db.execute(
        "SELECT started FROM run WHERE board = (SELECT id FROM board WHERE name = ?) "
        "AND started >= ? ORDER BY started DESC LIMIT ?",
        (board, names.selection.since_ms, MAX_RUNS),
    )
    return sorted(started for (started,) in rows)


def _latest(
    db: sqlite3.Connection, history: TestHistory, runs: Sequence[int]
) -> list[Status | None]:
    """Return what became of a test in each of some runs, None where it did not run."""
    rse = WHOLE_BOARD if history.rse is None else history.rse
    rows = db.execute(
        "SELECT started, status FROM result "
        "WHERE test = (SELECT id FROM test WHERE name = ?) AND device = ("
        "SELECT device.id FROM device JOIN board ON board.id = device.board "
        "WHERE board.name = ? AND rse = ?) AND started >= ?",
        (history.test, history.board, rse, runs[0]),
    )
    found = {started: STATUS_OF[status] for started, status in rows}
    return [found.get(started) for started in runs]
