# SPDX-License-Identifier: Apache-2.0
"""`hil log`: read UART logs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from hil.commands.options import Commands
from hil.errors import HilError, UsageError

if TYPE_CHECKING:
    from hil.uart.log_reading import LogReading

_EPILOG = """\
exit status:
  0  every log is complete: its end marker came and no test failed
  1  a log is not: tests failed, an image was refused, it hangs or is cut, or there is no output
  2  a log cannot be read, or the command line is wrong

A log is complete with the firmware's own last word: the byte EOT, `Entering standby..`, or
`End of Secure test suites` on an RSE that has no non-secure image. Times come from a file beside
the log: NAME.idx, or NAME.timing.jsonl. The JSON schema is described in hil/uart/log_json.py."""

_STDIN = "-"
_COPY_CHUNK = 1 << 20


def add(commands: Commands) -> None:
    """Add `hil log`."""
    log = commands.add_parser(
        "log",
        help="read UART logs: stages, tests, first error, verdict",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    log.add_argument("files", nargs="+", metavar="FILE", help="a UART log; - is standard input")
    log.add_argument("--junit", type=Path, metavar="OUT.xml", help="write a JUnit file as well")
    log.add_argument("--json", action="store_true", help="print JSON instead of text")
    log.add_argument(
        "--release", metavar="R", help="the TF-M release, e.g. 2.2.2; decides what error codes mean"
    )
    log.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on while the logs grow, until each has its end marker or Ctrl-C",
    )
    log.add_argument(
        "--silence",
        type=float,
        metavar="S",
        help="with -f: also end when no log grew for S seconds; good runs are silent for 8.4 s",
    )
    log.set_defaults(run=_log)


def _log(options: argparse.Namespace) -> int:
    _check(options)
    with ExitStack() as stack:
        spooled: dict[str, Path] = {}
        readings, unread = _read(options, stack, spooled)
        if options.junit is not None:
            # Before the text: whoever reads that may go away (`hil log ... | head`).
            _write_junit(options.junit, readings, spooled)
        try:
            _print(readings, as_json=options.json)
        except BrokenPipeError:
            # `hil log FILE | head`: the reader has seen enough; the exit status says the verdict
            # all the same. Keep Python from flushing again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if unread:
        return 2
    return 0 if all(reading.verdict.outcome == "passed" for reading in readings) else 1


def _print(readings: list[LogReading], *, as_json: bool) -> None:
    if as_json:
        from hil.uart.log_json import as_json as values_of

        # Not as one text: a log can hold many tests.
        json.dump([values_of(reading) for reading in readings], sys.stdout, indent=1)
        print()
    else:
        from hil.uart.log_render import render

        print("\n\n".join(render(reading) for reading in readings), end="\n" * bool(readings))
    sys.stdout.flush()


def _check(options: argparse.Namespace) -> None:
    if options.release is not None:
        from hil.uart.codes import generation

        if generation(options.release) is None:
            raise UsageError(
                f"--release {options.release}: no release of TF-M; expected e.g. 2.1.0, 2.2.2, "
                "2.3.1, main or fixed"
            )
    if options.junit is not None and (options.junit.is_dir() or not options.junit.name):
        raise UsageError(f"--junit {options.junit}: is a folder; expected a file, e.g. out.xml")
    if options.files.count(_STDIN) > 1:
        raise UsageError("- is given twice; standard input can be read once")
    if options.silence is not None and not options.follow:
        raise UsageError("--silence needs -f: without it a log is read up to its end at once")
    if options.silence is not None and not options.silence > 0:
        raise UsageError(f"--silence {options.silence}: expected seconds, more than 0")


def _read(
    options: argparse.Namespace, stack: ExitStack, spooled: dict[str, Path]
) -> tuple[list[LogReading], int]:
    """Read all logs; return the readings, and how many logs could not be read."""
    from hil.uart.log_reader import read_log, read_stream

    if options.follow:
        from hil.commands.log_follow import follow

        if _STDIN in options.files:
            raise UsageError("-f needs files; standard input is read up to its end without it")
        return follow([Path(name) for name in options.files], options.release, options.silence), 0
    readings, unread = [], 0
    for name in options.files:
        try:
            if name == _STDIN:
                spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="hil-log-"))  # noqa: SIM115 -- the stack closes it
                spooled[_STDIN] = Path(spool.name)
                _copy(sys.stdin.buffer, spool.file)
                readings.append(read_stream(spool.file, _STDIN, release=options.release))
            else:
                readings.append(read_log(name, options.release))
        except HilError as error:
            unread += 1
            print(f"hil: {error}", file=sys.stderr)
    return readings, unread


def _copy(source: BinaryIO, spool: IO[bytes]) -> None:
    """Keep what comes, so that the excerpts of tests can be read again."""
    while chunk := source.read(_COPY_CHUNK):
        spool.write(chunk)
    spool.flush()
    spool.seek(0)


def _write_junit(path: Path, readings: list[LogReading], spooled: dict[str, Path]) -> None:
    from hil.report.log_junit import write_log_junit

    def reopen(reading: LogReading) -> BinaryIO | None:
        try:
            return spooled.get(reading.name, Path(reading.name)).open("rb")
        except OSError:
            return None

    try:
        write_log_junit(path, readings, reopen)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
