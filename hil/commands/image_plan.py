# SPDX-License-Identifier: Apache-2.0
"""`hil image plan`: what goes where on a board, and what is wrong with it, before it is loaded."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hil.commands.image_values import printable
from hil.commands.options import Commands, add_boards_folder

if TYPE_CHECKING:
    from hil.bench.assembly import Tree
    from hil.images.plan import Plan


def add(actions: Commands) -> None:
    """Add the action."""
    plan = actions.add_parser(
        "plan",
        help="what goes where on a board: addresses, files, and how the launcher gets them",
        description="Checks the images of a board before anything is touched: overlaps, holes, out "
        "of range, another release, files that are out of date. Exit status 1: something is wrong.",
    )
    add_inputs(plan)
    plan.set_defaults(run=_plan)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the board and the folders that its images come from."""
    parser.add_argument("board", metavar="BOARD")
    parser.add_argument(
        "tree",
        metavar="DIR",
        type=Path,
        nargs="?",
        help="TF-M's build tree, or a folder with the files of its bin: what board files call "
        "${HIL_TFM_BIN}",
    )
    parser.add_argument(
        "--host-images",
        type=Path,
        metavar="DIR",
        help="what board files call ${HIL_HOST_IMAGES}; the folder of the build tree by default",
    )
    add_boards_folder(parser)


def tree_of(options: argparse.Namespace) -> Tree | None:
    """Return the folders that were given.

    Raises:
        UsageError: one of them does not exist.
    """
    from hil.bench.assembly import Tree
    from hil.errors import UsageError

    for folder in (options.tree, options.host_images):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"no folder {folder}")
    if options.tree is None:
        return None
    return Tree.at(options.tree, options.host_images)


def _plan(options: argparse.Namespace) -> int:
    from hil.bench.assembly import make_plan
    from hil.bench.board_file import find_board, load_board

    file = load_board(find_board(options.board, options.boards))
    with tempfile.TemporaryDirectory(prefix="hil-plan-") as cache:
        plan = make_plan(file, tree_of(options), Path(cache))
        where = file.board.platform or "no platform: only overlaps are found"
        print(f"{file.board.name}: TF-M {file.board.release}, {file.board.launcher.kind}, {where}")
        print(table(plan, Path(cache)))
    for note in plan.notes:
        print(f"taken by content: {printable(note)}")
    for problem in plan.problems:
        print(printable(problem), file=sys.stderr)
    return 1 if plan.problems else 0


def table(plan: Plan, built: Path) -> str:
    """Return the plan as lines of columns; RSEs that get the same file share a line.

    Args:
        plan: What goes where.
        built: Folder of files that are made for the plan and have no lasting name.
    """
    from hil.images.assemble import by_content

    rows = [("RSE", "image", "from", "to", "bytes", "place", "version", "file", "how")]
    for group in by_content(plan.placements):
        image = group[0].image
        rses = ",".join(str(each.image.rse) for each in group)
        file = "(built)" if image.path.is_relative_to(built) else str(image.path)
        how = group[0].how.replace(str(image.path), file)
        if len(group) > 1:
            how = how.replace(f"RSE{image.rse}.", "RSEn.")
        rows.append(
            (
                rses, image.name, f"{image.address:#010x}", f"{image.end - 1:#010x}",
                f"{image.size:#x}", group[0].place or image.memory, image.version or "-", file, how,
            )
        )  # fmt: skip
    rows += [
        ("-", "-", "-", "-", "-", "parameter", "-", str(each.path), f"-C {each.parameter}=...")
        for each in plan.parameters
    ]
    plain = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in plain) for column in range(len(plain[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in plain
    )
