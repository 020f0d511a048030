# SPDX-License-Identifier: Apache-2.0
"""How far one RSE came, and why no farther."""

from __future__ import annotations

from dataclasses import dataclass

from hil.uart.events import Event
from hil.uart.report_lines import Report
from hil.uart.stages import Boot, StageTime

#: Why a wait ended without success; "" is success.
Reason = str


class FirmwareEnded(str):
    """Sentence of `alive` for a device that the firmware itself ended: no failure of the lab."""

    __slots__ = ()


@dataclass(frozen=True)
class BootResult:
    """How far one RSE came.

    Attributes:
        rse: Id of the RSE.
        reached: The awaited and other stages that were reached, oldest first; after an unexpected
            reset those of the last boot only.
        failed_stage: The stage that was awaited when it ended, None after success.
        reason: "" after success; "budget", "halt", "exception", "eof", "dead", "resets" or
            "stopped" (another RSE ended the wait of all).
        detail: The reason in words.
        last_line: The text that came last.
        halt_line: The line after which nothing follows, None if there is none.
        boots: All boots that were seen.
        events: What was said but for information and tests.
        reports: What the reporter said in the last boot.
        waited: Seconds that it took.
        late: Whether the failed stage did come, after its budget.
    """

    rse: int
    reached: tuple[StageTime, ...]
    failed_stage: str | None
    reason: Reason
    detail: str
    last_line: str
    halt_line: str | None
    boots: tuple[Boot, ...]
    events: tuple[Event, ...]
    reports: tuple[Report, ...]
    waited: float
    late: bool = False

    @property
    def ok(self) -> bool:
        """Whether every awaited stage was reached in time."""
        return not self.reason

    def __str__(self) -> str:
        path = " > ".join(stage.stage for stage in self.reached) or "no stage"
        if self.ok:
            return f"RSE {self.rse}: reached {path} in {self.waited:.2f} s"
        return (
            f"RSE {self.rse}: no {self.failed_stage} stage: {self.detail}; reached {path}; "
            f"last line: {self.last_line!r}"
        )
