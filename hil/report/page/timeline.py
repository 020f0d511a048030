# SPDX-License-Identifier: Apache-2.0
"""The boots of a run as they are drawn: lanes on a time axis, and who looked at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hil.report.page.axis import scale_of
from hil.report.page.boot_lines import BootLines
from hil.report.page.lanes import Lane, lane_of
from hil.report.recorded import GOOD, RecordedBoot, RecordedRun, RecordedStage, RecordedTest

#: RSEs that are named in a sentence.
_NAMED = 4


@dataclass(frozen=True)
class BootView:
    """One boot.

    Attributes:
        ticks: Places and words of the axis.
        tests: The tests that looked at it.
        tone: "pass"; "fail" if a test that looked at it did not pass; "skip" if it went less far
            than the board file wants and its tests are content with that.
        open: Whether it is shown at once.
    """

    number: int
    how: str
    session: int
    at: float | None
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    tests: tuple[RecordedTest, ...]
    tone: str
    told: str
    open: bool


def boot_view(
    run: RecordedRun, boot: RecordedBoot, lines: Mapping[int, BootLines], *, first: bool
) -> BootView:
    """Return a boot as it is drawn.

    Args:
        run: The run.
        boot: One of its boots.
        lines: What the UARTs say of it, by RSE.
        first: Whether it is the first one, which is always shown.
    """
    stages: dict[int, list[RecordedStage]] = {rse: [] for rse in sorted(boot.offsets)}
    for stage in run.stages:
        if stage.boot == boot.number:
            stages.setdefault(stage.rse, []).append(stage)
    tests = tuple(test for test in run.tests if boot.number in test.boots)
    wrong = any(s.status != "reached" for lane in stages.values() for s in lane)
    bad = [test for test in tests if test.status not in GOOD]
    scale = scale_of(boot, stages, lines)
    told = _told(stages, tests, bad)
    return BootView(
        number=boot.number,
        how=boot.how or "start",
        session=boot.session,
        at=boot.at,
        lanes=tuple(
            lane_of(rse, found, boot, lines.get(rse), scale) for rse, found in stages.items()
        ),
        ticks=scale.ticks,
        tests=tests,
        tone="fail" if wrong and (bad or not tests) else "skip" if wrong else "pass",
        told=told,
        open=first or bool(wrong and (bad or not tests)),
    )


def _told(
    stages: Mapping[int, Sequence[RecordedStage]],
    tests: Sequence[RecordedTest],
    bad: Sequence[RecordedTest],
) -> str:
    ends = [
        f"RSE {rse}: {stage.stage} {stage.status}"
        for rse, lane in stages.items()
        for stage in lane
        if stage.status != "reached"
    ]
    if not any(stages.values()):
        return "no stage is recorded: the run ended before this boot was judged"
    if not ends:
        return "every awaited stage was reached in time"
    judged = "" if bad or not tests else ", as its tests expect"
    return "; ".join(ends[:_NAMED]) + ("; ..." if len(ends) > _NAMED else "") + judged
