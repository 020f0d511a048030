# SPDX-License-Identifier: Apache-2.0
"""Which stages got slower or faster, and whether that is more than they vary anyway.

A stage's time is what it took since the stage before it. With several runs on both sides a
difference counts if every time of one side lies above every time of the other; of 3 and 3 runs one
in ten pairs of equal sides looks like that, of 4 and 4 one in 35, of 5 and 5 one in 126. With one
run on a side nothing is known about the spread: a large difference is suspicious, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from hil.report.compare.sides import Side
from hil.report.stage_steps import StageStep, stage_steps

#: A smaller difference of medians is told only to machines: relative, and in seconds.
MIN_PART, MIN_SECONDS = 0.10, 0.02
#: The same where the spread is not known: a busy host alone makes this much.
MIN_PART_SINGLE, MIN_SECONDS_SINGLE = 0.25, 0.1


@dataclass(frozen=True)
class StageChange:
    """One stage of one boot on both sides.

    Attributes:
        before: What it took in the runs of side A in which it came, seconds.
        after: The same of side B.
        lost: In how many runs of A and of B it was awaited and did not come.
    """

    boot: int
    rse: int
    stage: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    lost: tuple[int, int]

    @property
    def difference(self) -> float | None:
        """Median of B less that of A, seconds; None if it did not come on one side."""
        return median(self.after) - median(self.before) if self.before and self.after else None

    @property
    def spread_known(self) -> bool:
        """Whether both sides have several times."""
        return len(self.before) > 1 and len(self.after) > 1

    @property
    def within_spread(self) -> bool | None:
        """Whether the sides overlap; None if the spread is not known."""
        if not self.spread_known:
            return None
        return min(self.after) <= max(self.before) and min(self.before) <= max(self.after)

    @property
    def reach_changed(self) -> bool:
        """Whether it came on one side only, or more often on one."""
        came = [len(times) > 0 for times in (self.before, self.after)]
        lost = [count > 0 for count in self.lost]
        return came[0] != came[1] or lost[0] != lost[1]

    @property
    def differs(self) -> bool:
        """Whether it got slower or faster beyond what it varies, by enough to matter."""
        return self.within_spread is False and self._large(MIN_PART, MIN_SECONDS)

    @property
    def suspicious(self) -> bool:
        """Whether it may have changed, which single runs cannot tell."""
        return self.within_spread is None and self._large(MIN_PART_SINGLE, MIN_SECONDS_SINGLE)

    def _large(self, part: float, seconds: float) -> bool:
        if self.difference is None:
            return False
        scale = min(median(self.before), median(self.after))
        return abs(self.difference) >= max(seconds, part * scale)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "boot": self.boot,
            "rse": self.rse,
            "stage": self.stage,
            "before": list(self.before),
            "after": list(self.after),
            "missed_before": self.lost[0],
            "missed_after": self.lost[1],
            "difference": self.difference,
            "within_spread": self.within_spread,
        }


def compare_times(a: Side, b: Side) -> tuple[StageChange, ...]:
    """Return every stage of every boot of both sides."""
    before, after = _by_stage(a), _by_stage(b)
    return tuple(
        StageChange(
            *key,
            _times(before.get(key, ())),
            _times(after.get(key, ())),
            (_lost(before.get(key, ())), _lost(after.get(key, ()))),
        )
        for key in sorted({**before, **after}, key=lambda key: key[:2])
    )


def _by_stage(side: Side) -> dict[tuple[int, int, str], list[StageStep]]:
    found: dict[tuple[int, int, str], list[StageStep]] = {}
    for run in side.runs:
        for step in stage_steps(run.stages):
            found.setdefault((step.boot, step.rse, step.stage), []).append(step)
    return found


def _times(steps: Iterable[StageStep]) -> tuple[float, ...]:
    return tuple(sorted(step.took for step in steps if step.took is not None))


def _lost(steps: Iterable[StageStep]) -> int:
    return sum(step.took is None for step in steps)
