# SPDX-License-Identifier: Apache-2.0
"""The record of a run as executions of tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hil.report.recorded import RecordedRun, read_record
from hil.report.results import RecordedTest, Status
from hil.report.signoff.evidence import (
    MAX_MESSAGE,
    MAX_TEXT,
    Column,
    Execution,
    Source,
    without_long_tail,
)
from hil.report.signoff.foreign import rule_of
from hil.report.signoff.matching import key_of
from hil.report.signoff.policy import Foreign
from hil.report.signoff.suite_facts import time_of

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
    return source, without_long_tail([_execution(test, source) for test in run.tests])


def _execution(test: RecordedTest, source: Source) -> Execution:
    last, status = test.last, test.status
    unclean = sum(attempt.status is not Status.PASS for attempt in test.attempts)
    return Execution(
        key=key_of(test.id),
        shown=test.id,
        source=source,
        status=status,
        attempts=len(test.attempts),
        unclean=unclean,
        when=time_of(last.started) or source.started,
        req=test.req,
        defects=test.defects,
        message=last.message[:MAX_MESSAGE],
        text=last.text[:MAX_TEXT],
        seconds=test.seconds,
    )


def _slowest(run: RecordedRun) -> dict[str, tuple[float, int, int]]:
    found: dict[str, tuple[float, int, int]] = {}
    for stage in run.stages:
        if stage.seconds is not None:
            known = found.get(stage.stage, (-1.0, 0, 0))
            found[stage.stage] = max(known, (stage.seconds, stage.rse, stage.boot))
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
