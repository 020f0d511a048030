# SPDX-License-Identifier: Apache-2.0
"""Who agrees with whom: the fingerprints of the vHUK, one column for each boot and reporter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hil.report.page.boot_lines import BootLines
from hil.report.page.words import many
from hil.report.recorded import RecordedRun

#: Columns that are shown; of more boots the first ones and those in which somebody differs.
_MAX_COLUMNS = 16
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Cell:
    """What one RSE reported.

    Attributes:
        letter: The same for equal values of one column, "A" for the most frequent; "" for none.
        differs: It is there, and not the most frequent one of its column.
    """

    fingerprint: str
    letter: str
    differs: bool


@dataclass(frozen=True)
class Column:
    """One boot (None: what the record keeps) and who reported; cells by RSE."""

    boot: int | None
    source: str
    cells: Mapping[int, Cell]

    @property
    def differs(self) -> bool:
        """Whether two RSEs reported different values."""
        return any(cell.differs for cell in self.cells.values())

    @property
    def silent(self) -> list[int]:
        """The RSEs that reported nothing."""
        return [rse for rse, cell in self.cells.items() if not cell.letter]


@dataclass(frozen=True)
class Agreement:
    """The matrix.

    Attributes:
        formulas: What each RSE's value was computed from, as the diagnosis found out.
        left_out: Columns for which there is no room.
        told: The matrix in one sentence.
    """

    rses: tuple[int, ...]
    columns: tuple[Column, ...]
    formulas: Mapping[int, str]
    left_out: int
    told: str


def agreement_of(run: RecordedRun, boots: Mapping[int, Mapping[int, BootLines]]) -> Agreement:
    """Return the matrix of a run.

    Args:
        run: The run.
        boots: What the UARTs say, by number of the boot and RSE.
    """
    rses = tuple(sorted({rse for boot in run.boots for rse in boot.offsets} | set(run.consoles)))
    columns = []
    for number, lines in sorted(boots.items()):
        sources = dict.fromkeys(s for found in lines.values() for s in found.fingerprints)
        for source in sources:
            given = {
                r: f.fingerprints[source] for r, f in lines.items() if source in f.fingerprints
            }
            columns.append(_column(number, source, rses, given))
    if not columns and run.fingerprints:
        rses = rses or tuple(sorted(run.fingerprints))
        columns.append(_column(None, "", rses, run.fingerprints))
    shown = columns[:_MAX_COLUMNS]
    if len(columns) > _MAX_COLUMNS:
        odd = [column for column in columns[4:] if column.differs]
        shown = columns[:4] + odd[: _MAX_COLUMNS - 4]
    formulas = (run.diagnosis or {}).get("formulas")
    return Agreement(
        rses=rses,
        columns=tuple(shown),
        formulas={int(r): str(f) for r, f in formulas.items() if str(r).isdecimal()}
        if isinstance(formulas, dict)
        else {},
        left_out=len(columns) - len(shown),
        told=_told(columns),
    )


def _column(boot: int | None, source: str, rses: Sequence[int], given: Mapping[int, str]) -> Column:
    # The most frequent value first; of equally frequent ones that of the lowest RSE.
    values = [fp for fp, _ in Counter(given[rse] for rse in sorted(given)).most_common()]
    letters = {fp: _LETTERS[min(n, len(_LETTERS) - 1)] for n, fp in enumerate(values)}
    cells = {
        rse: Cell(given[rse], letters[given[rse]], letters[given[rse]] != "A")
        if rse in given
        else Cell("", "", False)
        for rse in rses
    }
    return Column(boot, source, cells)


def _told(columns: Sequence[Column]) -> str:
    if not columns:
        return "No RSE reported a fingerprint."
    bad = sum(column.differs for column in columns)
    silent = sum(bool(column.silent) for column in columns)
    told = (
        f"RSEs differ in {bad} of {many(len(columns), 'column')}"
        if bad
        else "Wherever RSEs reported, their values are equal"
    )
    return told + (f"; in {silent} an RSE reported nothing." if silent else ".")
