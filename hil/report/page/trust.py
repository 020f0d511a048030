# SPDX-License-Identifier: Apache-2.0
"""What a reader must know before believing a verdict: each point held, not held, or not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hil.report.page.words import counts, many
from hil.report.recorded import RecordedRun, Status


@dataclass(frozen=True)
class Point:
    """One point; `held` is None where it cannot be said."""

    held: bool | None
    told: str

    @property
    def tone(self) -> str:
        """Name of its colour."""
        return {True: "pass", False: "miss", None: "skip"}[self.held]

    @property
    def shape(self) -> str:
        """One character that says the same as the colour."""
        return {True: "✓", False: "!", None: "?"}[self.held]


def trust(run: RecordedRun) -> list[Point]:
    """Return the points, those that do not hold first."""
    points = [*_images(run), *_completeness(run), *_circumstances(run)]
    return sorted(points, key=lambda point: (point.held is True, point.held is None))


def _images(run: RecordedRun) -> Iterator[Point]:
    seen = sum(image.seen for image in run.images)
    if not run.images:
        yield Point(False, "no image was loaded: the verdict is about nothing that can be named")
    elif seen == len(run.images):
        yield Point(True, f"{many(seen, 'image')}, each seen on the device as it was meant")
    else:
        yield Point(False, f"only {seen} of {many(len(run.images), 'image')} seen on the device")


def _completeness(run: RecordedRun) -> Iterator[Point]:
    selected = run.values.get("selected")
    own = sum(not test.on_target for test in run.tests)
    if run.under_way is not None and run.finished is None:
        yield Point(False, f"the run ended during {run.under_way}")
    if isinstance(selected, int) and own != selected:
        yield Point(False, f"{own} of {many(selected, 'selected test')} have a result")
    elif isinstance(selected, int):
        yield Point(True, f"each of {many(selected, 'selected test')} has a result")
    else:
        yield Point(None, "how many tests were selected is not recorded")
    if run.torn:
        yield Point(False, f"{many(run.torn, 'line')} of the record cannot be read")
    lost = run.values.get("record_incomplete")
    if lost:
        yield Point(False, f"the record is incomplete: {lost}")
    skipped = counts(run).get(Status.SKIP, 0)
    if skipped:
        yield Point(None, f"{many(skipped, 'skipped test')}: what they ask is not answered")


def _circumstances(run: RecordedRun) -> Iterator[Point]:
    retried = sum(len(test.attempts) > 1 for test in run.tests)
    if retried:
        yield Point(False, f"{many(retried, 'test')} tried again after the lab had failed")
    if run.values.get("replay_of"):
        yield Point(False, "a replay of a recorded run: no device was touched")
    harness = run.values.get("harness")
    git = str(harness.get("git") or "") if isinstance(harness, dict) else ""
    if git.endswith("+changes"):
        yield Point(False, f"the testcases have changes beyond commit {git.partition('+')[0]}")
    elif git:
        yield Point(True, f"the testcases are those of commit {git}")
    else:
        yield Point(None, "the state of the testcases is not known")
