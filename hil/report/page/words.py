# SPDX-License-Identifier: Apache-2.0
"""How a report says things: one word and one shape for each status, numbers with their units."""

from __future__ import annotations

from dataclasses import dataclass

from hil.report.recorded import RecordedRun, Status
from hil.report.run_record import Verdict


@dataclass(frozen=True)
class Kind:
    """How a status is shown: never by its colour alone.

    Attributes:
        word: For a badge.
        shape: One character in front of it.
        told: For a sentence: "3 failed".
        tone: Name of its colour in the style sheet.
    """

    word: str
    shape: str
    told: str
    tone: str


KINDS: dict[str, Kind] = {
    Status.FAIL: Kind("FAIL", "✕", "failed", "fail"),
    Status.ERROR: Kind("ERROR", "!", "broke the harness", "error"),
    Status.MISS: Kind("MISS", "?", "missed by the lab", "miss"),
    Status.FLAKY: Kind("FLAKY", "≈", "passed after a retry", "flaky"),
    Status.XFAIL: Kind("XFAIL", "✓", "failed as expected", "skip"),
    Status.SKIP: Kind("SKIP", "○", "skipped", "skip"),
    Status.PASS: Kind("PASS", "✓", "passed", "pass"),
}
#: From what a reader must see first.
ORDER = tuple(KINDS)

VERDICTS: dict[str, Kind] = {
    Verdict.PASS: Kind("PASS", "✓", "every test that ran passed", "pass"),
    Verdict.FLAKY: Kind("FLAKY", "≈", "every test passed, some only after a retry", "flaky"),
    Verdict.FAIL: Kind("FAIL", "✕", "the product failed", "fail"),
    Verdict.ERROR: Kind("ERROR", "!", "nothing is known about the product", "error"),
    Verdict.NO_TESTS: Kind("NO TESTS", "○", "no test ran", "miss"),
    Verdict.INTERRUPTED: Kind("INTERRUPTED", "○", "stopped by hand before its end", "miss"),
    Verdict.KILLED: Kind("KILLED", "?", "ended without a verdict of its own", "miss"),
    "running": Kind("RUNNING", "…", "still going on: this is what is known so far", "skip"),
}

#: No run takes longer; what a damaged record says beyond that is no time.
_MAX_SECONDS = 1e10

#: Who has to act on a class of failure.
CLASSES = {
    "product": "product: the firmware has to be mended",
    "infrastructure": "infrastructure: the lab has to act; this says nothing about the firmware",
    "harness": "harness: a test or the harness broke; this says nothing about the firmware",
}


def verdict_kind(run: RecordedRun) -> Kind:
    """Return how a run's verdict is shown, also one that a later release invented."""
    return VERDICTS.get(run.verdict, Kind(run.verdict.upper(), "?", "an unknown verdict", "miss"))


def counts(run: RecordedRun) -> dict[str, int]:
    """Return how many tests ended in each status, the worst first, without those of none."""
    found = {str(status): 0 for status in ORDER}
    for test in run.tests:
        found[str(test.status)] += 1
    return {status: number for status, number in found.items() if number}


def counted(run: RecordedRun) -> str:
    """Return the same as a sentence: "6 failed, 63 passed, 6 skipped"."""
    told = [f"{number} {KINDS[status].told}" for status, number in counts(run).items()]
    return ", ".join(told) or "no test result"


def sentence(run: RecordedRun) -> str:
    """Return the verdict of a run in words."""
    kind = verdict_kind(run)
    told = kind.told
    if run.under_way is not None and run.finished is None:
        told += f", during {run.under_way}"
    return f"{told[:1].upper()}{told[1:]}: {counted(run)}."


def seconds(value: float | None) -> str:
    """Return a duration as people read it.

    >>> [seconds(v) for v in (0.00006, 0.0171, 1.5, 73, 7300, None)]
    ['<0.1 ms', '17 ms', '1.50 s', '1 min 13 s', '2 h 1 min', '-']
    """
    if value is None or not abs(value) < _MAX_SECONDS:  # NaN is not less either
        return "-"
    if abs(value) < 0.0001:
        return "<0.1 ms"
    if abs(value) < 0.01:
        return f"{value * 1000:.1f} ms"
    if abs(value) < 1:
        return f"{value * 1000:.0f} ms"
    if abs(value) < 60:
        return f"{value:.2f} s" if abs(value) < 10 else f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Return a number of bytes as people read it.

    >>> [size(n) for n in (0, 999, 13_790, 12_000_000)]
    ['0 B', '999 B', '13.8 kB', '12.0 MB']
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def many(count: int, word: str, plural: str | None = None) -> str:
    """Return a number of things.

    >>> many(1, "test"), many(4, "boot"), many(2, "RSE is", "RSEs are")
    ('1 test', '4 boots', '2 RSEs are')
    """
    told = f"{count:,}".replace(",", "\u202f")  # a narrow blank between the thousands
    return f"{told} {word if count == 1 else plural or word + 's'}"


def moment(utc: str | None) -> str:
    """Return a moment of a record as people read it: date, time to the second, UTC."""
    if not utc:
        return "-"
    return utc.split(".")[0].rstrip("Z").replace("T", " ") + " UTC"


def rses(numbers: list[int]) -> str:
    """Return several RSEs.

    >>> rses([2]), rses([0, 1, 3])
    ('RSE 2', 'RSE 0, 1 and 3')
    """
    told = [str(number) for number in numbers]
    return "RSE " + (told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}")
