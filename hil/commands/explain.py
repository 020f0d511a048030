# SPDX-License-Identifier: Apache-2.0
"""`hil explain`: why the RSEs of a run, or of some UART logs, did not agree."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.commands.options import Commands, add_boards_folder
from hil.errors import HilError, UsageError

if TYPE_CHECKING:
    from hil.bench.board import Board
    from hil.diagnosis.observation import Case

_LOG = re.compile(r"rse(\d{1,2})(?:\D.*)?")


def add(commands: Commands) -> None:
    """Add `hil explain`."""
    explain = commands.add_parser(
        "explain",
        help="why the RSEs of a run or of UART logs did not agree",
        description="Says in one sentence what went wrong, and ranks the causes with what speaks for "
        "and against each. Takes the folder of a run, or UART logs, one for each RSE: by their names "
        "(rse0.log, rse1.log, ...), or in the order of ids.",
    )
    explain.add_argument("what", nargs="+", type=Path, metavar="RUN | LOG...")
    explain.add_argument(
        "--board", metavar="NAME", help="board of the logs: its keys and its state"
    )
    explain.add_argument(
        "--release", metavar="NAME", help="TF-M release, if board and logs do not say"
    )
    explain.add_argument(
        "--source", choices=["bl1_2", "runtime"], help="whose fingerprints to judge"
    )
    explain.add_argument(
        "--lenient", action="store_true", help="leave out report lines that cannot be read"
    )
    explain.add_argument("--json", action="store_true", help="as JSON")
    add_boards_folder(explain)
    explain.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    from hil.diagnosis.diagnose import Verdict, diagnose
    from hil.diagnosis.rendering import render

    diagnosis = diagnose(_case(options), source=options.source)
    if options.json:
        print(json.dumps(diagnosis.to_dict(), indent=2))
    else:
        print(render(diagnosis))
    return 0 if diagnosis.verdict is Verdict.FINE else 1


def _case(options: argparse.Namespace) -> Case:
    from hil.diagnosis.logs import case_of_logs

    paths: list[Path] = options.what
    board, release = _named_board(options), options.release
    notes: list[str] = []
    title = ", ".join(path.name for path in paths)
    if len(paths) == 1 and _is_there(paths[0].is_dir):
        folder = paths[0]
        if (folder / "run.json").is_file():
            run = _run(folder)
            title = str(run.get("id", folder.name))
            if board is None:
                board, notes = _recorded_board(folder, run)
            if release is None and board is None:
                release = str(run["release"]) if run.get("release") else None
        logs = _logs_in(folder)
    else:
        logs = _by_name(paths)
    return case_of_logs(
        logs,
        title=title,
        board=board,
        release=release,
        lenient=options.lenient,
        notes=tuple(notes),
    )


def _named_board(options: argparse.Namespace) -> Board | None:
    from hil.bench.board_file import find_board, load_board

    if options.board is None:
        return None
    return load_board(find_board(options.board, options.boards)).board


def _run(folder: Path) -> dict[str, Any]:
    from hil.report.runs_view import read_run

    return read_run(folder).run


def _recorded_board(folder: Path, run: dict[str, Any]) -> tuple[Board | None, list[str]]:
    """Return the board of a run, if its file is still what it was; else a note why not."""
    from hil.bench.board import file_digest
    from hil.bench.board_file import load_board

    told = run.get("board")
    path = Path(str(told.get("file", ""))) if isinstance(told, dict) else Path()
    without = "the keys of the board are not known: values are compared, not computed"
    if not _is_there(path.is_file):
        return None, [f"{folder / 'run.json'}: board.file: {path} is not there; {without}"]
    if isinstance(told, dict) and told.get("sha256") != file_digest(path):
        return None, [
            f"{path} is not what it was at the run; {without} (--board takes it as it is)"
        ]
    try:
        return load_board(path).board, []
    except HilError as error:
        return None, [f"{error}; {without}"]


def _is_there(check: Callable[[], bool]) -> bool:
    """Whether a path is a file or a folder; one that the system cannot take is neither."""
    try:
        return check()
    except OSError:
        return False


def _logs_in(folder: Path) -> dict[int, Path]:
    places = [folder / "uart", folder]
    for place in places:
        if found := sorted(place.glob("rse*.log")):
            return _by_name(found)
    raise UsageError(
        f"{folder}: no UART logs; expected {folder}/uart/rse0.log or {folder}/rse0.log"
    )


def _by_name(paths: Sequence[Path]) -> dict[int, Path]:
    """Return logs by RSE id: as their names say if all do, else in their order."""
    found = [int(match[1]) for path in paths if (match := _LOG.fullmatch(path.name))]
    numbers = found if len(found) == len(paths) else list(range(len(paths)))
    logs: dict[int, Path] = {}
    for number, path in zip(numbers, paths, strict=True):
        if number in logs:
            raise UsageError(f"{path}: RSE {number} has a log already: {logs[number]}")
        logs[number] = path
    return logs
