# SPDX-License-Identifier: Apache-2.0
"""Reads any UART log: one of this project's runs, of another tool, or a file that came by mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from hil.errors import UsageError
from hil.uart.device_tests import MAX_TESTS
from hil.uart.log_reading import LogReading
from hil.uart.log_render import render
from hil.uart.log_resets import ordered_resets
from hil.uart.log_times import LogTimes, find_times
from hil.uart.report_lines import MalformedReport
from hil.uart.scanner import Scanner
from hil.uart.stages import MAX_BOOTS, Boot
from hil.uart.verdict import judge

__all__ = ["LogReading", "opened", "read_log", "read_logs", "read_stream", "reading_of", "render"]

_CHUNK = 1 << 20


def read_log(path: Path | str, release: str | None = None) -> LogReading:
    """Read one log.

    Args:
        path: The log.
        release: The TF-M release that printed it; without it the log is asked.

    Raises:
        UsageError: It is missing, a folder, or cannot be read.
    """
    log = Path(path)
    with opened(log) as stream:
        times = find_times(log)
        try:
            return read_stream(stream, str(log), times, release, ordered_resets(log))
        finally:
            times.close()


def read_logs(paths: Iterable[Path | str]) -> list[LogReading]:
    """Read several logs."""
    return [read_log(path) for path in paths]


@contextmanager
def opened(log: Path) -> Iterator[BinaryIO]:
    """Open a log for reading.

    Raises:
        UsageError: It is missing, a folder, or cannot be read, now or later.
    """
    if log.is_dir():
        raise UsageError(f"{log} is a folder; expected a UART log, e.g. {log}/rse0.log")
    try:
        with log.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise UsageError(f"{log}: no such file; expected a UART log") from None
    except OSError as error:
        raise UsageError(f"{log} cannot be read: {error.strerror}") from None


def read_stream(
    stream: IO[bytes],
    name: str,
    times: LogTimes | None = None,
    release: str | None = None,
    ordered: Sequence[int] = (),
) -> LogReading:
    """Read a log from an open file, up to its end.

    Args:
        stream: The log.
        name: What it is called in the reading.
        times: When its bytes came, where that is known.
        release: The TF-M release that printed it; without it the log is asked.
        ordered: Offsets at which whoever ran this let the chip go: these resets are no news.
    """
    times = times or LogTimes()
    time_at = times.time_at if times.source else None
    scanner = Scanner(time_at, release=release, ordered=ordered, stamped=True)
    while chunk := stream.read(_CHUNK):
        scanner.skim(chunk)
    return reading_of(scanner, name, times)


def reading_of(scanner: Scanner, name: str, times: LogTimes) -> LogReading:
    """End a stream, and return what it said."""
    cut = scanner.partial is not None and bool(scanner.partial.text)
    scanner.finish()
    boots = scanner.tracker.boots if scanner.recognised else ()
    regression, arch = scanner.regression.results(), scanner.arch.results()
    last = boots[-1] if boots else Boot(0)
    reports = tuple(report for boot in boots for report in boot.reports)
    malformed = [r for r in reports if isinstance(r, MalformedReport)]
    marker = None
    if last.end is not None:
        marker = "EOT" if last.end.row.number == "110" else "standby"
    return LogReading(
        name=name,
        size=scanner.size,
        lines=scanner.lines,
        boots=boots,
        boot_count=scanner.tracker.count if scanner.recognised else 0,
        banners=scanner.tracker.banners if scanner.recognised else 0,
        regression=regression,
        arch=arch,
        tests=tuple(sorted(scanner.records(), key=lambda record: record.start)),
        tests_left_out=scanner.room.dropped,
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
            *regression.gaps,
            *arch.gaps,
            *_caps(scanner),
        ),
        verdict=judge(scanner),
    )


def _caps(scanner: Scanner) -> Iterator[str]:
    """Say what was left out of a reading, which a reader could take for everything."""
    if scanner.tracker.count > MAX_BOOTS + 1:
        told = (
            f"{scanner.tracker.count} boots; only the first and the latest {MAX_BOOTS} are listed"
        )
        yield f"{told}, the others are counted"
    if scanner.room.dropped:
        yield f"only {MAX_TESTS} tests are listed; {scanner.room.dropped} more are counted"
