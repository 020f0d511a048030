# SPDX-License-Identifier: Apache-2.0
"""`hil model check`: recorded results of the firmware's own C code against the model."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hil.commands.options import Commands
from hil.errors import HilError, UsageError

#: A file larger than this is no file of results.
_MOST_BYTES = 256 << 20


def add(actions: Commands) -> None:
    """Add the action."""
    check = actions.add_parser(
        "check",
        help="check recorded results of the firmware's own code",
        description="Checks JSON files with recorded handshakes and key derivations case by case; "
        "exit status 0 if all agree, 1 if one differs, 2 if a file cannot be read.",
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("-v", "--verbose", action="store_true", help="every case, with its result")
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    status = 0
    for path in options.files:
        try:
            status = max(status, _check_file(path, verbose=options.verbose))
        except HilError as error:
            sys.stdout.flush()
            print(f"hil: {path}: {error}", file=sys.stderr)
            status = 2
    return status


def _check_file(path: Path, *, verbose: bool) -> int:
    from hil.model.vectors import check_vectors

    results = list(check_vectors(_read(path)))
    failed = [result for result in results if not result.passed]
    compared = sum(result.compared for result in results)
    passed = len(results) - len(failed)
    print(f"{path}: {passed} passed, {len(failed)} failed ({compared} values compared)")
    for result in results if verbose else failed[:1]:
        if result.passed:
            print(f"  ok       {result.name}")
        else:
            print(f"  differs  {result.name}: {result.difference}")
    if len(failed) > 1 and not verbose:
        print("  (the first of them; -v shows all)")
    return 1 if failed else 0


def _read(path: Path) -> object:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"larger than {_MOST_BYTES >> 20} MiB: no file of results")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(error.strerror or str(error)) from None
    except json.JSONDecodeError as error:
        raise UsageError(f"line {error.lineno}: not JSON: {error.msg}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from None
