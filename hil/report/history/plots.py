# SPDX-License-Identifier: Apache-2.0
"""Answers of a history as pictures: PNG, SVG or PDF, by the name of the file.

matplotlib is an optional extra; only who asks for a picture needs it. The colours are those of Okabe
and Ito, which people who confuse red and green tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.report.history.flakes import Flakes
from hil.report.history.text import device_name
from hil.report.history.trends import Series
from hil.uart.log_text import shown
from hil.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Panels of one picture; more cannot be read.
MAX_PANELS = 12
#: Rows of a bar chart.
MAX_BARS = 30
#: Characters of a name.
MAX_LABEL = 60
#: Points of a line; more are drawn as medians of their share.
MAX_POINTS = 300
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999")
_COLUMNS = 3
#: With fewer points each of them must be seen.
_FEW = 40
FORMATS = (".png", ".svg", ".pdf")


def figure(width: float, height: float) -> Figure:
    """Return an empty picture of a size in inches.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "plots need matplotlib, which is not installed: pip install 'rse-hil[plots]'"
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def check_name(path: Path) -> None:
    """Refuse names of files that no picture can have.

    Raises:
        UsageError: the ending is none of FORMATS.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"--plot {path}: expected a name that ends in {', '.join(FORMATS)}")


def save(picture: Figure, path: Path) -> None:
    """Write a picture, whole or not at all; the same picture is always the same file.

    Raises:
        UsageError: It cannot be written.
    """
    import matplotlib as mpl

    kind = path.suffix.lower().removeprefix(".")
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    try:
        with mpl.rc_context({"svg.hashsalt": "rse-hil"}), whole_file(path) as stream:
            picture.savefig(stream, format=kind, dpi=120, metadata=metadata)
    except OSError as error:
        raise UsageError(f"--plot {path}: cannot be written: {error.strerror}") from None


def plot_trend(series: Sequence[Series], path: Path) -> None:
    """Draw pass rates and stage times: one panel per board and stage, one line per RSE."""
    panels = [(key, list(group)) for key, group in groupby(series, key=_panel_of)]
    panels = _grouped(panels)
    # What changed, latest first; the order of boards and stages otherwise.
    panels.sort(key=lambda panel: -_latest_change(panel[1]))
    drawn = panels[:MAX_PANELS]
    columns = min(_COLUMNS, max(1, len(drawn)))
    rows = max(1, -(-len(drawn) // columns))
    picture = figure(1 + 4.6 * columns, 0.7 + 2.5 * rows)
    title = "Pass rates and stage times; steps: medians between changes"
    left = len(panels) - len(drawn)
    picture.suptitle(
        title + (f"; {left} more: choose with --board, --stage" if left else ""), fontsize=11
    )
    if not drawn:
        picture.text(0.5, 0.5, "no data", ha="center")
    for place, (key, lines) in enumerate(drawn, start=1):
        axes = picture.add_subplot(rows, columns, place)
        _draw_panel(axes, key, lines)
    save(picture, path)


def plot_flakes(flakes: Flakes, path: Path) -> None:
    """Draw flake rates with their intervals: devices above, tests below."""
    devices = [f for f in flakes.devices if f.flakes][: MAX_BARS // 2]
    tests = [f for f in flakes.tests if f.flakes][:MAX_BARS]
    heights = [max(1, len(group)) for group in (devices, tests)]
    picture = figure(10, 1.6 + 0.26 * sum(heights))
    grid = picture.add_gridspec(2, 1, height_ratios=[1.5 + height for height in heights])
    for place, (title, group) in enumerate((("Devices", devices), ("Tests", tests))):
        axes = picture.add_subplot(grid[place])
        axes.set_title(f"{title}: runs that flaked, with 95 % interval", fontsize=10, loc="left")
        if not group:
            axes.text(0.5, 0.5, "no flake", ha="center", transform=axes.transAxes)
            axes.set_yticks([])
            continue
        rates = [100 * flake.rate for flake in group]
        edges = [[100 * edge for edge in flake.interval] for flake in group]
        spans = [
            [max(0.0, rate - edge[0]) for rate, edge in zip(rates, edges, strict=True)],
            [max(0.0, edge[1] - rate) for rate, edge in zip(rates, edges, strict=True)],
        ]
        rows = range(len(group))
        axes.barh(rows, rates, xerr=spans, color=COLOURS[4], ecolor="#555555", capsize=2)
        names = [label(f.test, device_name(f.board, f.rse)) for f in group]
        axes.set_yticks(rows, names, fontsize=7)
        axes.set_ylim(len(group) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("%", fontsize=8)
        axes.grid(visible=True, axis="x", alpha=0.3)
    save(picture, path)


def label(test: str, device: str) -> str:
    """Name a test by its function, which a picture has room for, and its device."""
    name = shown(test.rpartition("::")[2] or test, MAX_LABEL)
    # Between two dollar signs matplotlib reads formulas.
    return f"{name}  {shown(device, MAX_LABEL)}".strip().replace("$", r"\$")


def _panel_of(series: Series) -> tuple[str, str]:
    return series.board, series.stage


def _latest_change(lines: list[Series]) -> float:
    found = [change.first.started.timestamp() for one in lines for change in one.changes]
    return max(found, default=0.0)


def _grouped(
    panels: list[tuple[tuple[str, str], list[Series]]],
) -> list[tuple[tuple[str, str], list[Series]]]:
    joined: dict[tuple[str, str], list[Series]] = {}
    for key, lines in panels:
        joined.setdefault(key, []).extend(lines)
    return list(joined.items())


def _draw_panel(axes: Axes, key: tuple[str, str], lines: list[Series]) -> None:
    from matplotlib import dates

    scale = 100.0 if lines[0].kind == "pass rate" else 1.0
    board, stage = key
    unit = "%" if scale > 1 else "s"
    axes.set_title(label(board, stage or "pass rate"), fontsize=9, loc="left")
    axes.set_ylabel(unit, fontsize=8)
    for place, one in enumerate(lines):
        colour = COLOURS[(one.rse or place) % len(COLOURS)]
        # matplotlib counts days; its own conversion of dates is a hundred times slower.
        days = [when.timestamp() / 86400 for when in one.times]
        values = [scale * value for value in one.values]
        _draw_line(axes, days, values, colour)
        entry = "" if one.rse is None else f"RSE {one.rse}"
        edges = [0, *(change.point.index for change in one.changes), len(values)]
        for begin, end in pairwise(edges):
            level = median(values[begin:end])
            span = [days[begin], days[end - 1]]
            axes.plot(span, [level, level], color=colour, linewidth=2.2, label=entry)
            entry = ""
        for change in one.changes:
            axes.axvline(days[change.point.index], color=colour, linestyle=":", linewidth=1)
    if scale == 1:
        _widen(axes, [value for one in lines for value in one.values])
    if max(len(one.values) for one in lines) == 1:
        # One run only: matplotlib would show years around it.
        day = lines[0].times[0].timestamp() / 86400
        axes.set_xlim(day - 1, day + 1)
    if any(one.rse is not None for one in lines):
        axes.legend(fontsize=7, ncols=4, loc="upper left", frameon=False, handlelength=1)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.25 * (high - low))
    elif scale > 1:
        axes.set_ylim(min(axes.get_ylim()[0], 98.0), 100.5)
    # With more ticks at least, there are spans, of three minutes or hours, that no interval fits.
    locator = dates.AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.xaxis.get_offset_text().set_fontsize(7)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, alpha=0.25)


def _widen(axes: Axes, values: list[float]) -> None:
    """Show at least a fifth of the median, so that jitter does not look like a change."""
    low, high = axes.get_ylim()
    lacking = 0.2 * abs(median(values)) - (high - low)
    if lacking > 0:
        axes.set_ylim(low - lacking / 2, high + lacking / 2)


def _draw_line(axes: Axes, days: list[float], values: list[float], colour: str) -> None:
    """Draw single values faintly; many of them as medians."""
    if len(values) > MAX_POINTS:
        edges = [len(values) * place // MAX_POINTS for place in range(MAX_POINTS + 1)]
        spans = list(pairwise(edges))
        days = [days[begin] for begin, _ in spans]
        values = [median(values[begin:end]) for begin, end in spans]
    few = len(values) < _FEW
    size, alpha = (6, 0.8) if few else (3, 0.35)
    axes.plot(days, values, color=colour, linewidth=0, marker=".", markersize=size, alpha=alpha)
