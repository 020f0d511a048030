# SPDX-License-Identifier: Apache-2.0
"""A log's reading for a terminal: plain text, nothing that moves the cursor, no keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from hil.uart.boot_errors import explain
from hil.uart.events import Event
from hil.uart.log_reading import LogReading
from hil.uart.report_lines import MalformedReport, Report, SeedsReport, StateReport
from hil.uart.stages import Boot
from hil.uart.suites import SuiteResults

#: Boots, report lines and failed tests shown; the counts are exact beyond it.
_SHOWN = 12
_MAX_TEXT = 160
#: A key of 32 bytes has 64 digits, a fingerprint 32: what is longer than 40 may be a secret.
_LONG_HEX = re.compile(r"[0-9A-Fa-f]{41,}")


def render(reading: LogReading) -> str:
    """Return a reading as lines of text."""
    return "\n".join(_lines(reading))


def _lines(reading: LogReading) -> Iterator[str]:
    boots = f"{len(reading.boots)} boot{'' if len(reading.boots) == 1 else 's'}"
    yield f"{reading.path}: {reading.size} bytes, {reading.lines} lines, {boots}"
    yield _row("verdict", str(reading.verdict))
    yield _row("release", str(reading.release))
    if reading.chip_id is not None:
        yield _row("chip id", str(reading.chip_id))
    if reading.wall_start is not None:
        began = datetime.fromtimestamp(reading.wall_start, UTC)
        yield _row("began", f"{began:%Y-%m-%d %H:%M:%S} UTC")
    yield from _boots(reading.boots)
    release = reading.release.known
    if reading.first_error is not None:
        yield _row("first error", _place(reading.first_error, release))
    if reading.halt is not None and reading.halt is not reading.first_error:
        yield _row("halt", _place(reading.halt, release))
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


def _row(name: str, text: str) -> str:
    return f"  {name:<12}{_shown(text)}"


def _shown(text: str) -> str:
    """Return text that can do no harm on a terminal and holds no key."""
    printable = "".join(c if c.isprintable() else "." for c in text)
    hidden = _LONG_HEX.sub(lambda found: f"<{len(found[0])} digits hidden>", printable)
    return hidden if len(hidden) <= 4 * _MAX_TEXT else hidden[: 4 * _MAX_TEXT - 3] + "..."


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


def _place(event: Event, release: str | None) -> str:
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
