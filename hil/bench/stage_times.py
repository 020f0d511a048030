# SPDX-License-Identifier: Apache-2.0
"""How far one RSE came in one boot, stage by stage, as the journal of a run keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hil.uart.boot_result import BootResult
from hil.uart.log_text import shown

#: Characters of a line that a journal keeps.
_MAX_LINE = 300


def since(started: float, at: float) -> float:
    """Return seconds since the release of reset; a byte may be in time for it by a hair."""
    return round(max(0.0, at - started), 4)


def timeline(
    result: BootResult, started: float, budgets: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return one entry per stage, in the order of arrival; the one that failed comes last.

    Args:
        result: What became of the RSE.
        started: Monotonic seconds at which the RSEs were let go.
        budgets: Seconds of each awaited stage, from the awaited one before it.

    Returns:
        Entries with `stage`, `status` ("reached", "late", "missed", or "lost": reached, and then the
        RSE died), `seconds` since the release of reset, `budget` and `line`.
    """
    entries = [
        {
            "stage": each.stage,
            "status": "lost" if each.stage == result.failed_stage else "reached",
            "seconds": None if each.t is None else since(started, each.t),
            "budget": budgets.get(each.stage),
            "line": shown(each.line.text, _MAX_LINE),
        }
        for each in result.reached
    ]
    known = {entry["stage"] for entry in entries}
    if result.failed_stage is not None and result.failed_stage not in known:
        entries.append(
            {
                "stage": result.failed_stage,
                "status": "late" if result.late else "missed",
                "seconds": round(result.waited, 4) if result.late else None,
                "budget": budgets.get(result.failed_stage),
                "line": shown(result.detail, _MAX_LINE),
            }
        )
    return entries
