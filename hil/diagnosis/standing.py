# SPDX-License-Identifier: Apache-2.0
"""Where each RSE of a case stands: how far it came, who waits, who is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hil.diagnosis.observation import Case, ErrorLine, Observation
from hil.model.releases import Release, find_release

_PAST = {"vhuk", "BL2", "runtime", "ns"}
#: What BL1_2 says last before the handshake, which prints nothing.
_BEFORE_HANDSHAKE = "Starting TF-M BL1_2"
#: And what it says first behind it, where no reporter does.
_AFTER = "Attempting to boot image"


@dataclass(frozen=True)
class Standing:
    """A case, and how far its RSEs came.

    Args:
        case: What was observed and what is known.
    """

    case: Case

    @property
    def release(self) -> Release:
        """Rules of the firmware under test."""
        return self.case.inputs.release

    @property
    def amount(self) -> int:
        """Number of RSEs."""
        return len(self.case.inputs.rses)

    @cached_property
    def seen(self) -> Mapping[int, Observation]:
        """The RSEs whose UART was recorded, by place."""
        return {seen.rse: seen for seen in self.case.observations if seen.seen}

    @cached_property
    def passed(self) -> list[int]:
        """RSEs that came past the handshake."""
        return sorted(
            r
            for r, o in self.seen.items()
            if _PAST & set(o.reached) or o.fingerprints or o.complete or _AFTER in o.last_line
        )

    @cached_property
    def crashed(self) -> list[int]:
        """RSEs that ended a boot with an exception."""
        return sorted(r for r, o in self.seen.items() if o.crash is not None)

    @cached_property
    def halted(self) -> dict[int, ErrorLine]:
        """RSEs that halted inside BL1_2's key setup, with the line that says so."""
        return {
            rse: seen.halt
            for rse, seen in sorted(self.seen.items())
            if seen.halt is not None and rse not in self.passed and seen.stage == "BL1_2"
        }

    @cached_property
    def waiting(self) -> list[int]:
        """RSEs that are inside the handshake, or were when they fell silent."""
        return sorted(
            rse
            for rse, seen in self.seen.items()
            if seen.stage == "BL1_2"
            and rse not in {*self.passed, *self.halted, *self.crashed}
            and not seen.gone
            and _BEFORE_HANDSHAKE in (seen.last_line or _BEFORE_HANDSHAKE)
        )

    @cached_property
    def absent(self) -> list[int]:
        """RSEs that never got to the handshake, as far as their UARTs tell."""
        return sorted(
            rse
            for rse, seen in self.seen.items()
            if "BL1_2" not in seen.reached and rse not in {*self.passed, *self.crashed}
        )

    @cached_property
    def mute(self) -> list[int]:
        """Absent RSEs that showed no stage at all: the UART may be at fault, and not the RSE."""
        return [rse for rse in self.absent if not self.seen[rse].reached]

    @cached_property
    def lost(self) -> list[int]:
        """RSEs whose device went away inside the handshake."""
        return sorted(r for r, o in self.seen.items() if o.gone and o.stage == "BL1_2")

    @cached_property
    def release_contradicted(self) -> bool:
        """Whether versions were printed, and none that the firmware under test may print."""
        rows = {find_release(seen.version) for seen in self.seen.values() if seen.version}
        known = [row for row in rows if row is not None]
        return bool(known) and not any(self.release.may_print_version_of(row) for row in known)

    @property
    def release_known(self) -> bool:
        """Whether the release is told or printed, and the logs do not say another one."""
        return self.case.release_known and not self.release_contradicted

    @property
    def handshake_expected(self) -> bool:
        """Whether several RSEs should go through a handshake."""
        return self.amount > 1

    def how_absent(self, rse: int) -> str:
        """Return how an RSE that never got to the handshake ended, in words."""
        seen = self.seen[rse]
        if seen.gone:
            return f"its device is gone: {seen.gone}"
        if seen.silent:
            return "its UART is silent"
        if seen.halt is not None:
            return f"it halted: {seen.halt.text}"
        return f"it stands after {seen.stage or 'nothing'}, last line {seen.last_line!r}"
