# SPDX-License-Identifier: Apache-2.0
"""`hil fvp`: the command line with which a board's model is started, to run it by hand."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hil.commands.options import Commands, add_boards_folder
from hil.errors import UsageError

if TYPE_CHECKING:
    from hil.bench.board_file import BoardFile
    from hil.targets.fvp_invocation import Invocation
    from hil.targets.fvp_settings import FvpSettings
    from hil.targets.load import LoadPlan

_EPILOG = """\
Prints lines for a shell: a folder for what the model writes, copies of the images that it would write,
and the command itself. Nothing is started. Keys are left out, with a remark where.
  hil fvp BOARD          as the board file says now; images that must be built are put in the folder
  hil fvp runs/2026...   as that run started it, from its record
  hil fvp BOARD | sh     to start it"""


def add(commands: Commands) -> None:
    """Add `hil fvp`."""
    fvp = commands.add_parser(
        "fvp",
        help="the command line of a board's or a run's model, to run it by hand",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fvp.add_argument("what", metavar="BOARD | RUN")
    fvp.add_argument(
        "--folder", type=Path, metavar="DIR", help="for what the model writes (default: ./fvp-NAME)"
    )
    fvp.add_argument(
        "--start", type=int, default=1, metavar="N", help="of a run: its Nth start (default: 1)"
    )
    fvp.add_argument(
        "--no-images", action="store_true", help="of a board: leave out the images that it loads"
    )
    fvp.add_argument("--one-line", action="store_true", help="the command on one line")
    fvp.add_argument("--json", action="store_true", help="as JSON")
    fvp.set_defaults(run=_fvp)
    add_boards_folder(fvp)


def _fvp(options: argparse.Namespace) -> int:
    run = Path(options.what)
    recorded = (run / "run.json").is_file()
    title = run.resolve().name if recorded else options.what
    folder = (options.folder or Path(f"fvp-{Path(title).stem}")).absolute()
    found = _of_run(run, options.start) if recorded else _of_board(options, folder)
    invocation = found.moved(folder)
    if options.json:
        print(json.dumps(invocation.told(), indent=2))
    else:
        print(invocation.script(title=title, wrapped=not options.one_line))
    return 0


def _of_run(run: Path, number: int) -> Invocation:
    from hil.report.record_lines import Lines
    from hil.targets.fvp_invocation import Invocation

    starts = [event for event in Lines(run / "events.jsonl") if event.get("kind") == "fvp"]
    if not starts:
        raise UsageError(f"{run}: no start of a model is recorded; expected a run on an FVP")
    if not 1 <= number <= len(starts):
        raise UsageError(f"--start {number}: {run} has the starts 1 to {len(starts)}")
    return Invocation.of(starts[number - 1], where=f"{run / 'events.jsonl'}, start {number}")


def _of_board(options: argparse.Namespace, folder: Path) -> Invocation:
    from hil.bench.board_file import find_board, load_board
    from hil.bench.image_plan import build_plan
    from hil.targets.fvp_settings import FvpSettings
    from hil.targets.load import LoadPlan

    file = load_board(find_board(options.what, options.boards))
    settings = file.board.launcher
    if not isinstance(settings, FvpSettings):
        raise UsageError(
            f"{file.board.name}: its launcher is {settings.kind}; expected a board with an FVP"
        )
    try:
        plan = LoadPlan(()) if options.no_images else build_plan(file, folder / "images")
        with tempfile.TemporaryDirectory(prefix="hil-fvp-") as state:
            return _start(file, settings, Path(state), plan)
    finally:
        _clear(folder)


def _clear(folder: Path) -> None:
    """Remove folders in which no image was put."""
    from hil.images.files import LOCK

    images = folder / "images"
    if images.is_dir() and [path.name for path in images.iterdir()] == [LOCK]:
        (images / LOCK).unlink()
    for empty in (images, folder):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()


def _start(file: BoardFile, settings: FvpSettings, state: Path, plan: LoadPlan) -> Invocation:
    """What the first start of a run would be, with its files in `state`."""
    from hil.targets.fvp_start import by_hand

    base = file.path.parent.absolute()
    return by_hand(settings, file.board.rse_ids, plan.images, state=state, base=base)
