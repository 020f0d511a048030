# SPDX-License-Identifier: Apache-2.0
"""`hil image build`: the images of a board in one folder, with a manifest."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from hil.commands.image_plan import add_inputs, tree_of
from hil.commands.options import Commands


def add(actions: Commands) -> None:
    """Add the action."""
    build = actions.add_parser(
        "build",
        help="write the images of a board, its flash as one file, and a manifest with SHA-256",
        description="Writes nothing when the plan of the board has a problem (exit status 1).",
    )
    add_inputs(build)
    build.add_argument("-o", "--out", type=Path, required=True, metavar="OUT")
    build.set_defaults(run=_build)

    verify = actions.add_parser("check-manifest", help="check the files that a manifest lists")
    verify.add_argument("manifest", type=Path, metavar="MANIFEST")
    verify.set_defaults(run=_verify)


def _build(options: argparse.Namespace) -> int:
    from hil.bench.assembly import make_plan
    from hil.bench.board_file import find_board, load_board
    from hil.bench.image_plan import platform_of
    from hil.images.assemble import assemble

    file = load_board(find_board(options.board, options.boards))
    board = file.board
    tree = tree_of(options)
    with tempfile.TemporaryDirectory(prefix="hil-build-") as cache:
        plan = make_plan(file, tree, Path(cache))
        for note in plan.notes:
            print(f"taken by content: {note}", file=sys.stderr)
        for problem in plan.problems:
            print(problem, file=sys.stderr)
        if plan.problems:
            return 1
        head = {"board": board.name, "release": board.release, "launcher": board.launcher.kind}
        head["platform"] = board.platform or ""
        rom = tree.rom_parts() if tree else None
        manifest = assemble(plan, options.out, head, platform_of(board), rom)
    print(manifest)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from hil.images.manifest import verify_manifest

    number = verify_manifest(options.manifest)
    print(f"{options.manifest}: {number} files are as they were written")
    return 0
