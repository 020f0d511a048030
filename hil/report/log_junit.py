# SPDX-License-Identifier: Apache-2.0
"""The JUnit file of UART logs: one `<testcase>` per test that was executed, and one per boot.

A boot's testcase says how the boot went; that of the last one bears the log's verdict. A test that
has no verdict of its own (the log ends in it, a reset cut it off, its line was lost) is an error,
and says so. A log without any boot has one testcase, "boot 1", all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import quoteattr

from junitparser import Error, Failure, Skipped
from junitparser.xunit2 import TestCase

from hil.report.xml_text import xml_text
from hil.uart.boot_errors import explain
from hil.uart.device_tests import DeviceTest
from hil.uart.log_excerpt import excerpt
from hil.uart.log_reading import LogReading
from hil.uart.resets import ending_of
from hil.uart.stages import Boot
from hil.whole_file import whole_file

#: Opens the raw bytes of a reading again.
Opener = Callable[[LogReading], BinaryIO | None]


def write_log_junit(path: Path, readings: Sequence[LogReading], reopen: Opener) -> None:
    """Write the JUnit file of several logs, one test suite each.

    A testcase is written and forgotten, so that a log with many tests needs no more memory.

    Raises:
        OSError: It cannot be written.
    """
    with whole_file(path) as out:
        out.write(b'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="hil log">\n')
        for reading in readings:
            log = reopen(reading)
            try:
                _write_suite(out, reading, log)
            finally:
                if log is not None:
                    log.close()
        out.write(b"</testsuites>\n")


def _write_suite(out: BinaryIO, reading: LogReading, log: BinaryIO | None) -> None:
    boots = list(_boots(reading))
    verdicts = Counter(_result_of(record) for record in reading.tests)
    counts = {
        "tests": len(boots) + len(reading.tests),
        "failures": sum(bool(boot.result) for boot in boots) + verdicts["failure"],
        "errors": verdicts["error"],
        "skipped": verdicts["skipped"],
    }
    told = " ".join(f'{name}="{count}"' for name, count in counts.items())
    out.write(
        f"<testsuite name={quoteattr(xml_text(reading.name))} {told}>\n<properties>\n".encode()
    )
    for key, value in _properties(reading):
        out.write(
            f"<property name={quoteattr(key)} value={quoteattr(xml_text(value))}/>\n".encode()
        )
    out.write(b"</properties>\n")
    for case in chain(boots, device_cases(reading.tests, log)):
        out.write(case.tostring() + b"\n")  # type: ignore[no-untyped-call]
    out.write(b"</testsuite>\n")


def device_cases(
    tests: Iterable[DeviceTest], log: BinaryIO | None, prefix: str = ""
) -> Iterator[TestCase]:
    """Yield the testcases of tests that ran on a device.

    Args:
        tests: The tests.
        log: The raw bytes in which they stand, for their excerpts; None without any.
        prefix: What comes before each class name, e.g. "rse0.".
    """
    for record in tests:
        parts = [record.framework, *(part for part in (record.area, record.suite) if part)]
        case = TestCase(
            xml_text(record.test), xml_text(prefix + ".".join(parts)), round(record.seconds or 0, 3)
        )
        message = xml_text(": ".join(part for part in (record.why, record.where) if part))
        result = _result_of(record)
        if result == "skipped":
            case.result = [Skipped(message or "skipped by the test itself")]
        elif result == "failure":
            case.result = [Failure(message or "no reason in the log", "product")]
        elif result == "error":
            case.result = [Error(message, record.verdict.lower())]
        for key, value in _places(record):
            case.add_property(key, xml_text(value))
        if log is not None:
            case.system_out = xml_text(_excerpt(log, record))
        yield case


def _result_of(record: DeviceTest) -> str:
    results = {"PASSED": "", "FAILED": "failure", "SKIPPED": "skipped", "RESET": "skipped"}
    return results.get(record.verdict, "error")


def _places(record: DeviceTest) -> Iterator[tuple[str, str]]:
    yield "boot", str(record.boot + 1)
    yield "line", str(record.line + 1)
    yield "offset", str(record.start)
    if record.where:
        yield "where", record.where
    if record.t is not None:
        yield "t", f"{record.t:.3f}"


def _excerpt(log: BinaryIO, record: DeviceTest) -> str:
    try:
        return excerpt(log, record.start, record.end)
    except OSError as error:
        return f"the log cannot be read any more: {error.strerror}"


def _properties(reading: LogReading) -> Iterator[tuple[str, str]]:
    yield "outcome", reading.verdict.outcome
    yield "verdict", str(reading.verdict)
    yield "release", str(reading.release)
    yield "boots", str(reading.boot_count)
    yield "end_marker", reading.end_marker or "none"
    for finding in reading.findings:
        yield "finding", finding


def _boots(reading: LogReading) -> Iterator[TestCase]:
    boots = reading.boots or (Boot(0),)
    for place, boot in enumerate(boots):
        times = [stage.t for stage in boot.stages if stage.t is not None]
        seconds = times[-1] - times[0] if times else 0.0
        case = TestCase(f"boot {boot.number + 1}", "boot", round(seconds, 3))
        if place == len(boots) - 1:
            if reading.verdict.outcome != "passed" and not _told_by_tests(reading):
                told = xml_text(str(reading.verdict))
                case.result = [Failure(told, reading.verdict.outcome.replace(" ", "-"))]
        elif (problem := _problem(boot, boots[place + 1], reading)) is not None:
            case.result = [Failure(xml_text(problem), "incomplete")]
        case.add_property("stages", xml_text(" > ".join(stage.stage for stage in boot.stages)))
        yield case


def _told_by_tests(reading: LogReading) -> bool:
    """Whether only tests failed, whose own testcases say so: the boot itself was complete."""
    failed = any(record.verdict == "FAILED" for record in reading.tests)
    return reading.verdict.outcome == "failed" and reading.end_marker is not None and failed


def _problem(boot: Boot, following: Boot, reading: LogReading) -> str | None:
    """Return what was wrong with a boot that another one followed."""
    ending = ending_of(boot, following)
    if ending is None or ending.weight not in ("resets", "panicked"):
        return None
    stopped = boot.halt or boot.exception
    return ending.text if stopped is None else explain(stopped, reading.release)
