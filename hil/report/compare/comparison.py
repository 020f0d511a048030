# SPDX-License-Identifier: Apache-2.0
"""Two sides compared in every aspect, as one value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hil.report.compare.logs import LogChange, compare_logs
from hil.report.compare.sides import Side
from hil.report.compare.times import StageChange, compare_times
from hil.report.compare.values import (
    ImageChange,
    ValueChange,
    compare_environment,
    compare_fingerprints,
    compare_images,
)
from hil.report.compare.verdicts import DIFFERING, Change, TestChange, compare_tests

#: Version of the JSON.
SCHEMA = 1


@dataclass(frozen=True)
class Comparison:
    """What differs between side A and side B."""

    a: Side
    b: Side
    tests: tuple[TestChange, ...]
    times: tuple[StageChange, ...]
    images: tuple[ImageChange, ...]
    fingerprints: tuple[ValueChange, ...]
    environment: tuple[ValueChange, ...]
    logs: tuple[LogChange, ...]

    @property
    def verdicts(self) -> tuple[Counter[str], Counter[str]]:
        """Verdicts of the runs of A and of B, by their number."""
        first, second = (Counter(run.verdict for run in side.runs) for side in (self.a, self.b))
        return first, second

    @property
    def verdicts_differ(self) -> bool:
        """Whether a run's or a test's verdict differs."""
        a, b = self.verdicts
        return set(a) != set(b) or any(test.change in DIFFERING for test in self.tests)

    @property
    def same(self) -> bool:
        """Whether nothing differs that is sure to mean something."""
        return not (
            self.verdicts_differ
            or any(time.differs or time.reach_changed for time in self.times)
            or self.images
            or self.fingerprints
            or self.environment
            or any(not log.same for log in self.logs)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; tests and stages that are the same are only counted."""
        told = [test.to_dict() for test in self.tests if test.change is not Change.SAME]
        return {
            "schema": SCHEMA,
            "a": _side(self.a),
            "b": _side(self.b),
            "same": self.same,
            "verdicts_differ": self.verdicts_differ,
            "changes": dict(Counter(str(test.change) for test in self.tests)),
            "tests": told,
            "stages": [time.to_dict() for time in self.times],
            "images": [image.to_dict() for image in self.images],
            "fingerprints": [value.to_dict() for value in self.fingerprints],
            "environment": [value.to_dict() for value in self.environment],
            "logs": [log.to_dict() for log in self.logs],
        }


def compare(a: Side, b: Side) -> Comparison:
    """Compare two sides.

    Raises:
        UsageError: a log cannot be read.
    """
    return Comparison(
        a,
        b,
        compare_tests(a, b),
        compare_times(a, b),
        compare_images(a, b),
        compare_fingerprints(a, b),
        compare_environment(a, b),
        compare_logs(a, b),
    )


def _side(side: Side) -> list[dict[str, Any]]:
    return [
        {
            "run": run.id,
            "board": run.board,
            "release": run.release,
            "verdict": run.verdict,
            "started": run.started,
            "folder": str(run.folder),
            "image_digest": run.image_digest,
        }
        for run in side.runs
    ]
