# SPDX-License-Identifier: Apache-2.0
"""`hil boards`: list, show, check board files, and their schema."""

from __future__ import annotations

import argparse
import json
import sys

from hil.commands.options import Commands, add_boards_folder
from hil.errors import HilError


def add(commands: Commands) -> None:
    """Add `hil boards` and its actions."""
    boards = commands.add_parser("boards", help="board files: list, show, schema, check")
    actions = boards.add_subparsers(metavar="ACTION")
    boards.set_defaults(run=_list)
    listing = actions.add_parser("list", help="all boards that --board can name")
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="one board with all its values, secrets left out")
    show.add_argument("board", metavar="NAME")
    show.set_defaults(run=_show)
    schema = actions.add_parser("schema", help="JSON schema of a board file")
    schema.set_defaults(run=_schema)
    check = actions.add_parser("check", help="check board files; file:line of every mistake")
    check.add_argument("files", nargs="+", metavar="FILE")
    check.set_defaults(run=_check)
    for command in (boards, listing, show, check):
        add_boards_folder(command)


def _list(options: argparse.Namespace) -> int:
    from hil.bench.board_file import list_boards, load_board

    status = 0
    for path in list_boards(options.boards):
        try:
            board = load_board(path).board
            kind = f"{board.launcher.kind}, {len(board.rses)} RSE{'s' * (len(board.rses) > 1)}"
            print(f"{board.name:<28} TF-M {board.release:<8} {kind:<16} {board.description}")
        except HilError as error:
            status = 1
            print(f"{path.stem:<28} not usable: {str(error).splitlines()[0]}")
    return status


def _show(options: argparse.Namespace) -> int:
    import yaml

    from hil.bench.board_file import find_board, load_board
    from hil.report.run_record import without_secrets

    file = load_board(find_board(options.board, options.boards))
    print(f"# {file.path}")
    values = without_secrets(file.board.model_dump(mode="json", exclude_unset=True))
    print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), end="")
    return 0


def _schema(options: argparse.Namespace) -> int:
    from hil.bench.board import Board

    del options
    print(json.dumps(Board.model_json_schema(), indent=2))
    return 0


def _check(options: argparse.Namespace) -> int:
    from hil.bench.board_file import find_board, load_board

    wrong = 0
    for name in options.files:
        try:
            file = load_board(find_board(name, options.boards))
            print(f"{name}: ok ({file.board.name})")
        except HilError as error:
            wrong += 1
            print(error, file=sys.stderr)
    return 2 if wrong else 0
