# SPDX-License-Identifier: Apache-2.0
"""JUnit files of ours and of others, read by junitparser into executions of tests.

Dialects that this understands: pytest (xunit1, xunit2), Jenkins and Surefire (`flakyFailure`,
`rerunFailure`), GoogleTest and CTest (`status`, `result`), GitLab; nested suites.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, cast

from junitparser import Attr, Error, Failure, JUnitXmlError, Properties, Skipped, xunit2

from hil.errors import UsageError
from hil.report.junit_properties import OUTPUT_MARK, from_output
from hil.report.results import LADDER, Status
from hil.report.signoff import suite_facts as facts
from hil.report.signoff.dating import time_of, zone_of
from hil.report.signoff.evidence import (
    MAX_MESSAGE,
    MAX_TEXT,
    Column,
    Execution,
    Source,
    without_long_tail,
)
from hil.report.signoff.foreign import rule_of
from hil.report.signoff.junit_left_out import put_in_place
from hil.report.signoff.matching import key_of, key_of_case
from hil.report.signoff.policy import Foreign
from hil.report.signoff.xml_reading import read_xml

_INFRASTRUCTURE = "infrastructure"


class _Case(xunit2.TestCase):
    """A testcase with what GoogleTest writes beside the results."""

    timestamp = Attr()


@dataclass(frozen=True)
class _File:
    """A JUnit file, and the zone of times in it that do not say theirs."""

    path: Path
    zone: tzinfo | None


def read_junit(path: Path, foreign: Iterable[Foreign] = ()) -> list[tuple[Source, list[Execution]]]:
    """Return the suites of a JUnit file that hold testcases.

    Args:
        path: The file.
        foreign: What the policy says of files that do not say it.

    Raises:
        UsageError: no JUnit file, or one that is not safe to read; names file and line.
    """
    root = read_xml(path)
    if root.tag not in {"testsuites", "testsuite"}:
        raise UsageError(
            f"no JUnit file: <{root.tag[:40]}>, expected <testsuites>", where=str(path)
        )
    put_in_place(root)
    try:
        # junitparser's own annotations take its wrapper for what it wraps.
        xml = cast("Any", xunit2.JUnitXml).fromroot(root)
    except JUnitXmlError as error:
        raise UsageError(f"no JUnit file: {error}", where=str(path)) from None
    rule = rule_of(path, foreign)
    top = facts.merged(_ruled(rule), _properties(xml))
    file = _File(path, zone_of(rule.zone) if rule and rule.zone else None)
    found = []
    for suite in xml:
        found += list(_suites(file, suite, top))
    return found


def _ruled(rule: Foreign | None) -> dict[str, str]:
    if rule is None:
        return {}
    told = {"board": rule.board, "release": rule.release, "toolchain": rule.toolchain}
    return {name: value for name, value in told.items() if value}


def _suites(
    file: _File, suite: Any, outer: Mapping[str, str]
) -> Iterator[tuple[Source, list[Execution]]]:
    # A suite around this one may be of another time: a file merged today holds what ran long ago.
    around = (
        {k: v for k, v in outer.items() if k not in facts.STARTED} if suite.timestamp else outer
    )
    properties = facts.merged(around, _properties(suite))
    if suite.timestamp:
        properties.setdefault("started", suite.timestamp)
    ours = properties.get(OUTPUT_MARK[0]) == OUTPUT_MARK[1]
    cases = [(case, _of_case(case, ours=ours)) for case in suite.iterchildren(_Case)]
    if cases:
        source = _source(file, properties, [told for _, told in cases])
        name = suite.name or ""
        found = [_execution(case, told, name, source, file.zone) for case, told in cases]
        yield source, without_long_tail(found)
    for inner in suite.testsuites():
        yield from _suites(file, inner, properties)


def _source(file: _File, properties: Mapping[str, str], cases: list[dict[str, str]]) -> Source:
    images, seen = facts.images_of(properties)
    replayed = facts.first(properties, facts.REPLAY)
    column = Column(
        board=facts.first(properties, facts.BOARD),
        release=facts.first(properties, facts.RELEASE),
        toolchain=facts.first(properties, facts.TOOLCHAIN) or None,
        images=images,
    )
    return Source(
        path=file.path,
        run=facts.first(properties, facts.RUN),
        column=column,
        seen=seen and not replayed,
        started=time_of(facts.first(properties, facts.STARTED), file.zone),
        stages=_slowest(cases),
        remarks=(f"a replay of {replayed}: no device ran",) if replayed else (),
    )


def _slowest(cases: list[dict[str, str]]) -> dict[tuple[str, int], tuple[float, int]]:
    found: dict[tuple[str, int], tuple[float, int]] = {}
    for told in cases:
        for name, value in told.items():
            if name.startswith(facts.STAGE_MS) and (ms := facts.number_of(value)) is not None:
                rse = int(facts.number_of(told.get("rse")) or 0)
                place = name.removeprefix(facts.STAGE_MS), rse
                found[place] = max(found.get(place, (0.0, 0)), (ms / 1000, 0))
    return found


def _properties(element: Any) -> Iterator[tuple[str, str]]:
    for properties in element.iterchildren(Properties):
        for one in properties:
            if one.name:
                yield one.name, one.value or ""


def _of_case(case: _Case, *, ours: bool) -> dict[str, str]:
    """Return a test's own properties; those in its output only if we wrote them there."""
    return (from_output(case.system_out or "") if ours else {}) | facts.merged(
        {}, _properties(case)
    )


def _execution(
    case: _Case, properties: Mapping[str, str], suite: str, source: Source, zone: tzinfo | None
) -> Execution:
    name, classname = case.name or "", case.classname or ""
    told = facts.first(properties, facts.TEST_ID)
    key = key_of(told) if "::" in told else key_of_case(classname or suite, name)
    status, message, text, interim = _outcome(case)
    if status is Status.PASS and interim:
        status = Status.FLAKY
    clean = status in (Status.PASS, Status.FLAKY)
    return Execution(
        key=key,
        shown=told or key,
        source=source,
        status=status,
        attempts=1 + interim,
        unclean=interim if clean else 1 + interim,
        when=time_of(case.timestamp, zone) or source.started,
        req=facts.words(properties, facts.REQUIREMENTS),
        defects=facts.words(properties, facts.DEFECTS),
        message=message[:MAX_MESSAGE],
        text=text[:MAX_TEXT],
    )


def _outcome(case: _Case) -> tuple[Status, str, str, int]:
    """Return status, message and text of the worst result, and the number of earlier attempts."""
    worst, message, text, interim = Status.PASS, "", "", 0
    entry: Any
    for entry in case:
        if isinstance(entry, xunit2.InterimResult):
            interim += 1
            continue
        status = _status(entry)
        if status is None:
            continue
        if worst is Status.PASS or LADDER.index(status) > LADDER.index(worst):
            worst, message, text = status, entry.message or "", entry.text or ""
    return worst, message, text, interim


def _status(entry: object) -> Status | None:
    if isinstance(entry, Failure):
        return Status.FAIL
    if isinstance(entry, Error):
        return Status.MISS if entry.type == _INFRASTRUCTURE else Status.ERROR
    if isinstance(entry, Skipped):
        return Status.XFAIL if entry.type == "pytest.xfail" else Status.SKIP
    return None
