# SPDX-License-Identifier: Apache-2.0
"""What became of a boot: what the runtime still says after it, and what the journal is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from hil.bench.boots import SystemBoot
from hil.bench.journal import Journal
from hil.bench.stage_times import since, timeline
from hil.uart.boot_result import BootResult
from hil.uart.follower import BootFollower
from hil.uart.report_lines import VhukReport
from hil.uart.transcript import Transcript

#: Seconds in which the runtime's report line must follow its banner.
RUNTIME_REPORT_LIMIT = 5.0


def let_go_at(transcripts: Mapping[int, Transcript], offsets: Mapping[int, int]) -> float:
    """Return when RSEs began that said nothing before: now, or when the first of them spoke."""
    now = time.monotonic()
    spoken = (t.time_at(offsets.get(rse, 0)) for rse, t in transcripts.items()
              if t.size > offsets.get(rse, 0))  # fmt: skip
    return min([now, *(at for at in spoken if at is not None)])


def with_runtime_reports(
    followers: Mapping[int, BootFollower], results: dict[int, BootResult]
) -> dict[int, BootResult]:
    """Give the report lines of the runtime time to follow its banner."""
    deadline = time.monotonic() + RUNTIME_REPORT_LIMIT
    waiting = {rse for rse, result in results.items() if result.ok}
    while waiting and time.monotonic() < deadline:
        for rse in sorted(waiting):
            followers[rse].poll()
            if any(
                isinstance(r, VhukReport) and r.src == "runtime" for r in followers[rse].reports
            ):
                waiting.discard(rse)
        if waiting:
            time.sleep(0.01)
    return {rse: renewed(result, followers[rse]) for rse, result in results.items()}


def renewed(result: BootResult, follower: BootFollower) -> BootResult:
    """Return a result with what was said after the last awaited stage."""
    later = replace(
        result,
        boots=follower.boots,
        events=follower.events,
        reports=follower.reports,
        last_line=follower.last_line,
    )
    halt = follower.first_halt
    if not result.ok or halt is None:
        return later
    stage = result.reached[-1].stage if result.reached else None
    detail = f"{halt.text} after it was reached; {len(follower.boots)} boots"
    return replace(
        later, reason="exception", failed_stage=stage, detail=detail, halt_line=halt.text
    )


def tell_boot(journal: Journal, boot: SystemBoot, budgets: Mapping[str, float]) -> None:
    """Tell how a boot went: one event for each RSE, with its stages and their times."""
    for rse in boot.rses:
        result = boot.of(rse)
        journal.event(
            "booted",
            number=boot.number,
            rse=rse,
            ok=result.ok,
            stages={s.stage: s.t and since(boot.started, s.t) for s in result.reached},
            reason=result.detail or None,
            last_line=result.last_line,
            timeline=timeline(result, boot.started, budgets),
        )
