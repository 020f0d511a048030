# SPDX-License-Identifier: Apache-2.0
"""Answers of a history for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from hil.report.history.flakes import Flake, Flakes
from hil.report.history.passing import Failing, TestHistory
from hil.report.history.runs import BoardRuns
from hil.report.history.schema import Group
from hil.report.history.trends import Change, Series
from hil.report.results import Status
from hil.report.run_record import Verdict
from hil.report.tables import Style, sparkline

#: Tests that are named of those that began to fail in the same run.
_NAMED = 5


#: Runs by board, and tests.
Shown = tuple[Sequence[BoardRuns], Sequence[TestHistory]]


def show_text(found: Shown, style: Style, limit: int | None) -> Iterator[str]:
    """Yield the verdicts of boards, what fails now, and how often everything passed."""
    boards, histories = found
    yield style.heading("Boards")
    columns = ("runs", "passed", "first", "last", "verdict", "board")
    yield style.table(columns, [_board_row(board) for board in boards[:limit]])
    yield from _more(len(boards), limit, style)
    failing = [history for history in histories if history.failing is not None]
    if failing:
        yield style.heading(f"Failing now: {len(failing)} of {len(histories)}")
        yield from _failing(failing, style, limit)
    told = [history for history in histories if limit is None or not history.clean]
    if told:
        yield style.heading("Pass rates")
        head = ("passed", "runs", "failed", "flaky", "missed", "last", "board", "test")
        yield style.table(head, [_row(history) for history in told[:limit]])
        yield from _more(len(told), limit, style)
    clean = sum(history.clean for history in histories)
    yield style.heading(f"{clean} of {len(histories)} always passed")


def flakes_text(flakes: Flakes, style: Style, limit: int | None) -> Iterator[str]:
    """Yield what flakes, by test and by device."""
    for title, found in (("Devices", flakes.devices), ("Tests", flakes.tests)):
        if found:
            yield style.heading(title)
            head = ["flakes", "95 %", "runs", "retried", "flipped", "missed", "device"]
            head += ["test"] * bool(found[0].test)
            yield style.table(head, [_flake_row(flake) for flake in found[:limit]])
            yield from _more(len(found), limit, style)
    if not flakes.tests:
        yield style.text("nothing flaked, and no run was lost to the lab")


def trend_text(series: Sequence[Series], style: Style, limit: int | None) -> Iterator[str]:
    """Yield the changes of level, and the course of every series; those that changed first."""
    changed = [(one, change) for one in series for change in one.changes]
    changed.sort(key=lambda pair: pair[1].first.started, reverse=True)
    if changed:
        yield style.heading("Changes, latest first")
        for one, change in changed[:limit]:
            yield from _change(one, change, style)
        yield from _more(len(changed), limit, style)
    else:
        yield style.heading("No significant change")
    ordered = sorted(series, key=lambda one: not one.changes)
    for kind, title in (("pass rate", "Pass rates"), ("stage time", "Stage times")):
        found = [one for one in ordered if one.kind == kind]
        if found:
            yield style.heading(title)
            head = ("median", "lately", "budget", "runs", "course", "what")
            yield style.table(head, [_series_row(one) for one in found[:limit]])
            yield from _more(len(found), limit, style)
    if not series:
        yield style.text("no run with results or stage times is selected")


def device_name(board: str, rse: int | None) -> str:
    """Return what a person calls a device."""
    return board if rse is None else f"{board} RSE {rse}"


def _failing(histories: list[TestHistory], style: Style, limit: int | None) -> Iterator[str]:
    """Tell once what began to fail in the same run; latest first."""

    def since(history: TestHistory) -> tuple[float, str]:
        assert history.failing is not None
        first = history.failing.since
        return -first.started.timestamp(), first.id

    groups = [list(group) for _, group in groupby(sorted(histories, key=since), key=since)]
    for group in groups[:limit]:
        failing = group[0].failing
        assert failing is not None
        yield style.item(_since(failing, len(group)), 0)
        good = failing.last_good
        yield style.item(f"last good: {good.id}, {good.images}" if good else "never passed", 1)
        for history in group[: None if limit is None else _NAMED]:
            runs = history.failing.runs if history.failing else 0
            yield style.item(f"{history.test} ({runs} run{'s' * (runs != 1)})", 1)
        if limit is not None and len(group) > _NAMED:
            yield style.item(f"... and {len(group) - _NAMED} more", 1)
    yield from _more(len(groups), limit, style)


def _since(failing: Failing, tests: int) -> str:
    first = failing.since
    new = {True: ", new in this run", False: ", as in the last good run", None: ""}
    what = f"{tests} test{'s' * (tests != 1)}"
    return f"{what} since {first.id}: {first.images}{new[failing.new_images]}"


def _board_row(board: BoardRuns) -> list[str]:
    first, last = (f"{when:%Y-%m-%d}" for when in (board.first_started, board.last_started))
    passed = board.verdicts.get(Verdict.PASS, 0)
    return [str(sum(board.verdicts.values())), str(passed), first, last, board.last, board.board]


def _row(history: TestHistory) -> list[str]:
    counts = history.counts
    return [
        "-" if history.pass_rate is None else percent(history.pass_rate),
        str(sum(counts.values())),
        str(history.count(Group.BAD)),
        str(counts.get(Status.FLAKY, 0)),
        str(counts.get(Status.MISS, 0)),
        str(history.last_status),
        history.board,
        history.test,
    ]


def _flake_row(flake: Flake) -> list[str]:
    low, high = flake.interval
    row = [
        percent(flake.rate),
        f"{100 * low:.1f} to {100 * high:.1f}",
        str(flake.runs),
        str(flake.retried),
        str(flake.flipped),
        str(flake.missed),
        device_name(flake.board, flake.rse),
    ]
    return [*row, flake.test] if flake.test else row


def _change(series: Series, change: Change, style: Style) -> Iterator[str]:
    point = change.point
    before, after = (_value(series, value) for value in (point.before, point.after))
    factor = ""
    if series.kind == "stage time" and point.before > 0:
        factor = f" (x{point.after / point.before:.2f})"
    yield style.item(f"{series.name}: {before} -> {after}{factor}, p = {point.p:.1g}", 0)
    new = "new images: " if change.new_images else "same images: "
    yield style.item(f"from {change.first.id} on, {new}{change.first.images}", 1)


def _series_row(series: Series) -> list[str]:
    budget = "-" if series.budget is None else f"{series.budget:g} s"
    return [
        _value(series, median(series.values)),
        _value(series, series.lately),
        budget,
        str(len(series.values)),
        sparkline(series.values),
        series.name,
    ]


def _value(series: Series, value: float) -> str:
    return percent(value) if series.kind == "pass rate" else seconds(value)


def percent(rate: float) -> str:
    """Return a rate; what is not all never reads as 100 %.

    >>> percent(0.9999), percent(1.0)
    ('99.9 %', '100.0 %')
    """
    told = 100 * rate
    return f"{min(told, 99.9) if rate < 1 else told:.1f} %"


def seconds(value: float) -> str:
    """Return a time in a unit that suits it."""
    return f"{value * 1000:.1f} ms" if abs(value) < 1 else f"{value:.2f} s"


def _more(count: int, limit: int | None, style: Style) -> Iterator[str]:
    if limit is not None and count > limit:
        yield style.item(f"... and {count - limit} more (--all)", 0)
