# SPDX-License-Identifier: Apache-2.0
"""The lines of `results.jsonl`: one for each attempt at a test, written as soon as it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hil.report.results import (
    CLASSES,
    LADDER,
    STATUS_OF_CLASS,
    Attempt,
    RecordedTest,
    Status,
)


def result_line(test: RecordedTest, attempt: Attempt, when: str = "call") -> dict[str, Any]:
    """Return an attempt as one line of `results.jsonl`.

    Args:
        test: The test; its attempts are not looked at.
        attempt: The attempt.
        when: Phase that decided the status: "setup", "call" or "teardown".
    """
    return {
        "id": test.id,
        "attempt": attempt.number,
        "status": str(attempt.status),
        "class": attempt.failure_class,
        "rse": test.rse,
        "req": list(test.req),
        "defects": list(test.defects),
        "causes": list(test.causes),
        "boots": list(attempt.boots),
        "session": attempt.session,
        "uart": {str(rse): list(span) for rse, span in attempt.uart.items()},
        "on_target": test.on_target,
        "started": attempt.started,
        "seconds": round(attempt.seconds, 6),
        "when": when,
        "message": attempt.message,
        "text": attempt.text,
        "properties": dict(attempt.properties),
        "output": attempt.output,
        "worker": attempt.worker,
    }


def gather(lines: Iterable[Mapping[str, Any]]) -> tuple[tuple[RecordedTest, ...], int]:
    """Return the tests of a run's lines in their order, and how many lines are no result."""
    found: dict[str, list[tuple[RecordedTest, Attempt]]] = {}
    bad = 0
    for line in lines:
        try:
            test, attempt = _parse(line)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            bad += 1
            continue
        found.setdefault(test.id, []).append((test, attempt))
    return tuple(joined(pairs) for pairs in found.values()), bad


def joined(pairs: list[tuple[RecordedTest, Attempt]]) -> RecordedTest:
    """Return one test with all its attempts; two lines of one attempt count as the worse of them."""
    attempts: dict[int, Attempt] = {}
    for _, attempt in pairs:
        known = attempts.get(attempt.number)
        if known is None or LADDER.index(attempt.status) >= LADDER.index(known.status):
            attempts[attempt.number] = attempt
    test = pairs[-1][0]
    return RecordedTest(
        id=test.id,
        on_target=test.on_target,
        rse=test.rse,
        req=test.req,
        defects=tuple(dict.fromkeys(d for t, _ in pairs for d in t.defects)),
        causes=tuple(dict.fromkeys(c for t, _ in pairs for c in t.causes)),
        boots=tuple(sorted({boot for _, attempt in pairs for boot in attempt.boots})),
        attempts=tuple(attempts[number] for number in sorted(attempts)),
    )


def _parse(line: Mapping[str, Any]) -> tuple[RecordedTest, Attempt]:
    """Read one line.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none.
    """
    if "nodeid" in line:
        return _parse_format_1(line)
    status = Status(line["status"])
    attempt = Attempt(
        number=int(line["attempt"]),
        status=status,
        failure_class=_class(line.get("class"), status),
        seconds=float(line.get("seconds") or 0),
        started=str(line.get("started") or ""),
        message=str(line.get("message") or ""),
        text=str(line.get("text") or ""),
        properties={str(k): str(v) for k, v in (line.get("properties") or {}).items()},
        output=str(line.get("output") or ""),
        worker=None if line.get("worker") is None else str(line["worker"]),
        boots=tuple(int(boot) for boot in line.get("boots") or ()),
        session=int(line.get("session") or 1),
        uart={int(r): (int(s[0]), int(s[1])) for r, s in (line.get("uart") or {}).items()},
    )
    rse = line.get("rse")
    test = RecordedTest(
        id=_id(line["id"]),
        on_target=bool(line.get("on_target")),
        rse=None if rse is None else int(rse),
        req=_words(line.get("req")),
        defects=_words(line.get("defects")),
        causes=_words(line.get("causes")),
        boots=attempt.boots,
        attempts=(attempt,),
    )
    return test, attempt


_STATUS_1 = {"passed": Status.PASS, "skipped": Status.SKIP}


def _parse_format_1(line: Mapping[str, Any]) -> tuple[RecordedTest, Attempt]:
    kind = line.get("failure_class")
    status = _STATUS_1.get(line["outcome"]) or STATUS_OF_CLASS.get(str(kind), Status.ERROR)
    properties = {str(k): str(v) for k, v in (line.get("properties") or {}).items()}
    attempt = Attempt(
        number=1,
        status=status,
        failure_class=_class(kind, status),
        seconds=float(line.get("seconds") or 0),
        message=str(line.get("message") or ""),
        text=str(line.get("text") or ""),
        properties=properties,
        output=str(line.get("output") or ""),
    )
    name = _id(line["nodeid"])
    mark = name.rpartition("rse")[2].rstrip("]")
    test = RecordedTest(
        id=name,
        on_target=False,
        rse=int(mark) if mark.isdecimal() and mark.isascii() and name.endswith("]") else None,
        req=(),
        defects=_words(properties.get("known_defect")),
        causes=_words(properties.get("cause")),
        boots=(),
        attempts=(attempt,),
    )
    return test, attempt


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no id")
    return value


def _class(value: Any, status: Status) -> str | None:
    return str(value) if value is not None else CLASSES.get(status)


def _words(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value or ()
    return tuple(str(part).strip() for part in parts if str(part).strip())
