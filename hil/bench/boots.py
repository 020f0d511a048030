# SPDX-License-Identifier: Apache-2.0
"""One boot of the whole system: what each RSE reached, reported and printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hil.errors import UsageError
from hil.uart.boot_result import BootResult
from hil.uart.report_lines import MalformedReport, Report, SeedsReport, StateReport, VhukReport
from hil.uart.stages import Boot

_R = TypeVar("_R", VhukReport, SeedsReport, StateReport, MalformedReport)


@dataclass(frozen=True)
class SystemBoot:
    """The results of all RSEs after one start or reset.

    Attributes:
        number: From 0 in this run.
        results: By RSE id.
        started: Monotonic seconds at which the RSEs were let go.
    """

    number: int
    results: Mapping[int, BootResult]
    started: float

    @property
    def rses(self) -> list[int]:
        """Ids of all RSEs."""
        return sorted(self.results)

    @property
    def ok(self) -> bool:
        """Whether every RSE reached every stage in time."""
        return all(result.ok for result in self.results.values())

    def of(self, rse: int) -> BootResult:
        """Return what is known of one RSE.

        Raises:
            UsageError: the board has no such RSE.
        """
        if rse not in self.results:
            raise UsageError(f"no RSE {rse} on this board; it has {sorted(self.results)}")
        return self.results[rse]

    def last(self, rse: int) -> Boot | None:
        """Return the last boot of an RSE; provisioning alone makes several."""
        boots = self.results[rse].boots
        return boots[-1] if boots else None

    def life_cycle_steps(self, rse: int) -> list[str]:
        """Return the life-cycle states that the provisioning announced, in order."""
        return [boot.lcs for boot in self.results[rse].boots if boot.lcs is not None]

    def fingerprints(self, source: str) -> dict[int, str]:
        """Return the fingerprints that one source reported, by the RSE whose UART said so."""
        found = {}
        for rse in self.rses:
            for report in self._reports(rse, VhukReport):
                if report.src == source:
                    found[rse] = report.fp
        return found

    def reported_ids(self) -> dict[int, int]:
        """Return the RSE id that each UART's reporter gave itself."""
        return {
            rse: report.rse for rse in self.rses for report in self._reports(rse, VhukReport)[-1:]
        }

    def state(self, rse: int) -> StateReport | None:
        """Return the state that an RSE reported last."""
        reports = self._reports(rse, StateReport)
        return reports[-1] if reports else None

    def seeds(self, rse: int) -> SeedsReport | None:
        """Return the seed array that an RSE reported last."""
        reports = self._reports(rse, SeedsReport)
        return reports[-1] if reports else None

    def malformed(self, rse: int) -> list[MalformedReport]:
        """Return report lines that could not be read."""
        return self._reports(rse, MalformedReport)

    def unexpected_errors(self, rse: int, allowed: Sequence[str]) -> list[str]:
        """Return the error lines of all boots but those that one of the expressions matches."""
        events = [e for e in self.results[rse].events if e.kind in {"error", "halt", "exception"}]
        return [e.text for e in events if not any(re.search(rule, e.text) for rule in allowed)]

    def _reports(self, rse: int, kind: type[_R]) -> list[_R]:
        reports: tuple[Report, ...] = self.results[rse].reports
        return [report for report in reports if isinstance(report, kind)]
