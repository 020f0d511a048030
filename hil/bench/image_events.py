# SPDX-License-Identifier: Apache-2.0
"""What the journal is told of images: those that are meant, and those that are on the devices."""

from __future__ import annotations

from dataclasses import asdict

from hil.bench.journal import Journal
from hil.targets.load import LoadPlan, LoadReport


def tell_plan(journal: Journal, plan: LoadPlan) -> None:
    """Tell which images are meant to be loaded."""
    journal.event(
        "images",
        images=[
            {
                "name": image.name,
                "rse": image.rse,
                "address": hex(image.address),
                "sha256": image.sha256,
                "size": image.size,
                "version": image.version,
            }
            for image in plan.images
        ],
    )


def tell_loaded(journal: Journal, report: LoadReport) -> None:
    """Tell what was loaded, and what was read back of it."""
    journal.event(
        "loaded",
        seconds=round(report.seconds, 3),
        tools=dict(report.tools),
        images=[
            {
                "name": loaded.image.name,
                "rse": loaded.image.rse,
                "sha256": loaded.sha256_on_device,
                "how": loaded.how,
                "written": loaded.written,
                "skipped": loaded.skipped,
            }
            for loaded in report.images
        ],
        given=[file.told() for file in report.given],
        boards=[asdict(board) | {"bytes_per_second": round(board.rate)} for board in report.boards],
    )
