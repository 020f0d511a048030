# SPDX-License-Identifier: Apache-2.0
"""Two JUnit files: the verdict (one testcase per requirement and column), and all tests merged.

Both are valid against junit-10.xsd; so what a test bears stands in its output, as in the files of runs.
Cases are given to junitparser all at once: one by one it counts the whole suite again each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from junitparser import Error, Failure, Skipped
from junitparser import TestCase as Base
from junitparser.xunit2 import FlakyFailure, JUnitXml, RerunFailure, TestCase, TestSuite

from hil.report.junit_properties import OUTPUT_MARK, in_output
from hil.report.results import Status
from hil.report.signoff.evidence import MAX_TEXT, Column, Execution, newest_first
from hil.report.signoff.judgement import Cell, Holds, JudgedColumn, SignOff
from hil.report.xml_text import Room, xml_text
from hil.whole_file import whole_file

#: Characters of all texts of failures together: GitLab takes no file above 30 MB.
_TEXTS = 10_000_000
#: More interim results than this say nothing more.
_MAX_INTERIM = 20


def write_verdict_junit(path: Path, signoff: SignOff) -> None:
    """Write the verdict: what is waived is skipped, what is missing or stale is an error.

    Raises:
        OSError: it cannot be written.
    """
    xml = JUnitXml("hil signoff")
    for number, column in enumerate(signoff.columns, 1):
        suite = _suite(f"[{number}] {column.label}", _properties(column.column))
        suite.add_testcases([_cell_case(cell, column) for cell in column.cells.values()])
        xml.append(suite)  # type: ignore[no-untyped-call]
    _write(xml, path)


def write_merged_junit(path: Path, executions: Iterable[Execution]) -> None:
    """Write every test of every column once, each with the execution that is the newest.

    Those that came before it in the same column are its interim results.

    Raises:
        OSError: it cannot be written.
    """
    ordered = sorted(executions, key=_order)
    xml, room = JUnitXml("hil signoff: all tests"), Room(_TEXTS)
    for (column,), found in groupby(ordered, key=lambda one: (one.source.column,)):
        suite = _suite(_name(column), _properties(column))
        tests = groupby(found, key=lambda one: one.key)
        cases: list[Base] = [_case(newest_first(same)[::-1], room) for _, same in tests]
        suite.add_testcases(cases)
        # `add_testsuite` compares with every suite before it, properties and all.
        xml.append(suite)  # type: ignore[no-untyped-call]
    _write(xml, path)


def _order(one: Execution) -> tuple[tuple[str, ...], str]:
    column = one.source.column
    return (column.board, column.release, column.toolchain or "", column.digest), one.key


def _write(xml: JUnitXml, path: Path) -> None:
    xml.update_statistics()  # type: ignore[no-untyped-call]
    with whole_file(path) as stream:
        xml.write(stream)


def _suite(name: str, properties: dict[str, str]) -> TestSuite:
    suite = TestSuite(xml_text(name))  # type: ignore[no-untyped-call]
    for key, value in properties.items():
        suite.add_property(xml_text(key), xml_text(value))
    suite.add_property(*OUTPUT_MARK)
    return suite


def _name(column: Column) -> str:
    parts = (column.board or "no board", column.release, column.toolchain, column.digest[:8])
    return " ".join(part for part in parts if part)


def _properties(column: Column | None) -> dict[str, str]:
    if column is None:
        return {}
    told = {"board": column.board, "release": column.release, "toolchain": column.toolchain or ""}
    told["image_digest"] = column.digest
    for name, digests in column.digests().items():
        told[f"image.{name}.sha256"] = ", ".join(digests)
    return {key: value for key, value in told.items() if value}


def _cell_case(cell: Cell, column: JudgedColumn) -> TestCase:
    case = TestCase(xml_text(cell.requirement), xml_text(column.want.label))
    text = xml_text("\n".join(cell.why))
    message = text.partition("\n")[0]
    if cell.holds is Holds.FAIL:
        case.result = _with_text(Failure(message, "fail"), text)
    elif cell.holds in (Holds.MISSING, Holds.STALE):
        case.result = _with_text(Error(message, str(cell.holds)), text)
    elif cell.holds is Holds.WAIVED:
        case.result = Skipped(f"waived: {message}", "waived")
    case.system_out = xml_text(in_output({"req": cell.requirement}))
    return case


def _case(same: list[Execution], room: Room) -> TestCase:
    last = same[-1]
    home, _, name = last.key.rpartition("::")
    if "[" in last.key:
        front, bracket, parameters = last.key.partition("[")
        home, _, name = front.rpartition("::")
        name += bracket + parameters
    case = TestCase(xml_text(name), xml_text(home), round(last.seconds or 0.0, 3))
    message, text = xml_text(last.message), xml_text(room.take(last.text, MAX_TEXT))
    passed = last.status in (Status.PASS, Status.FLAKY)
    if last.status is Status.FAIL:
        case.result = _with_text(Failure(message, "product"), text)
    elif last.status in (Status.ERROR, Status.MISS):
        kind = "infrastructure" if last.status is Status.MISS else "harness"
        case.result = _with_text(Error(message, kind), text)
    elif not passed:
        case.result = Skipped(message, "pytest.xfail" if last.status is Status.XFAIL else None)
    interim = FlakyFailure if passed else RerunFailure
    earlier = [one for one in same[:-1] if one.status not in (Status.PASS, Status.SKIP)]
    told = [one.message or str(one.status) for one in earlier]
    told += [last.message or "an earlier attempt"] * min(last.attempts - 1, _MAX_INTERIM)
    for why in told[-_MAX_INTERIM:]:
        case.add_interim_result(interim(xml_text(why), "earlier"))
    if last.req:
        case.system_out = xml_text(in_output({"req": ",".join(last.req)}))
    return case


def _with_text(result: Failure | Error, text: str) -> Failure | Error:
    result.text = text
    return result
