# SPDX-License-Identifier: Apache-2.0
"""A log's reading for a terminal: plain text, nothing that moves the cursor, no keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from hil.uart.boot_errors import decoded_as, explain
from hil.uart.events import Event
from hil.uart.log_reading import LogReading
from hil.uart.log_text import shown
from hil.uart.release_guess import ReleaseGuess
from hil.uart.report_lines import MalformedReport, Report, SeedsReport, StateReport
from hil.uart.stages import Boot
from hil.uart.suites import SuiteResults

#: Boots, report lines and failed tests shown; the counts are exact beyond it.
_SHOWN = 12
_MAX_TEXT = 160


def render(reading: LogReading) -> str:
    """Return a reading as lines of text."""
    return "\n".join(_lines(reading))


def _lines(reading: LogReading) -> Iterator[str]:
    boots = f"{reading.boot_count} boot{'' if reading.boot_count == 1 else 's'}"
    if reading.banners < reading.boot_count:
        boots += f", {reading.banners or 'none'} with lines of a boot loader"
    yield f"{reading.name}: {reading.size} bytes, {reading.lines} lines, {boots}"
    yield _row("result", reading.verdict.outcome.upper())
    yield _row("verdict", str(reading.verdict))
    yield _row("release", str(reading.release))
    if reading.chip_id is not None:
        yield _row("chip id", str(reading.chip_id))
    if reading.wall_start is not None:
        began = datetime.fromtimestamp(reading.wall_start, UTC)
        yield _row("began", f"{began:%Y-%m-%d %H:%M:%S} UTC")
    yield from _boots(reading.boots)
    yield from _errors(reading)
    yield from _tests("tests", reading.regression)
    yield from _tests("psa-arch", reading.arch)
    for report in reading.reports[:_SHOWN]:
        if not isinstance(report, MalformedReport):
            yield _row("report", _report(report))
    for finding in reading.findings[:_SHOWN]:
        yield _row("odd", finding)
    if reading.last_line:
        cut = " (line not ended)" if reading.cut else ""
        yield _row("last line", f"{reading.last_line!r}{cut}")


def _errors(reading: LogReading) -> Iterator[str]:
    first, halt = reading.first_error, reading.halt
    if first is not None:
        yield _row("first error", _place(first, reading.release))
    if halt is not None and halt is not first:
        yield _row("halt", _place(halt, reading.release))
    told = [decoded_as(event, reading.release) for event in (first, halt) if event is not None]
    for text in dict.fromkeys(text for text in told if text):
        yield _row("", text)
    dump = next((boot.dump for boot in reversed(reading.boots) if boot.dump), None)
    if dump:
        yield _row("exception", "; ".join(f"{name} {value}" for name, value in dump.items()))


def _row(name: str, text: str) -> str:
    return f"  {name:<12}{shown(text, 4 * _MAX_TEXT)}"


def _boots(boots: tuple[Boot, ...]) -> Iterator[str]:
    left_out = len(boots) - _SHOWN
    for place, boot in enumerate(boots):
        if left_out > 0 and _SHOWN // 2 <= place < len(boots) - _SHOWN // 2:
            if place == _SHOWN // 2:
                yield _row("", f"... {left_out} more boots ...")
            continue
        stages = " > ".join(
            s.stage if s.t is None else f"{s.stage} {s.t:.3f} s" for s in boot.stages
        )
        recovery = " (recovery: provisioning in BL1_2)" if boot.recovery else ""
        tests = "".join(
            f"; {name}: {_counts(results)}"
            for name, results in (("tests", boot.regression), ("psa-arch", boot.arch))
            if results.total and len(boots) > 1
        )
        yield _row(f"boot {boot.number + 1}", (stages or "no stage seen") + recovery + tests)


def _place(event: Event, release: ReleaseGuess) -> str:
    line = event.line
    at = "" if line.t is None else f", {line.t:.3f} s"
    return f"line {line.number + 1}, offset {line.start}{at}: {explain(event, release)}"


def _tests(name: str, results: SuiteResults) -> Iterator[str]:
    if not (results.total or results.running):
        return
    text = _counts(results)
    if results.running:
        text += f"; {results.running} did not finish"
    if results.interrupted:
        text += f"; cut off by a reset: {', '.join(results.interrupted[:_SHOWN])}"
    yield _row(name, text)
    for failure in results.failures[:_SHOWN]:
        yield _row("", f"failed {failure.test}: {failure.why}")


def _counts(results: SuiteResults) -> str:
    return f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped"


def _report(report: Report) -> str:
    if isinstance(report, SeedsReport):
        return f"RSE {report.rse} seeds {', '.join(report.fps)}"
    if isinstance(report, StateReport):
        return (
            f"RSE {report.rse} state lcs {report.lcs} tp {report.tp:08x} reprov {report.reprov} "
            f"bl1_2 {report.bl1_2} policy {report.policy:x}"
        )
    if isinstance(report, MalformedReport):
        return f"{report.text!r}: {report.why}"
    return f"RSE {report.rse} of {report.of} vHUK fingerprint ({report.src}) {report.fp}"
