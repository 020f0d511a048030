# SPDX-License-Identifier: Apache-2.0
"""The `hil` command: what goes with `pytest testcases --board NAME`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

import hil
from hil.commands import (
    boards,
    compare,
    console,
    doctor,
    explain,
    fvp,
    history,
    image,
    log,
    model,
    report,
    runs,
    signoff,
)
from hil.errors import HilError

#: In the order of `hil --help`.
_COMMANDS = (
    boards,
    compare,
    console,
    doctor,
    explain,
    fvp,
    history,
    image,
    log,
    model,
    report,
    runs,
    signoff,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; exit status 0 = fine, 1 = a finding, 2 = wrong usage or no answer."""
    for stream in (sys.stdout, sys.stderr):  # a log, or a file's name, may hold what cannot be said
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        with _clearing_up():
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
    except OSError as error:  # a disk that is full, most often that of standard output
        print(f"hil: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        return 130
    return status


@contextlib.contextmanager
def _clearing_up() -> Iterator[None]:
    """Let a cancelled job and a closed terminal end a command by way of its clean-up."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hil", description=__doc__)
    parser.add_argument("--version", action="version", version=f"rse-hil {hil.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for command in _COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
