# SPDX-License-Identifier: Apache-2.0
"""Reads any UART log: one of this project's runs, of another tool, or a file that came by mail."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hil.errors import UsageError
from hil.uart.log_reading import LogReading
from hil.uart.log_render import render
from hil.uart.log_times import LogTimes, find_times
from hil.uart.report_lines import MalformedReport
from hil.uart.scanner import Scanner
from hil.uart.stages import Boot
from hil.uart.verdict import judge

__all__ = ["LogReading", "read_log", "read_logs", "render"]

_CHUNK = 1 << 20


def read_log(path: Path | str) -> LogReading:
    """Read one log.

    Raises:
        UsageError: It is missing, a folder, or cannot be read.
    """
    log = Path(path)
    if log.is_dir():
        raise UsageError(f"{log} is a folder; expected a UART log, e.g. {log}/rse0.log")
    times = find_times(log)
    scanner = Scanner(times.time_at)
    try:
        with log.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                scanner.feed(chunk)
    except FileNotFoundError:
        raise UsageError(f"{log}: no such file; expected a UART log") from None
    except OSError as error:
        raise UsageError(f"{log} cannot be read: {error.strerror}") from None
    finally:
        cut = scanner.partial is not None and bool(scanner.partial.text)
        scanner.finish()
        times.close()
    return _reading(log, scanner, times, cut)


def read_logs(paths: Iterable[Path | str]) -> list[LogReading]:
    """Read several logs."""
    return [read_log(path) for path in paths]


def _reading(path: Path, scanner: Scanner, times: LogTimes, cut: bool) -> LogReading:
    boots = scanner.tracker.boots if scanner.recognised else ()
    arch = scanner.arch.results()
    last = boots[-1] if boots else Boot(0)
    reports = tuple(report for boot in boots for report in boot.reports)
    malformed = [r for r in reports if isinstance(r, MalformedReport)]
    marker = None
    if last.end is not None:
        marker = "EOT" if last.end.row.number == "110" else "standby"
    return LogReading(
        path=path,
        size=scanner.size,
        lines=scanner.lines,
        boots=boots,
        regression=scanner.regression.results(),
        arch=arch,
        first_error=scanner.first_error,
        halt=last.halt or last.exception,
        end_marker=marker,
        chip_id=next((b.chip_id for b in reversed(boots) if b.chip_id is not None), None),
        release=scanner.release.guess(),
        reports=reports,
        last_line=scanner.last_text,
        cut=cut,
        times=times.source,
        wall_start=times.wall_start,
        findings=(
            *times.findings,
            *(f"report line {r.text!r}: {r.why}" for r in malformed),
            *arch.gaps,
        ),
        verdict=judge(scanner),
    )
