# SPDX-License-Identifier: Apache-2.0
"""The boots of a run as its journal tells of them: what was let go when, and who came how far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class RecordedBoot:
    """One boot of the whole system.

    Attributes:
        number: From 0 in the run.
        how: What was done: "start", "reset", "power cycle".
        session: Number, from 1, of the bench: each retry has a new one.
        offsets: Where in `uart/rse<N>.log` of that bench it begins, by RSE.
        ends: Where the next boot of that bench begins, by RSE; empty for the last one.
        at: Monotonic seconds at which the RSEs were let go, the clock of `uart/rse<N>.idx`.
    """

    number: int
    how: str
    session: int
    offsets: Mapping[int, int]
    ends: Mapping[int, int]
    at: float | None


@dataclass(frozen=True)
class RecordedStage:
    """One stage of one boot of one RSE.

    Attributes:
        status: "reached", "late" (it came after its budget) or "missed" (it did not come).
        seconds: Since the release of reset; None for one that did not come.
        budget: Seconds that it had after the awaited stage before it, None if it was not awaited.
        line: The line that tells of it, or why it did not come.
    """

    boot: int
    rse: int
    stage: str
    status: str
    seconds: float | None
    budget: float | None
    line: str


@dataclass(frozen=True)
class BootJournal:
    """What the journal of a run says.

    Attributes:
        under_way: Id of the test that had begun and has no result: where a killed run stood.
        bad: Entries that could not be understood.
    """

    boots: tuple[RecordedBoot, ...]
    stages: tuple[RecordedStage, ...]
    under_way: str | None
    bad: int


def read_boots(events: Iterable[Mapping[str, Any]], budgets: Mapping[str, float]) -> BootJournal:
    """Return the boots and stages of a run's events.

    Args:
        events: The objects of `events.jsonl`, in order.
        budgets: Seconds per stage of the board file, for journals that do not repeat them.
    """
    boots: list[RecordedBoot] = []
    stages: list[RecordedStage] = []
    how: dict[int, str] = {}
    under_way: str | None = None
    bad = 0
    for event in events:
        kind = event.get("kind")
        try:
            if kind == "boot":
                how[int(event["number"])] = str(event.get("how", ""))
            elif kind == "let go":
                boots.append(_boot(event, how))
            elif kind == "booted":
                stages += _stages(event, budgets)
            elif kind == "test begins":
                under_way = str(event["id"])
            elif kind == "test ends":
                under_way = None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            bad += 1
    return BootJournal(_with_ends(boots), tuple(stages), under_way, bad)


def _boot(event: Mapping[str, Any], how: Mapping[int, str]) -> RecordedBoot:
    number = int(event["number"])
    at = event.get("monotonic")
    return RecordedBoot(
        number=number,
        how=how.get(number, ""),
        session=int(event.get("session") or 1),
        offsets={int(rse): int(offset) for rse, offset in event["offsets"].items()},
        ends={},
        at=None if at is None else float(at),
    )


def _with_ends(boots: list[RecordedBoot]) -> tuple[RecordedBoot, ...]:
    following: list[RecordedBoot | None] = [*boots[1:], None]
    return tuple(
        replace(boot, ends=later.offsets)
        if later is not None and later.session == boot.session
        else boot
        for boot, later in zip(boots, following, strict=False)
    )


def _stages(event: Mapping[str, Any], budgets: Mapping[str, float]) -> list[RecordedStage]:
    boot, rse = int(event["number"]), int(event["rse"])
    if isinstance(event.get("timeline"), list):
        return [
            RecordedStage(
                boot,
                rse,
                str(entry["stage"]),
                str(entry["status"]),
                None if entry.get("seconds") is None else float(entry["seconds"]),
                None if entry.get("budget") is None else float(entry["budget"]),
                str(entry.get("line") or ""),
            )
            for entry in event["timeline"]
        ]
    found = [
        RecordedStage(
            boot, rse, str(stage), "reached", _seconds(seconds), budgets.get(str(stage)), ""
        )
        for stage, seconds in event["stages"].items()
    ]
    if not event.get("ok", True):
        awaited = list(budgets)
        last = max((awaited.index(s) for s in event["stages"] if s in awaited), default=-1)
        missed = awaited[last + 1] if last + 1 < len(awaited) else "end"
        told = str(event.get("reason") or event.get("last_line") or "")
        found.append(RecordedStage(boot, rse, missed, "missed", None, budgets.get(missed), told))
    return found


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
