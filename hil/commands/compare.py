# SPDX-License-Identifier: Apache-2.0
"""`hil compare`: what changed between two runs, or two groups of runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hil.commands.options import Commands
from hil.errors import UsageError

_EPILOG = """\
examples:
  hil compare runs/A runs/B                 two runs
  hil compare A1 A2 A3 -- B1 B2 B3          several each, which shows what times vary anyway
  hil compare nightly/before nightly/after  two folders of runs

exit status:
  0  no verdict differs (times, images, settings and log lines may)
  1  the verdict of a run or of a test differs
  2  a run cannot be read, or the command line is wrong"""

#: Stands for "--", which argparse takes away.
_SEPARATOR = "\0--"


def add(commands: Commands) -> None:
    """Add `hil compare`."""
    compare = commands.add_parser(
        "compare",
        help="what changed between two runs: verdicts, times, images, log lines",
        description="Compares run A with run B, or all runs left of -- with all runs right of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="hil compare [options] A B  |  hil compare [options] A... -- B...",
    )
    compare.add_argument(
        "runs", nargs="+", metavar="RUN", help="the folder of a run, or a folder of runs"
    )
    compare.add_argument("--format", choices=["text", "markdown", "json"], default="text")
    compare.add_argument("--json", action="store_true", help="the same as --format json")
    compare.add_argument("--all", action="store_true", help="every row, not only the first")
    compare.add_argument("--limit", type=int, default=20, metavar="N", help="rows; default: 20")
    compare.set_defaults(run=_compare)
    _keep_separator(compare)


def _keep_separator(parser: argparse.ArgumentParser) -> None:
    """Let the parser see where side A ends: argparse drops "--" before anyone can."""
    parse = parser.parse_known_args

    def parse_all(args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        marked = [_SEPARATOR if word == "--" else word for word in args or ()]
        return parse(marked, namespace)

    setattr(parser, "parse_known_args", parse_all)  # noqa: B010 - mypy forbids the plain form


def _compare(options: argparse.Namespace) -> int:
    from hil.report.compare.comparison import compare
    from hil.report.compare.sides import read_side
    from hil.report.compare.text import comparison_text
    from hil.report.tables import STYLES

    if options.limit < 1:
        raise UsageError(f"--limit {options.limit}: expected 1 or more")
    a, b = _sides(options.runs)
    found = compare(read_side(a), read_side(b))
    if options.json or options.format == "json":
        print(json.dumps(found.to_dict(), indent=1))
    else:
        limit = None if options.all else options.limit
        print("\n".join(comparison_text(found, STYLES[options.format], limit)))
    return 1 if found.verdicts_differ else 0


def _sides(words: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Split what was given at "--"; two without it are A and B."""
    count = words.count(_SEPARATOR)
    if count > 1:
        raise UsageError("-- stands once, between the runs of side A and those of side B")
    if count:
        place = words.index(_SEPARATOR)
        a, b = words[:place], words[place + 1 :]
    else:
        a, b = words[:1], words[1:]
        if len(b) > 1:
            raise UsageError(
                f"{len(words)} runs: which against which? hil compare A1 A2 -- B1 B2 tells"
            )
    if not a or not b:
        raise UsageError("nothing to compare with: expected hil compare A B, or A... -- B...")
    return [Path(word) for word in a], [Path(word) for word in b]
