# SPDX-License-Identifier: Apache-2.0
"""What each stage of a boot took since the stage before it, as its budget counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from hil.report.recorded import RecordedStage


class StageStep(NamedTuple):
    """One stage of one boot of one RSE.

    Attributes:
        seconds: Since the release of reset; None for one that did not come.
        took: Seconds since the stage before it; None for one that did not come.
    """

    rse: int
    boot: int
    stage: str
    status: str
    seconds: float | None
    took: float | None
    budget: float | None


def stage_steps(stages: Iterable[RecordedStage]) -> Iterator[StageStep]:
    """Yield the stages of a run, each of a boot and RSE once."""
    ordered = sorted(stages, key=_boot_of)
    for (boot, rse), group in groupby(ordered, key=_boot_of):
        found = {stage.stage: stage for stage in group}
        timed = sorted((s.seconds, s.stage) for s in found.values() if s.seconds is not None)
        took, before = {}, 0.0
        for seconds, name in timed:
            # A read that came with the release of reset may be stamped a little before it.
            took[name] = round(max(0.0, seconds - before), 6)
            before = max(before, seconds)
        for name, stage in found.items():
            yield StageStep(
                rse, boot, name, stage.status, stage.seconds, took.get(name), stage.budget
            )


def _boot_of(stage: RecordedStage) -> tuple[int, int]:
    return stage.boot, stage.rse
