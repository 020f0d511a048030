# SPDX-License-Identifier: Apache-2.0
"""`hil history`: runs over time."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.commands.options import Commands
from hil.errors import HilError, UsageError

if TYPE_CHECKING:
    from hil.report.history.selection import Names

_EPILOG = """\
exit status:
  0  answered; added
  1  add: some of the runs could not be read; the others were added
  2  the history cannot be read or written, or the command line is wrong

docs/history.md says what counts as a flake and as a change."""


def add(commands: Commands) -> None:
    """Add `hil history`."""
    history = commands.add_parser(
        "history",
        help="pass rates, first failures, flakes and stage times over many runs",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = history.add_subparsers(required=True, metavar="ACTION")
    _add_add(actions)
    show = actions.add_parser("show", help="what fails now, since when and which image; pass rates")
    trend = actions.add_parser("trend", help="pass rates and stage times, and where they changed")
    flaky = actions.add_parser("flaky", help="which tests flake, on which device")
    for action, run in ((show, _show), (trend, _trend), (flaky, _flaky)):
        _add_selection(action)
        action.set_defaults(run=run)
    trend.add_argument("--stage", metavar="NAME", help="only this stage's times, e.g. BL2")
    trend.add_argument(
        "--boot", type=int, default=0, metavar="N", help="boot of a run, from 0; default: the first"
    )
    trend.add_argument(
        "--min-change",
        type=float,
        metavar="PART",
        help="smallest change of a stage's median to tell; default: 0.05",
    )


def _add_add(actions: Commands) -> None:
    put = actions.add_parser("add", help="put runs in; known ones are left, or brought up to date")
    put.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run, or a folder of runs")
    _add_db(put)
    put.add_argument("--json", action="store_true", help="as JSON")
    put.set_defaults(run=_add)


def _add_db(action: argparse.ArgumentParser) -> None:
    from hil.report.history.database import DEFAULT

    action.add_argument(
        "--db", type=Path, default=DEFAULT, metavar="FILE", help=f"the history; default: {DEFAULT}"
    )


def _add_selection(action: argparse.ArgumentParser) -> None:
    _add_db(action)
    action.add_argument(
        "--test", metavar="GLOB", help="only these tests: * and ? in an id or its end"
    )
    action.add_argument("--board", metavar="GLOB", help="only these boards")
    action.add_argument(
        "--since", metavar="WHEN", help="only runs since a date, a time, or 36h, 14d, 8w ago"
    )
    action.add_argument("--all", action="store_true", help="every row, not only the first")
    action.add_argument("--limit", type=int, default=20, metavar="N", help="rows; default: 20")
    action.add_argument(
        "--plot", type=Path, metavar="FILE", help="also draw it: .png, .svg or .pdf"
    )
    action.add_argument("--json", action="store_true", help="as JSON; the same as --format json")
    action.add_argument("--format", choices=["text", "markdown", "json"], default="text")


def _add(options: argparse.Namespace) -> int:
    from hil.report.history.adding import Added, add_run
    from hil.report.history.database import to_write
    from hil.report.recorded import read_record
    from hil.report.runs_view import find_runs

    folders = [folder for given in options.runs for folder in find_runs(given)]
    if not folders:
        raise UsageError(f"no run in {', '.join(map(str, options.runs))}")
    became: dict[str, list[str]] = {str(kind): [] for kind in Added}
    bad: list[str] = []
    with to_write(options.db) as db:
        for folder in folders:
            try:
                run = read_record(folder)
                became[add_run(db, run)].append(run.id)
            except HilError as error:
                bad.append(str(error))
                print(f"hil: {error}", file=sys.stderr)
    if options.json:
        print(json.dumps(became | {"unreadable": bad}, indent=2))
    else:
        told = [f"{len(runs)} {kind}" for kind, runs in became.items() if runs]
        told += [f"{len(bad)} unreadable"] * bool(bad)
        print(f"{options.db}: {', '.join(told)}")
    return 1 if bad else 0


def _show(options: argparse.Namespace) -> int:
    from hil.report.history.database import to_read
    from hil.report.history.passing import test_histories
    from hil.report.history.runs import board_runs
    from hil.report.history.text import show_text

    with to_read(options.db) as db:
        names = _begin(options, db)
        found = test_histories(db, names)
        boards = board_runs(db, names)
        if options.plot is not None:
            from hil.report.history.plot_results import plot_results

            plot_results(db, names, found, options.plot)
    data = {
        "boards": (one.to_dict() for one in boards),
        "tests": (one.to_dict() for one in found),
    }
    _print(options, data, show_text, (boards, found))
    return 0


def _trend(options: argparse.Namespace) -> int:
    from hil.report.history.database import to_read
    from hil.report.history.text import trend_text
    from hil.report.history.trends import pass_rates, stage_times

    with to_read(options.db) as db:
        names = _begin(options, db)
        effect = {} if options.min_change is None else {"min_effect": options.min_change}
        found = [] if options.stage else pass_rates(db, names)
        found += stage_times(db, names, boot=options.boot, stage=options.stage, **effect)
    if options.plot is not None:
        from hil.report.history.plots import plot_trend

        plot_trend(found, options.plot)
    _print(options, {"series": (one.to_dict() for one in found)}, trend_text, found)
    return 0


def _flaky(options: argparse.Namespace) -> int:
    from hil.report.history.database import to_read
    from hil.report.history.flakes import find_flakes
    from hil.report.history.text import flakes_text

    with to_read(options.db) as db:
        names = _begin(options, db)
        found = find_flakes(db, names)
    if options.plot is not None:
        from hil.report.history.plots import plot_flakes

        plot_flakes(found, options.plot)
    data = {
        "devices": (one.to_dict() for one in found.devices),
        "tests": (one.to_dict() for one in found.tests),
    }
    _print(options, data, flakes_text, found)
    return 0


def _begin(options: argparse.Namespace, db: Any) -> Names:
    from hil.report.history.selection import Names, Selection, parse_since

    if options.limit < 1:
        raise UsageError(f"--limit {options.limit}: expected 1 or more")
    if options.plot is not None:
        from hil.report.history.plots import check_name

        check_name(options.plot)
    since = parse_since(options.since) if options.since else None
    return Names(db, Selection(options.test, options.board, since))


def _print(
    options: argparse.Namespace, data: Mapping[str, Iterable[Any]], render: Any, found: Any
) -> None:
    if options.json or options.format == "json":
        told = {"schema": 1} | {key: list(values) for key, values in data.items()}
        print(json.dumps(told, indent=1))
        return
    from hil.report.tables import STYLES

    lines = render(found, STYLES[options.format], None if options.all else options.limit)
    print("\n".join(lines).lstrip("\n"))
