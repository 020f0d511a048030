# SPDX-License-Identifier: Apache-2.0
"""The JUnit file of a run, from its record.

One `<testcase>` per logical test, whatever the number of its attempts: earlier ones are
`<flakyError>` (it passed at last) or `<rerunError>` (it did not), so that a pass after a retry never
looks like a plain one. A failure of the product is `<failure>`; one of the lab or the harness is
`<error type="infrastructure">` or `<error type="harness">`, so that a CI system does not blame the
firmware for a missing probe. Every text goes through `xml_text`.

Two dialects. The schema of Jenkins' xUnit plug-in (junit-10.xsd) allows properties in a suite only
and refuses the whole file otherwise, so that those of a test stand first in its output, a line each:
`[[PROPERTY|name=value]]`, then a blank line. The other dialect has them in the `<testcase>`, as
pytest writes them and StrictDoc and Jenkins' JUnit plug-in read them. Nothing else differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser.xunit2 import (
    FlakyError,
    FlakyFailure,
    InterimResult,
    RerunError,
    RerunFailure,
    TestCase,
    TestSuite,
)

from hil.report.junit_properties import (
    OUTPUT_MARK,
    case_properties,
    in_output,
    suite_properties,
)
from hil.report.recorded import RecordedRun
from hil.report.results import GOOD, STATUS_OF_CLASS, Attempt, RecordedTest, Status
from hil.report.run_record import Verdict
from hil.report.xml_text import Room, cut, xml_text
from hil.whole_file import whole_file

__all__ = ["write_junit", "xml_text"]

#: Characters of a message, and of the texts of a testcase that did not pass or that did: Jenkins keeps
#: 50 000 and 2 times 500 of them, GitLab takes files of up to 30 MB.
_MESSAGE, _BAD, _GOOD = 1_000, 50_000, 1_000

#: How an earlier attempt is told: by whether the test passed at last, and whether the product failed.
_EARLIER: dict[tuple[bool, bool], type[InterimResult]] = {
    (True, True): FlakyFailure,
    (True, False): FlakyError,
    (False, True): RerunFailure,
    (False, False): RerunError,
}
#: What is said of a run of these verdicts.
_NO_PASS: dict[str, str] = {
    Verdict.KILLED: "was_killed",
    Verdict.INTERRUPTED: "was_interrupted",
    Verdict.NO_TESTS: "passed_no_test",
    Verdict.ERROR: "is_incomplete",
    Verdict.FAIL: "failed",
}
_TYPES = {Status.SKIP: "pytest.skip", Status.XFAIL: "pytest.xfail"}


def write_junit(path: Path, run: RecordedRun, *, properties_in_cases: bool = False) -> None:
    """Write the JUnit file of one run, whole or not at all.

    Args:
        path: The file.
        run: The run; of one that was killed, what is known of it.
        properties_in_cases: True for the dialect that junit-10.xsd refuses.

    Raises:
        OSError: it cannot be written.
    """
    suite = TestSuite(xml_text(f"rse-hil on {run.board}"))  # type: ignore[no-untyped-call]
    suite.timestamp = xml_text(run.started[:19])
    suite.hostname = xml_text(str(run.values.get("host") or ""))
    for key, value in suite_properties(run).items():
        suite.add_property(xml_text(key), xml_text(cut(value, _MESSAGE)))
    if not properties_in_cases:
        suite.add_property(*OUTPUT_MARK)
    # One call: adding cases one by one counts the whole suite again each time.
    suite.add_testcases(list(_Cases(run, in_cases=properties_in_cases)))
    suite.time = round(sum(test.seconds for test in run.tests), 3)  # three digits, by the schema
    xml = JUnitXml("rse-hil")
    xml.add_testsuite(suite)
    xml.time = suite.time
    with whole_file(path) as stream:
        xml.write(stream, pretty=True)


class _Cases:
    """The testcases of a run, in its order."""

    def __init__(self, run: RecordedRun, *, in_cases: bool) -> None:
        self._run = run
        self._in_cases = in_cases
        self._room = Room()
        self._names: Counter[tuple[str, str]] = Counter()

    def __iter__(self) -> Iterator[TestCase]:
        for test in [*self._run.tests, *_untold(self._run)]:
            yield self._case(test)

    def _case(self, test: RecordedTest) -> TestCase:
        place, name = self._name(test)
        case = TestCase(xml_text(name), xml_text(place), round(test.seconds, 3))
        if (final := self._final(test.last)) is not None:
            case.result = [final]
        for attempt in (each for each in test.attempts if each is not test.last):
            case.add_interim_result(self._earlier(test, attempt))
        properties = case_properties(self._run, test)
        output = self._output(test)
        if self._in_cases:
            for key, value in properties.items():
                case.add_property(xml_text(key), xml_text(cut(value, _MESSAGE)))
        else:
            output = in_output({k: cut(v, _MESSAGE) for k, v in properties.items()}) + output
        if output:
            case.system_out = xml_text(output)
        return case

    def _name(self, test: RecordedTest) -> tuple[str, str]:
        """Return class name and name; no two testcases have the same, as GitLab counts one only."""
        file, _, name = test.id.partition("::")
        if test.on_target:
            area, _, name = name.rpartition("::")
            file = f"{file}.{area.replace('::', '.')}"
        place = file.removesuffix(".py").replace("/", ".")
        self._names[place, name] += 1
        count = self._names[place, name]
        return place, name if count == 1 else f"{name} ({count})"

    def _final(self, attempt: Attempt) -> Any:
        status = attempt.status
        message = xml_text(cut(attempt.message, _MESSAGE))
        if status in _TYPES:
            return Skipped(message, _TYPES[status])
        if status is Status.PASS:
            return None
        kind = attempt.failure_class or "harness"
        result = (Failure if status is Status.FAIL else Error)(message, xml_text(kind))
        result.text = xml_text(self._room.take(attempt.text, _BAD))
        return result

    def _earlier(self, test: RecordedTest, attempt: Attempt) -> Any:
        failed = attempt.status is Status.FAIL
        kind = _EARLIER[test.status is Status.FLAKY, failed]
        told = xml_text(cut(attempt.message, _MESSAGE))
        result = kind(told, xml_text(attempt.failure_class or "harness"))
        result.stack_trace = xml_text(self._room.take(attempt.text, _BAD))
        if attempt.output:
            result.system_out = xml_text(self._room.take(attempt.output, _BAD))
        return result

    def _output(self, test: RecordedTest) -> str:
        good = test.last.status in (Status.PASS, Status.SKIP, Status.XFAIL)
        output = self._room.take(test.last.output, _GOOD if good else _BAD)
        if good:
            return output
        files = [e.path for e in self._run.excerpts(test.last).values() if e.path.is_file()]
        return "\n".join([*(f"[[ATTACHMENT|{_near(path)}]]" for path in files), output]).strip()


def _untold(run: RecordedRun) -> list[RecordedTest]:
    """Return one more test for a run that is no pass although none of its tests failed.

    Who reads the file sees testcases, not the verdict: what is left of a run that was killed or
    interrupted, or of one that only skipped, would look like a pass.
    """
    killed = run.verdict == Verdict.KILLED
    told = any(test.status not in GOOD | {Status.FLAKY} for test in run.tests)
    if run.verdict not in _NO_PASS or (told and not killed):
        return []
    name = run.under_way if killed and run.under_way else f"run::{_NO_PASS[run.verdict]}"
    why = f"the run {_NO_PASS[run.verdict]}".replace("_", " ")
    if killed:
        why += ", in this test" if run.under_way else ", outside of its tests"
    kind = run.failure_class or "harness"
    text = "\n".join([why, *run.reasons])
    ended = Attempt(1, STATUS_OF_CLASS.get(kind, Status.ERROR), kind, message=why, text=text)
    return [RecordedTest(name, False, None, (), (), (), (), (ended,))]


def _near(path: Path) -> Path:
    """Return a path as seen from here, which in a CI job is the folder of its artefacts."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path
