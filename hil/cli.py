# SPDX-License-Identifier: Apache-2.0
"""The `hil` command: what goes with `pytest testcases --board NAME`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hil
from hil.errors import HilError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; exit status 0 = fine, 1 = a finding, 2 = wrong usage or no answer."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except HilError as error:
        for line in str(error).splitlines():
            print(f"hil: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # `hil log FILE | head`: the reader has seen enough. Keep Python from flushing again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hil", description=__doc__)
    parser.add_argument("--version", action="version", version=f"rse-hil {hil.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    boards = commands.add_parser("boards", help="board files: list, show, schema, check")
    actions = boards.add_subparsers(metavar="ACTION")
    boards.set_defaults(run=_boards_list)
    listing = actions.add_parser("list", help="all boards that --board can name")
    listing.set_defaults(run=_boards_list)
    show = actions.add_parser("show", help="one board with all its values, secrets left out")
    show.add_argument("board", metavar="NAME")
    show.set_defaults(run=_boards_show)
    schema = actions.add_parser("schema", help="JSON schema of a board file")
    schema.set_defaults(run=_boards_schema)
    check = actions.add_parser("check", help="check board files; file:line of every mistake")
    check.add_argument("files", nargs="+", metavar="FILE")
    check.set_defaults(run=_boards_check)

    doctor = commands.add_parser("doctor", help="what is missing to run a board, and what mends it")
    doctor.add_argument("board", nargs="?", metavar="BOARD")
    doctor.set_defaults(run=_doctor)

    log = commands.add_parser("log", help="read UART logs: stages, times, first error, verdict")
    log.add_argument("files", nargs="+", type=Path, metavar="FILE")
    log.set_defaults(run=_log)

    runs = commands.add_parser("runs", help="verdicts and places of the runs in a folder")
    runs.add_argument("folder", nargs="?", type=Path, default=Path("runs"))
    runs.set_defaults(run=_runs)

    for command in (boards, listing, show, check, doctor):
        command.add_argument(
            "--boards",
            action="append",
            default=[],
            type=Path,
            metavar="DIR",
            help="another folder of board files, searched first",
        )
    return parser


def _boards_list(options: argparse.Namespace) -> int:
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


def _boards_show(options: argparse.Namespace) -> int:
    import yaml

    from hil.bench.board_file import find_board, load_board
    from hil.report.run_record import without_secrets

    file = load_board(find_board(options.board, options.boards))
    print(f"# {file.path}")
    values = without_secrets(file.board.model_dump(mode="json", exclude_unset=True))
    print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), end="")
    return 0


def _boards_schema(options: argparse.Namespace) -> int:
    from hil.bench.board import Board

    del options
    print(json.dumps(Board.model_json_schema(), indent=2))
    return 0


def _boards_check(options: argparse.Namespace) -> int:
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


def _doctor(options: argparse.Namespace) -> int:
    from hil.bench.board_file import find_board, load_board
    from hil.bench.doctor import examine_board, examine_host, render_findings

    findings = examine_host()
    if options.board:
        findings += examine_board(load_board(find_board(options.board, options.boards)))
    print(render_findings(findings, options.board))
    return 1 if any(finding.missing for finding in findings) else 0


def _log(options: argparse.Namespace) -> int:
    from hil.uart.log_reader import read_log, render

    failed = 0
    for number, path in enumerate(options.files):
        if number:
            print()
        try:
            print(render(read_log(path)))
        except HilError as error:
            failed += 1
            print(f"hil: {error}", file=sys.stderr)
    return 2 if failed else 0


def _runs(options: argparse.Namespace) -> int:
    from hil.report.runs_view import find_runs, read_run, render_run

    count = bad = 0
    for folder in find_runs(options.folder):
        count += 1
        try:
            run = read_run(folder)
        except HilError as error:
            bad += 1
            print(f"{'DAMAGED':<12} {error}")
            continue
        bad += not run.passed
        print(render_run(run))
    if not count:
        print(f"no run in {options.folder}")
    return 0 if count and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
