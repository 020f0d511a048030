# SPDX-License-Identifier: Apache-2.0
"""One row of the catalogue of damaged images on a bench, and the verdict on its boot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from hil.bench.boots import SystemBoot
from hil.images.mutant_rules import Outcome, Place, Verdict
from hil.images.mutants import Mutant

#: Stages of the boot, in order.
_STAGES = ("BL1_1", "BL1_2", "BL2", "runtime")


@dataclass(frozen=True)
class MutantCase:
    """One row of the catalogue in one place."""

    mutant: Mutant
    place: Place = Place.ALONE

    def __str__(self) -> str:
        place = "" if self.place is Place.ALONE else f"+{self.place}"
        return f"{self.mutant.name}{place}"


@dataclass(frozen=True)
class MutantBoot:
    """What became of one case.

    Attributes:
        rse: The RSE that had the damaged image.
        boot: The boot of the system, with all RSEs.
        expected: What a correct boot does with it.
    """

    rse: int
    boot: SystemBoot
    expected: Outcome

    @property
    def mismatch(self) -> str | None:
        """What the boot did instead of what was expected, None if it did that."""
        did = self._did()
        if did is None:
            return None
        result = self.boot.of(self.rse)
        last = result.halt_line or result.last_line
        return f"expected {self.expected}, {did}; RSE {self.rse} ends with {last!r}"

    def _did(self) -> str | None:
        result = self.boot.of(self.rse)
        reached = {each.stage for each in result.reached}
        furthest = next((each for each in reversed(_STAGES) if each in reached), "nothing")
        if self.expected.verdict is not Verdict.REFUSED:
            return None if result.ok else f"it comes no further than {furthest}: {result.detail}"
        if furthest == "runtime":
            return "it boots"
        # A build without log lines in BL1 and BL2 only shows that nothing booted.
        if furthest not in (self.expected.ends, "nothing"):
            return f"it comes as far as {furthest}"
        if furthest == "BL1_2" and "vhuk" not in reached and result.halt_line is None:
            # It may wait for another RSE just as well.
            return "it ends in BL1_2 without a word"
        return None


class CaseBoots(ABC):
    """What becomes of cases, booted in batches when a result is first asked for.

    Args:
        cases: Those that are going to be asked for, in that order.
    """

    def __init__(self, cases: Sequence[MutantCase]) -> None:
        self._cases = list(cases)
        self._results: dict[str, MutantBoot | str] = {}

    def of(self, case: MutantCase) -> MutantBoot | str:
        """Return what became of a case, or why it cannot be had on this bench.

        Raises:
            DeviceError, ImageError: loading or booting failed.
        """
        while str(case) not in self._results:
            at = next(n for n, each in enumerate(self._cases) if str(each) == str(case))
            self._boot_batch(self._cases[at:])
        return self._results[str(case)]

    @abstractmethod
    def _boot_batch(self, cases: Sequence[MutantCase]) -> None:
        """Add the results of the first case, and of as many others as can share its boot."""
