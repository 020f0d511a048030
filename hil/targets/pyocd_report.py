# SPDX-License-Identifier: Apache-2.0
"""From what the workers answered to the report of one load."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hil.targets.load import BoardLoad, LoadedImage, LoadPlan, LoadReport


def report(
    plan: LoadPlan,
    loaded: Mapping[int, Any],
    tools: Mapping[str, str],
    started: float,
    recovered: tuple[str, ...],
) -> LoadReport:
    """Return the report of a load.

    Args:
        plan: What was to be loaded.
        loaded: What the worker of each RSE answered.
        tools: Versions.
        started: Monotonic seconds.
        recovered: The rungs of the recovery ladder that were taken.
    """
    answers = {rse: iter(answer["images"]) for rse, answer in loaded.items()}
    images = tuple(
        LoadedImage(
            image,
            found["digest"],
            found["digest"] == image.sha256,
            "read-back",
            found["written"],
            found["skipped"],
        )
        for image, found in ((image, next(answers[image.rse])) for image in plan.images)
    )
    boards = tuple(_board(rse, answer, recovered) for rse, answer in sorted(loaded.items()))
    return LoadReport(images, time.monotonic() - started, tools, boards)


def _board(rse: int, answer: Mapping[str, Any], recovered: tuple[str, ...]) -> BoardLoad:
    return BoardLoad(
        rse,
        size=answer["size"],
        written=sum(image["written"] for image in answer["images"]),
        erased=answer["erased"],
        skipped=sum(image["skipped"] for image in answer["images"]),
        verified=answer["size"],
        seconds=answer["seconds"],
        recovered=recovered,
        notes=tuple(answer["notes"]),
    )
