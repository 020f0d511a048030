# SPDX-License-Identifier: Apache-2.0
"""One RSE in one boot as a lane on a time axis; all places in percent of its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hil.report.page.axis import WAIT_ENDS, Scale, last_word, ran_out, resets
from hil.report.page.boot_lines import BootLines
from hil.report.page.words import seconds
from hil.report.recorded import RecordedBoot, RecordedStage

#: The stage that an RSE reaches by waiting for the others, and prints nothing meanwhile.
HANDSHAKE = "vhuk"


@dataclass(frozen=True)
class Segment:
    """The time between two stages: what ran after the first and before the second.

    Attributes:
        stage: The stage that was reached at its beginning.
        x: Where it begins.
        width: How long it is.
        told: The whole story of it.
        label: What stands in it, "" where there is no room.
        waiting: The vHUK handshake took place in it.
        used: Share of its budget that it took, 1 at most; None without a budget.
        tone: Colour of that share: "pass", "miss" (nearly all of it), "fail" (more than it).
    """

    stage: str
    x: float
    width: float
    told: str
    label: str
    waiting: bool = False
    used: float | None = None
    tone: str = "pass"


@dataclass(frozen=True)
class Mark:
    """A moment: kind "reset", "reached", "late", "missed" or "budget"."""

    kind: str
    x: float
    text: str


@dataclass(frozen=True)
class Step:
    """A row of the table below the picture; place is the name of its UART line on the page."""

    stage: str
    status: str
    time: str
    budget: str
    line: str
    place: str


@dataclass(frozen=True)
class Lane:
    """One RSE in one boot.

    Attributes:
        begins: The name of its first UART line on the page, "" if there is none.
        told: How it ended.
    """

    rse: int
    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]
    steps: tuple[Step, ...]
    begins: str
    told: str

    @property
    def resets(self) -> int:
        """How often the chip came out of reset again."""
        return sum(mark.kind == "reset" for mark in self.marks)


def lane_of(
    rse: int,
    stages: Sequence[RecordedStage],
    boot: RecordedBoot,
    lines: BootLines | None,
    scale: Scale,
) -> Lane:
    """Return the lane of an RSE.

    Args:
        rse: Its id.
        stages: Its stages in this boot, in the order of arrival.
        boot: The boot.
        lines: What its UART says of the boot, None without.
        scale: The axis.
    """

    def place(text: str) -> str:
        number = lines.places.get(text) if lines is not None and text else None
        return "" if lines is None or number is None else f"{lines.transcript.key}-{number}"

    segments = [*_between(stages, scale), *_behind(stages, boot, lines, scale)]
    marks = [*_budgets(stages, scale), *_ends(stages, segments, scale)]
    if lines is not None:
        marks += [Mark("reset", scale.percent(at), "reset") for at, _ in resets(boot, lines)]
    steps = (
        Step(
            stage.stage,
            stage.status,
            seconds(stage.seconds),
            seconds(stage.budget),
            stage.line,
            place(stage.line),
        )
        for stage in stages
    )
    begins = "" if lines is None else f"{lines.transcript.key}-{lines.span.start}"
    return Lane(rse, tuple(segments), tuple(marks), tuple(steps), begins, _told(stages))


def _timed(stages: Sequence[RecordedStage]) -> list[tuple[RecordedStage, float]]:
    return [(stage, max(stage.seconds, 0.0)) for stage in stages if stage.seconds is not None]


def _between(stages: Sequence[RecordedStage], scale: Scale) -> Iterator[Segment]:
    timed = _timed(stages)
    for (stage, begin), (following, end) in pairwise(timed):
        x = scale.percent(begin)
        width = round(max(scale.percent(end) - x, 0.0), 3)
        waiting = following.stage == HANDSHAKE
        used = None if not following.budget else (end - begin) / following.budget
        told = f"{stage.stage} to {following.stage}: {seconds(end - begin)}"
        told += ", keys and vHUK handshake" * waiting
        if used is not None:
            told += f", {used:.0%} of its budget of {seconds(following.budget)}"
        label = f"{stage.stage} · handshake" if waiting and width > 18 else stage.stage
        yield Segment(
            stage=stage.stage,
            x=x,
            width=width,
            told=told,
            label=label if width > 0.9 * len(label) + 1 else "",
            waiting=waiting,
            used=None if used is None else round(min(used, 1.0), 4),
            tone="pass" if used is None or used < 0.8 else "miss" if used <= 1 else "fail",
        )


def _behind(
    stages: Sequence[RecordedStage], boot: RecordedBoot, lines: BootLines | None, scale: Scale
) -> Iterator[Segment]:
    """Yield what an RSE did behind the last stage that it reached."""
    missed = [stage for stage in stages if stage.status == "missed"]
    last, begin = _timed(stages)[-1] if _timed(stages) else (None, 0.0)
    if not missed:
        return
    x = scale.percent(begin)
    name = last.stage if last is not None else "silent"
    if ran_out(missed[-1]):
        yield Segment(
            stage=name,
            x=x,
            width=round(WAIT_ENDS - x, 3),
            told=f"{name}, then {missed[-1].stage} {missed[-1].line} (not to scale)",
            label=f"{name}, waited {seconds(missed[-1].budget)}",
            waiting=missed[-1].stage == HANDSHAKE,
            used=1.0,
            tone="fail",
        )
    elif lines is not None and (ended := last_word(boot, lines)) and ended[0] > begin:
        width = round(scale.percent(ended[0]) - x, 3)
        told = f"{name}, then silent after {seconds(ended[0])}"
        yield Segment(name, x, width, told, name if width > 0.9 * len(name) + 1 else "")


def _budgets(stages: Sequence[RecordedStage], scale: Scale) -> Iterator[Mark]:
    """Yield the ends of the budgets that lie within the time that is known."""
    before = 0.0
    for stage in stages:
        if stage.budget is not None and before + stage.budget <= scale.known:
            told = f"end of the budget of {stage.stage}: {seconds(stage.budget)}"
            yield Mark("budget", scale.percent(before + stage.budget), told)
        before = stage.seconds if stage.seconds is not None else before


def _ends(
    stages: Sequence[RecordedStage], segments: Sequence[Segment], scale: Scale
) -> Iterator[Mark]:
    for stage, at in _timed(stages):
        if stage.status != "reached":
            yield Mark("late", scale.percent(at), f"{stage.stage} {stage.status}")
    end = max((segment.x + segment.width for segment in segments), default=0.0)
    missed = [stage for stage in stages if stage.status == "missed"]
    for stage in missed:
        yield Mark("missed", end, f"no {stage.stage}")
    if not missed and _timed(stages) and stages[-1].status == "reached":
        stage, at = _timed(stages)[-1]
        told = f"{stage.stage} reached after {seconds(at)}"
        yield Mark("reached", scale.percent(at), told)


def _told(stages: Sequence[RecordedStage]) -> str:
    if not stages:
        return "not recorded"
    last = stages[-1]
    time = f" {seconds(last.seconds)}" if last.seconds is not None else ""
    return (
        f"{last.stage}{time}" if last.status == "reached" else f"{last.status} {last.stage}{time}"
    )
