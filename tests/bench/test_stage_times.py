# SPDX-License-Identifier: Apache-2.0
"""The journal keeps how far each RSE came, stage by stage."""

from __future__ import annotations

from typing import Any

import pytest

from hil.bench.stage_times import timeline
from hil.uart.boot_result import BootResult
from hil.uart.framing import Line
from hil.uart.stages import StageTime

BUDGETS = {"BL1_1": 5.0, "BL1_2": 9.0}


def result(*reached: str, **values: Any) -> BootResult:
    stages = [
        StageTime(s, 100.5 + n, Line(f"[INF] {s}", None, 0, 1, n)) for n, s in enumerate(reached)
    ]
    told: dict[str, Any] = {"failed_stage": None, "reason": "", "detail": "", "waited": 3.25}
    told |= {"last_line": "", "halt_line": None, "boots": (), "events": (), "reports": ()}
    return BootResult(rse=0, reached=tuple(stages), **(told | values))


def test_stages_that_were_reached() -> None:
    """Seconds since the release of reset, the budget, and the line that says so."""
    first, second = timeline(result("BL1_1", "BL2"), 100.0, BUDGETS)
    assert first == {
        "stage": "BL1_1", "status": "reached", "seconds": 0.5, "budget": 5.0, "line": "[INF] BL1_1",
    }  # fmt: skip
    assert (second["seconds"], second["budget"]) == (1.5, None)


@pytest.mark.parametrize(
    ("late", "status", "seconds"), [(False, "missed", None), (True, "late", 3.25)]
)
def test_a_stage_that_failed(late: bool, status: str, seconds: float | None) -> None:
    """It comes last, with the reason; one that came too late has its time."""
    told = result(
        "BL1_1", failed_stage="BL1_2", reason="budget", detail="not within 9 s", late=late
    )
    entry = timeline(told, 100.0, BUDGETS)[-1]
    assert (entry["stage"], entry["status"], entry["seconds"]) == ("BL1_2", status, seconds)
    assert (entry["budget"], entry["line"]) == (9.0, "not within 9 s")


def test_a_stage_that_did_not_hold() -> None:
    """An RSE that dies after its last stage reached it, and lost it."""
    entries = timeline(result("BL1_1", failed_stage="BL1_1", reason="exception"), 100.0, BUDGETS)
    assert [(e["stage"], e["status"]) for e in entries] == [("BL1_1", "lost")]


def test_no_key_gets_into_the_journal() -> None:
    """Digits that may be a key are hidden, whoever printed them."""
    told = result(failed_stage="BL1_1", reason="halt", detail="key " + "5a" * 32)
    assert "5a5a" not in str(timeline(told, 100.0, BUDGETS))
