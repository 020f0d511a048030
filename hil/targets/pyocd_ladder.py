# SPDX-License-Identifier: Apache-2.0
"""The rungs of the recovery ladder for boards behind pyOCD."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hil.errors import DeviceError
from hil.targets.load import FlashPolicy
from hil.targets.pyocd_crew import Crew
from hil.targets.pyocd_settings import PyocdSettings
from hil.targets.recovery import Climb, Lab, Rung


class Ladder:
    """Takes boards that failed from rung to rung.

    Args:
        settings: The launcher's settings; they name the rungs.
        crew: The workers. Whose worker is missing has failed.
        lab: What there is around the boards.
    """

    def __init__(self, settings: PyocdSettings, crew: Crew, lab: Lab) -> None:
        self._settings = settings
        self._crew = crew
        self._lab = lab

    def rungs(
        self, lost_all: Callable[[], None], flash: FlashPolicy | None
    ) -> Sequence[tuple[Rung, Climb]]:
        """Return what the board file allows and the lab can do, in the order of the board file.

        Args:
            lost_all: Called when what was loaded on the other boards is lost too.
            flash: What the load may write; nothing is erased where that is nothing.
        """
        can: dict[Rung, Climb] = {
            Rung.RESET: lambda why: self._reset(why, lost_all),
            Rung.UNDER_RESET: lambda why: self._hold(why, {"kind": None, "mode": "under-reset"}),
            Rung.MASS_ERASE: self._mass_erase,
        }
        if self._lab.power_cycle is not None:
            can[Rung.POWER_CYCLE] = lambda _why: self._power_cycle(lost_all)
        if (flash or self._settings.flash) is FlashPolicy.NEVER:
            del can[Rung.MASS_ERASE]
        return [(rung, can[rung]) for rung in self._settings.recovery if rung in can]

    def _reset(self, why: DeviceError, lost_all: Callable[[], None]) -> None:
        """Reset by the lab's own line where there is one, else by the debugger."""
        if self._lab.reset is None:
            self._hold(why, {"kind": "system"})
            return
        lost_all()
        self._crew.drop(self._crew.ids)
        self._lab.reset()

    def _power_cycle(self, lost_all: Callable[[], None]) -> None:
        lost_all()
        self._crew.drop(self._crew.ids)
        assert self._lab.power_cycle is not None
        self._lab.power_cycle()

    def _mass_erase(self, why: DeviceError) -> None:
        self._hold(why, {"kind": None, "mode": "under-reset"})
        limit = self._settings.timeouts.mass_erase
        self._crew.ask("mass erase", {rse: {"command": "mass_erase"} for rse in _of(why)}, limit)

    def _hold(self, why: DeviceError, how: dict[str, Any]) -> None:
        """Take hold of the boards that failed with new sessions, in another way than before."""
        failed = _of(why)
        self._crew.drop(failed)
        limits = self._settings.timeouts
        limit = limits.appear + limits.open + limits.reset
        self._crew.ask("hold", {rse: {"command": "hold", **how} for rse in failed}, limit)


def _of(why: DeviceError) -> list[int]:
    """Return the RSEs that a failure is about."""
    return getattr(why, "rses", None) or ([why.rse] if why.rse is not None else [])
