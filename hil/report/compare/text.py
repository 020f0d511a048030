# SPDX-License-Identifier: Apache-2.0
"""A comparison for a terminal or as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from hil.report.compare.comparison import Comparison
from hil.report.compare.logs import LogChange
from hil.report.compare.sides import Side
from hil.report.compare.times import StageChange
from hil.report.compare.values import ImageChange, ValueChange
from hil.report.compare.verdicts import Change, TestChange
from hil.report.tables import Style

_DIGEST = 12
_VALUE = 100
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


def comparison_text(found: Comparison, style: Style, limit: int | None) -> Iterator[str]:
    """Yield what differs, the verdicts first.

    Args:
        found: The comparison.
        style: How it is written.
        limit: Rows of each part; None for all.
    """
    a, b = found.verdicts
    yield from _side("A", found.a, a, style)
    yield from _side("B", found.b, b, style)
    if found.same:
        yield style.heading("No change")
    yield from _tests(found, style, limit)
    yield from _images(found.images, style, limit)
    yield from _values("vHUK fingerprints", found.fingerprints, style, limit)
    yield from _values("Environment and settings", found.environment, style, limit)
    yield from _times(found.times, style, limit)
    for log in found.logs:
        yield from _log(log, style, limit)
    yield style.heading(_summary(found))


def _side(name: str, side: Side, verdicts: Counter[str], style: Style) -> Iterator[str]:
    board = ", ".join(dict.fromkeys(f"{run.board}, TF-M {run.release}" for run in side.runs))
    told = ", ".join(
        verdict if len(side.runs) == 1 else f"{count} {verdict}"
        for verdict, count in verdicts.items()
    )
    yield style.item(f"{name}  {told.upper():<8} {side.name}  ({board})", 0)


def _tests(found: Comparison, style: Style, limit: int | None) -> Iterator[str]:
    for change in Change:
        tests = [test for test in found.tests if test.change is change]
        if not tests or change is Change.SAME:
            continue
        yield style.heading(f"{str(change).capitalize()}: {len(tests)}")
        for test in tests[:limit]:
            yield style.item(f"{test.test}: {_statuses(test)}", 0)
            if test.message and change is not Change.FIXED:
                yield style.item(test.message, 1)
            if test.message_before and change is Change.STILL_FAILING:
                yield style.item(f"before: {test.message_before}", 1)
        yield from _more(len(tests), limit, style)


def _statuses(test: TestChange) -> str:
    def told(statuses: Counter[str]) -> str:
        if sum(statuses.values()) == 1:
            return next(iter(statuses))
        return " ".join(f"{n}x{status}" for status, n in sorted(statuses.items())) or "not run"

    return f"{told(test.before)} -> {told(test.after)}"


def _images(images: Sequence[ImageChange], style: Style, limit: int | None) -> Iterator[str]:
    if not images:
        return
    yield style.heading(f"Images: {len(images)}")
    for image in images[:limit]:
        rses = ", ".join(str(rse) for rse in image.rses if rse is not None)
        where = f" on RSE {rses}" if rses else ""
        before, after = (_versions(versions) for versions in (image.before, image.after))
        yield style.item(f"{image.name}{where}: {before} -> {after}", 0)
    yield from _more(len(images), limit, style)


def _versions(images: Iterable[tuple[str | None, str]]) -> str:
    told = [f"{version or 'no version'} ({digest[:_DIGEST]})" for version, digest in images]
    return ", ".join(told) or "none"


def _values(
    title: str, values: Sequence[ValueChange], style: Style, limit: int | None
) -> Iterator[str]:
    if not values:
        return
    yield style.heading(f"{title}: {len(values)}")
    for value in values[:limit]:
        before, after = (
            _shortened(", ".join(told)) or "not there" for told in (value.before, value.after)
        )
        yield style.item(f"{value.name}: {before} -> {after}", 0)
    yield from _more(len(values), limit, style)


def _shortened(text: str) -> str:
    """Return a value that fits a line; of a digest its beginning."""
    text = _SHA256.sub(lambda found: f"{found[0][:_DIGEST]}...", text)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 3]}..."


def _times(times: Sequence[StageChange], style: Style, limit: int | None) -> Iterator[str]:
    reach = [time for time in times if time.reach_changed]
    if reach:
        yield style.heading(f"Stages that come on one side only: {len(reach)}")
        for time in reach[:limit]:
            yield style.item(f"{_stage(time)}: {_came(time, 0)} -> {_came(time, 1)}", 0)
        yield from _more(len(reach), limit, style)
    for title, found in (
        ("differ by more than from run to run", [time for time in times if time.differs]),
        (
            "may differ (one run on a side does not tell how much they vary)",
            [time for time in times if time.suspicious],
        ),
    ):
        if found:
            found.sort(key=lambda time: -abs(time.difference or 0.0))
            yield style.heading(f"Stage times that {title}: {len(found)}")
            head = ("A", "B", "difference", "stage")
            yield style.table(head, [_time_row(time) for time in found[:limit]])
            yield from _more(len(found), limit, style)
    within = sum(time.within_spread is True for time in times)
    if within:
        times_differ = "stage time differs" if within == 1 else "stage times differ"
        yield style.item(f"{within} {times_differ} no more than from run to run", 0)


def _stage(time: StageChange) -> str:
    return f"RSE {time.rse} {time.stage} (boot {time.boot})"


def _came(time: StageChange, side: int) -> str:
    times, lost = (time.before, time.after)[side], time.lost[side]
    if not lost:
        return f"came in {len(times)}" if times else "not awaited"
    return f"missed in {lost} of {lost + len(times)}"


def _time_row(time: StageChange) -> list[str]:
    difference = time.difference or 0.0
    base = median(time.before)
    part = f" ({100 * difference / base:+.0f} %)" if base else ""
    return [_span(time.before), _span(time.after), f"{difference:+.3f} s{part}", _stage(time)]


def _span(times: Sequence[float]) -> str:
    if len(times) == 1:
        return f"{times[0]:.3f} s"
    return f"{median(times):.3f} s [{min(times):.3f}, {max(times):.3f}]"


def _log(log: LogChange, style: Style, limit: int | None) -> Iterator[str]:
    if log.same:
        return
    count = sum(hunk.count for hunk in log.hunks)
    yield style.heading(f"UART of RSE {log.rse}: {count} difference{'s' * (count != 1)}")
    for hunk in log.hunks[:limit]:
        times = f" ({hunk.count} times)" if hunk.count > 1 else ""
        place = f"line {hunk.at}{times}"
        yield style.item(f"{place}, after: {hunk.after_line}" if hunk.after_line else place, 0)
        for sign, lines in (("- ", hunk.removed), ("+ ", hunk.added)):
            for line in lines[:limit]:
                yield style.item(f"{sign}{line}", 1)
        if left := hunk.cut + sum(len(x[limit:]) for x in (hunk.removed, hunk.added) if limit):
            yield style.item(f"... and {left} more lines", 1)
    yield from _more(len(log.hunks), limit, style)
    if log.other_order:
        yield style.item(f"{log.other_order} places only repeat or reorder known lines", 0)
    for remark in log.remarks:
        yield style.item(remark, 0)


def _summary(found: Comparison) -> str:
    counts = Counter(test.change for test in found.tests)
    told = [f"{counts[change]} {change}" for change in Change if counts[change]]
    verdict = "verdicts differ" if found.verdicts_differ else "no verdict differs"
    return f"{verdict}: {', '.join(told) or 'no tests'}"


def _more(count: int, limit: int | None, style: Style) -> Iterator[str]:
    if limit is not None and count > limit:
        yield style.item(f"... and {count - limit} more (--all)", 0)
