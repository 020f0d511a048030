# SPDX-License-Identifier: Apache-2.0
"""The record of a run as executions of tests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from hil.report.recorded import RecordedRun, read_record
from hil.report.results import CLASSES, RecordedTest, Status, broken_test
from hil.report.run_record import Verdict
from hil.report.signoff.dating import time_of
from hil.report.signoff.evidence import (
    MAX_MESSAGE,
    MAX_TEXT,
    RECORD,
    Column,
    Execution,
    Source,
    without_long_tail,
)
from hil.report.signoff.foreign import rule_of
from hil.report.signoff.matching import key_of
from hil.report.signoff.policy import Foreign

#: Seconds: a line may be read a moment before the release of reset is noted; no earlier, and not NaN.
_EARLIEST = -1.0
#: How a run ends that came to its end.
_ENDED = frozenset({"pass", "fail"})


def read_run_folder(
    folder: Path, foreign: Iterable[Foreign] = ()
) -> tuple[Source, list[Execution]]:
    """Return a run and what it executed.

    Args:
        folder: Of the run.
        foreign: What the policy says of runs that do not say it, as their toolchain.

    Raises:
        UsageError: the folder holds no run.
    """
    run = read_record(folder)
    rule = rule_of(folder, foreign)
    source = Source(
        path=folder,
        run=run.id,
        column=Column(
            board=run.board,
            release=run.release or (rule and rule.release) or "",
            toolchain=run.toolchain or (rule.toolchain if rule else None),
            images=tuple(sorted({(image.name, image.sha256) for image in run.images})),
        ),
        seen=run.seen_on_device and not run.values.get("replay_of"),
        started=time_of(run.started),
        stages=_slowest(run),
        remarks=tuple(_remarks(run)),
        verdict=run.verdict,
    )
    return source, without_long_tail(
        [_execution(test, source) for test in (*run.tests, *_besides(run))]
    )


def _execution(test: RecordedTest, source: Source) -> Execution:
    last, status = test.last, test.status
    tries = max(last.number, len(test.attempts))  # what a damaged record lost was tried too
    lost = tries - len(test.attempts)
    if lost and status is Status.PASS:
        status = Status.FLAKY
    unclean = sum(attempt.status is not Status.PASS for attempt in test.attempts)
    return Execution(
        key=key_of(test.id),
        shown=test.id,
        source=source,
        status=status,
        attempts=tries,
        unclean=unclean + lost,
        when=time_of(last.started) or source.started,
        req=test.req,
        defects=test.defects,
        message=last.message[:MAX_MESSAGE],
        text=last.text[:MAX_TEXT],
        seconds=test.seconds,
    )


def _besides(run: RecordedRun) -> Iterator[RecordedTest]:
    """Yield what the results leave out: the test in which a run ended, and that some are lost."""
    if run.under_way:
        # Whatever the verdict: interrupted in good order, or "running" to this day for all one can see.
        told = f"the run was {run.verdict} in this test"
        yield broken_test(run.under_way, told, when=run.finished or "")
    here = [test for test in run.tests if not test.on_target]
    found = {str(status): n for status, n in Counter(test.status for test in here).items()}
    counted = run.values.get("tests")
    if isinstance(counted, dict) and counted != found:
        told = ", ".join(f"{n} {status}" for status, n in counted.items())
        have = ", ".join(f"{n} {status}" for status, n in found.items())
        yield broken_test(
            RECORD, f"run.json counts {told or 'no test'}; results.jsonl has {have or 'none'}"
        )
    elif run.torn and not isinstance(counted, dict):
        # Nobody counted them: what was lost may have been a failure.
        yield broken_test(
            RECORD, f"{run.torn} damaged lines, in a run that ended as {run.verdict!r}"
        )
    elif run.verdict in (Verdict.FAIL, Verdict.ERROR) and not CLASSES.keys() & found.keys():
        why = f": {run.reasons[0]}" if run.reasons else ""
        yield broken_test(RECORD, f"the run ended as {run.verdict!r}, and no test in it did{why}")


def _slowest(run: RecordedRun) -> dict[tuple[str, int], tuple[float, int]]:
    found: dict[tuple[str, int], tuple[float, int]] = {}
    for stage in run.stages:
        if stage.seconds is not None and _EARLIEST <= stage.seconds < math.inf:
            place = stage.stage, stage.rse
            found[place] = max(found.get(place, (_EARLIEST, 0)), (stage.seconds, stage.boot))
    return found


def _remarks(run: RecordedRun) -> list[str]:
    found = []
    if run.verdict not in _ENDED:
        found.append(f"it ended as {run.verdict!r}")
    if replayed := run.values.get("replay_of"):
        found.append(f"a replay of {replayed}: no device ran")
    if run.under_way:
        found.append(f"it ended in {run.under_way}")
    if run.torn:
        found.append(f"{run.torn} damaged lines in it were left out")
    if not run.images:
        found.append("it names no image")
    return found
