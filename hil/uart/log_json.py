# SPDX-License-Identifier: Apache-2.0
"""A log's reading as JSON values, for programs. The schema only grows; SCHEMA counts breaks.

One object a log:

    schema          1
    name            path of the log, "-" for standard input
    outcome         "passed", "failed", "refused", "incomplete", "no output" or "foreign"
    verdict         {kind, sentence}: kind as hil.uart.verdict has it
    stopped_by      the line after which nothing followed, or the test that was running or reset
                    the chip, null if the log is complete or does not tell it:
                    {text, line, offset, t} or {test, framework, line, offset, t}
    release         {assumed, generations, why}; assumed is null if the log does not tell it
    bytes, lines    sizes
    boot_count      number of boots
    banners         boots in which a boot loader announced itself: a Release build's is silent
    boots           [{number, banner, stages: [{stage, t, line, offset}], halt, exception, dump,
                    refused_image, refused_slot, chip_id, tfm_version, image_version, end_marker}]
    first_error     {text, line, offset, t} or null; text has the name of the code in it
    end_marker      "EOT", "standby" or null
    totals          {tf-m-tests: {passed, failed, skipped}, psa-arch-tests: {...}}
    tests           [{framework, area, suite, test, verdict, why, where, boot, line, offset, length,
                    t, seconds}], verdict "PASSED", "FAILED", "SKIPPED", "LOST", "CUT", "RESET" or
                    "RUNNING"
    tests_left_out  tests that are counted and not listed
    findings        what is odd about the log, in words

Lines count from 1, boots and offsets from 0; t and seconds are seconds, null where unknown.
"""

from __future__ import annotations

from typing import Any

from hil.uart.boot_errors import explain
from hil.uart.device_tests import DeviceTest
from hil.uart.events import Event
from hil.uart.log_reading import LogReading
from hil.uart.log_text import shown
from hil.uart.release_guess import ReleaseGuess
from hil.uart.stages import Boot
from hil.uart.suites import SuiteResults

SCHEMA = 1
_MAX_TEXT = 1000


def as_json(reading: LogReading) -> dict[str, Any]:
    """Return a reading as values that JSON can hold."""
    release = reading.release
    return {
        "schema": SCHEMA,
        "name": reading.name,
        "outcome": reading.verdict.outcome,
        "verdict": {"kind": reading.verdict.kind, "sentence": _text(reading.verdict.sentence)},
        "stopped_by": _stopped_by(reading),
        "release": {
            "assumed": release.known,
            "generations": list(release.generations),
            "why": _text(release.why),
        },
        "bytes": reading.size,
        "lines": reading.lines,
        "boot_count": reading.boot_count,
        "banners": reading.banners,
        "boots": [_boot(boot, release) for boot in reading.boots],
        "first_error": _event(reading.first_error, release),
        "end_marker": reading.end_marker,
        "totals": {
            "tf-m-tests": _totals(reading.regression),
            "psa-arch-tests": _totals(reading.arch),
        },
        "tests": [_test(record) for record in reading.tests],
        "tests_left_out": reading.tests_left_out,
        "findings": [_text(finding) for finding in reading.findings],
    }


def _stopped_by(reading: LogReading) -> dict[str, Any] | None:
    if reading.halt is not None:
        return _event(reading.halt, reading.release)
    kind = reading.verdict.kind
    unfinished = ("RUNNING", "CUT") if kind == "resets" else ("RUNNING",)
    stopped = [record for record in reading.tests if record.verdict in unfinished]
    if stopped:
        last = stopped[-1]
        return {
            "test": last.test,
            "framework": last.framework,
            "line": last.line + 1,
            "offset": last.start,
            "t": last.t,
        }
    if kind in ("panicked", "resets", "refused"):
        for boot in reversed(reading.boots[:-1]):
            if (event := boot.exception or boot.halt) is not None:
                return _event(event, reading.release)
    errors = reading.boots[-1].errors if reading.boots else ()
    if kind in ("stopped", "refused") and errors:
        # Some last words are errors that need not be.
        told = errors[-1].text == reading.last_line or kind == "refused"
        return _event(errors[-1], reading.release) if told else None
    return None


def _boot(boot: Boot, release: ReleaseGuess) -> dict[str, Any]:
    end = None
    if boot.end is not None:
        end = "EOT" if boot.end.row.number == "110" else "standby"
    return {
        "number": boot.number,
        "banner": boot.banner,
        "stages": [
            {"stage": s.stage, "t": s.t, "line": s.line.number + 1, "offset": s.line.start}
            for s in boot.stages
        ],
        "halt": _event(boot.halt, release),
        "exception": _event(boot.exception, release),
        "dump": {_text(name): _text(value) for name, value in boot.dump.items()},
        "refused_image": boot.image if boot.halt is not None else None,
        "refused_slot": boot.slot if boot.halt is not None else None,
        "chip_id": boot.chip_id,
        "tfm_version": boot.tfm_version and _text(boot.tfm_version),
        "image_version": boot.image_version and _text(boot.image_version),
        "end_marker": end,
    }


def _event(event: Event | None, release: ReleaseGuess) -> dict[str, Any] | None:
    if event is None:
        return None
    line = event.line
    return {
        "text": _text(explain(event, release)),
        "line": line.number + 1,
        "offset": line.start,
        "t": line.t,
    }


def _totals(results: SuiteResults) -> dict[str, int]:
    return {"passed": results.passed, "failed": results.failed, "skipped": results.skipped}


def _test(record: DeviceTest) -> dict[str, Any]:
    return {
        "framework": record.framework,
        "area": _text(record.area),
        "suite": _text(record.suite),
        "test": _text(record.test),
        "verdict": record.verdict,
        "why": _text(record.why),
        "where": _text(record.where),
        "boot": record.boot,
        "line": record.line + 1,
        "offset": record.start,
        "length": record.end - record.start,
        "t": record.t,
        "seconds": record.seconds,
    }


def _text(text: str) -> str:
    return shown(text, _MAX_TEXT)
