# SPDX-License-Identifier: Apache-2.0
"""The two sides of a comparison: one run or several each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import UsageError
from hil.report.recorded import RecordedRun, read_record
from hil.report.runs_view import find_runs

#: Runs of one side; more say nothing that these do not.
MAX_RUNS = 200


@dataclass(frozen=True)
class Side:
    """Runs that are taken as repetitions of each other, oldest first."""

    runs: tuple[RecordedRun, ...]

    @property
    def newest(self) -> RecordedRun:
        """The latest run; whose logs are read."""
        return self.runs[-1]

    @property
    def name(self) -> str:
        """What a person calls the side."""
        if len(self.runs) == 1:
            return self.newest.id
        return f"{len(self.runs)} runs, {self.runs[0].id} to {self.newest.id}"


def read_side(places: Sequence[Path]) -> Side:
    """Read the runs of one side.

    Args:
        places: Folders of runs, or folders that hold such.

    Raises:
        UsageError: there is no run, too many, or one cannot be read.
    """
    folders = [folder for place in places for folder in find_runs(place)]
    told = ", ".join(map(str, places))
    if not folders:
        raise UsageError(f"no run in {told}; expected a folder with run.json, or a folder of such")
    if len(folders) > MAX_RUNS:
        raise UsageError(f"{len(folders)} runs in {told}: at most {MAX_RUNS} are compared at once")
    runs = [read_record(folder) for folder in folders]
    return Side(tuple(sorted(runs, key=lambda run: (run.started, run.id))))
