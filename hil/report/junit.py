# SPDX-License-Identifier: Apache-2.0
"""The JUnit file of a run, from the results that the run recorded.

One `<testcase>` per test. A failure of the product is `<failure>`; a failure of the lab or the
harness is `<error type="infrastructure">` or `<error type="harness">`, so that a CI system does not
blame the firmware for a missing probe. junitparser builds the XML; every text goes through
`xml_text`, because UART output holds control characters that no XML reader takes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser.xunit2 import TestCase, TestSuite

#: What XML 1.0 cannot hold, plus the two characters that are no characters.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Colours and cursor movements of a terminal say nothing in a report.
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class TestResult:
    """One test's outcome.

    Attributes:
        outcome: "passed", "failed", "error" or "skipped".
        failure_class: "product", "infrastructure" or "harness" for a failed or broken test.
        message: First line for the reader; `text` is the whole explanation.
        output: What the device printed meanwhile, "" if that is not kept.
    """

    __test__ = False  # pytest would take the name for a test class

    nodeid: str
    outcome: str
    seconds: float
    failure_class: str | None = None
    message: str = ""
    text: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    output: str = ""


def xml_text(text: str) -> str:
    """Return text that any XML 1.0 reader takes back: no colours, control characters in hex."""
    text = _ANSI.sub("", text)
    return _FORBIDDEN.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def write_junit(
    path: Path, suite_name: str, results: Sequence[TestResult], properties: Mapping[str, str]
) -> None:
    """Write the JUnit file of one run.

    Raises:
        OSError: it cannot be written.
    """
    suite = TestSuite(xml_text(suite_name))  # type: ignore[no-untyped-call]
    for key, value in properties.items():
        suite.add_property(xml_text(key), xml_text(value))
    # One call: adding cases one by one counts the whole suite again each time.
    suite.add_testcases(list(_cases(results)))
    xml = JUnitXml("rse-hil")
    xml.add_testsuite(suite)
    partial = path.with_name(f".{path.name}.partial")
    xml.write(str(partial), pretty=True)
    partial.replace(path)


def _cases(results: Iterable[TestResult]) -> Iterable[TestCase]:
    for result in results:
        file, _, name = result.nodeid.partition("::")
        classname = file.removesuffix(".py").replace("/", ".")
        case = TestCase(xml_text(name), xml_text(classname), round(result.seconds, 3))
        message = xml_text(result.message)
        if result.outcome == "skipped":
            case.result = [Skipped(message)]
        elif result.outcome == "failed":
            failure = Failure(message, result.failure_class or "product")
            failure.text = xml_text(result.text)
            case.result = [failure]
        elif result.outcome == "error":
            error = Error(message, result.failure_class or "harness")
            error.text = xml_text(result.text)
            case.result = [error]
        if result.output:
            case.system_out = xml_text(result.output)
        for key, value in result.properties.items():
            case.add_property(xml_text(key), xml_text(value))
        yield case
