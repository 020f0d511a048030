# SPDX-License-Identifier: Apache-2.0
"""The values of a sign-off: what became of every requirement on every board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hil.report.signoff.evidence import Column, Evidence, Execution, Source
from hil.report.signoff.policy import Policy, Wanted


class Holds(StrEnum):
    """What became of a test or a requirement in one column."""

    PASS = "pass"  # noqa: S105 -- a verdict
    WAIVED = "waived"  # does not hold, and somebody accepts that until a day
    STALE = "stale"  # held, too long ago
    MISSING = "missing"  # not shown
    FAIL = "fail"


#: From the best to the worst.
ORDER = (Holds.PASS, Holds.WAIVED, Holds.STALE, Holds.MISSING, Holds.FAIL)
#: Row of tests that prove no requirement but must not fail either.
OTHER = "other-tests"
GOOD = frozenset({Holds.PASS, Holds.WAIVED})


def worst(found: Iterable[Holds]) -> Holds:
    """Return the worst verdict; PASS of none."""
    return max(found, key=ORDER.index, default=Holds.PASS)


@dataclass(frozen=True)
class TestJudgement:
    """What became of a test in one column.

    Attributes:
        name: Id as its source writes it, or the pattern that no test matches.
        why: "" for a plain pass.
        executions: Those that count, newest first; none for a test that is missing.
        clean: Whether at least one of them passed at its first attempt.
    """

    __test__ = False  # pytest would take the name for a test class

    name: str
    holds: Holds
    why: str
    executions: tuple[Execution, ...]
    clean: bool


@dataclass(frozen=True)
class Cell:
    """One requirement in one column.

    Attributes:
        why: Reasons, the weightiest first; "" nowhere.
        tests: Its tests, the worst first.
    """

    requirement: str
    holds: Holds
    why: tuple[str, ...]
    tests: tuple[TestJudgement, ...]


@dataclass(frozen=True)
class JudgedColumn:
    """One required board with one set of images, or with none if there is no evidence.

    Attributes:
        want: What of the policy it answers.
        column: What ran; None if nothing was given.
        sources: Runs and files that tell of it.
        cells: By id of the requirement; one that this board need not show is not in it.
    """

    want: Wanted
    column: Column | None
    sources: tuple[Source, ...]
    cells: Mapping[str, Cell]

    @property
    def label(self) -> str:
        """What a reader sees above it."""
        digest = self.column.digest[:8] if self.column else ""
        toolchain = (self.column.toolchain or "") if self.column else ""
        extra = toolchain if toolchain and not self.want.toolchain else ""
        images = f"images {digest}" if digest else "no images" if self.column else "no evidence"
        return ", ".join(part for part in (self.want.label, extra, images) if part)

    @property
    def holds(self) -> Holds:
        """The worst of its cells; one without a single pass shows nothing."""
        found = {name: cell.holds for name, cell in self.cells.items()}
        proven = any(holds is Holds.PASS for name, holds in found.items() if name != OTHER)
        return worst(found.values()) if proven else worst([*found.values(), Holds.MISSING])


@dataclass(frozen=True)
class SignOff:
    """The whole verdict.

    Attributes:
        rows: Id and title of every requirement, in the order of the policy.
        others: Columns that nobody asked for.
        waivers: Sentences on waivers: used until when, expired, not needed any more.
    """

    policy: Policy
    at: datetime
    rows: tuple[tuple[str, str], ...]
    columns: tuple[JudgedColumn, ...]
    others: tuple[Column, ...]
    evidence: Evidence
    remarks: tuple[str, ...]
    waivers: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return bool(self.columns) and all(column.holds in GOOD for column in self.columns)
