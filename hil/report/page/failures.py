# SPDX-License-Identifier: Apache-2.0
"""What went wrong, each thing once: tests that fail for one reason stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hil.report.page.words import ORDER
from hil.report.recorded import GOOD, Attempt, RecordedRun, RecordedTest, Status

#: Things that are told in full; their tests are all listed further down.
MAX_FAILURES = 60
#: Tests that are named for one of them.
MAX_NAMED = 40
#: Property of a test whose failure another test, of this id, has told in full.
_SAME_AS = "same_as"
#: Lines of the UART that are shown at once.
TAIL = 30


@dataclass(frozen=True)
class Cause:
    """A cause as the diagnosis has it: who, how certain, what speaks for and against it, what to do."""

    name: str
    confidence: str
    rses: tuple[int, ...]
    claim: str
    reasons: tuple[tuple[str, str], ...]
    doubts: tuple[tuple[str, str], ...]
    confirm: str
    todo: str
    defects: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong.

    Attributes:
        status: Of its tests.
        title: First line of the first test's message.
        tests: All tests that say so, the first one being told in full.
        causes: What the diagnosis says of the causes that the tests name.
        text: The whole explanation of the first one.
        output: The last lines of its devices, where the record has them.
    """

    status: Status
    failure_class: str | None
    title: str
    tests: tuple[RecordedTest, ...]
    causes: tuple[Cause, ...]
    defects: tuple[str, ...]
    text: str
    output: tuple[tuple[str, str], ...]

    @property
    def named(self) -> tuple[RecordedTest, ...]:
        """The tests that are named."""
        return self.tests[:MAX_NAMED]


def failures_of(run: RecordedRun) -> list[Failure]:
    """Return what went wrong, the product's failures first, then by the number of tests."""
    groups: dict[tuple[str, ...], list[RecordedTest]] = {}
    keys: dict[str, tuple[str, ...]] = {}
    for test in run.tests:
        if test.status in GOOD:
            continue
        attempt = _decisive(test)
        why = ("cause", *test.causes) if test.causes else ("text", _first(attempt.message))
        told = keys.get(attempt.properties.get(_SAME_AS, ""))
        keys[test.id] = told or (str(test.status), *why)
        groups.setdefault(keys[test.id], []).append(test)
    known = {cause.name: cause for cause in causes_of(run.diagnosis)}
    found = [_failure(tests, known) for tests in groups.values()]
    return sorted(found, key=lambda f: (ORDER.index(f.status), -len(f.tests)))


def causes_of(diagnosis: Mapping[str, Any] | None) -> list[Cause]:
    """Return the causes of a record's diagnosis, most certain first; what is no cause is left out."""
    listed = (diagnosis or {}).get("causes")
    return [_cause(c) for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []


def _failure(tests: Sequence[RecordedTest], known: Mapping[str, Cause]) -> Failure:
    first = tests[0]
    attempt = _decisive(first)
    names = dict.fromkeys(name for test in tests for name in test.causes)
    return Failure(
        status=first.status,
        failure_class=attempt.failure_class,
        title=_first(attempt.message) or _first(attempt.text) or "no reason is recorded",
        tests=tuple(tests),
        causes=tuple(known[name] for name in names if name in known),
        defects=tuple(dict.fromkeys(defect for test in tests for defect in test.defects)),
        text=attempt.text,
        output=tuple(parts(attempt.output)),
    )


def _decisive(test: RecordedTest) -> Attempt:
    """Return the attempt that says why: of a flaky test the one that did not pass."""
    bad = [attempt for attempt in test.attempts if attempt.status not in GOOD]
    return bad[-1] if bad else test.last


def parts(output: str) -> list[tuple[str, str]]:
    """Return the devices' output of a test as pairs of a title and the last lines below it.

    The record separates the UARTs by lines that begin with `--- `.
    """
    found: list[tuple[str, list[str]]] = []
    for line in output.splitlines():
        if line.startswith("--- "):
            found.append((line.removeprefix("--- "), []))
        elif found:
            found[-1][1].append(line)
        else:
            found.append(("", [line]))
    return [(title, "\n".join(lines[-TAIL:])) for title, lines in found if lines]


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _cause(value: Mapping[str, Any]) -> Cause:
    def text(key: str) -> str:
        return str(value.get(key) or "")

    def evidence(key: str) -> tuple[tuple[str, str], ...]:
        listed = value.get(key)
        return tuple(
            (str(e.get("text") or ""), str(e.get("weight") or ""))
            for e in (listed if isinstance(listed, list) else ())
            if isinstance(e, dict)
        )

    def items(key: str) -> list[Any]:
        listed = value.get(key)
        return listed if isinstance(listed, list) else []

    return Cause(
        name=text("cause"),
        confidence=text("confidence"),
        rses=tuple(rse for rse in items("rses") if isinstance(rse, int)),
        claim=text("claim"),
        reasons=evidence("for"),
        doubts=evidence("against"),
        confirm=text("confirm"),
        todo=text("todo"),
        defects=tuple(str(defect) for defect in items("known_defects")),
    )
