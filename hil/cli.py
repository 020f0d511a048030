# SPDX-License-Identifier: Apache-2.0
"""The `hil` command: what goes with `pytest testcases --board NAME`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

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

    for command in _COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
