# SPDX-License-Identifier: Apache-2.0
"""A run on one screen of a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from hil.report.page.document import Document
from hil.report.page.words import counted, many, moment, rses, seconds, verdict_kind
from hil.uart.log_text import shown

#: Characters of a line, and things that went wrong that are told.
WIDTH = 160
_FAILURES = 6
_REASONS = 3


def render_text(document: Document) -> str:
    """Return the run in about 24 lines: verdict, reasons, images, vHUK, boots, what went wrong."""
    return "\n".join(shown(line.rstrip(), WIDTH) for line in _lines(document)) + "\n"


def _lines(doc: Document) -> Iterator[str]:
    run = doc.run
    took = f", {seconds(run.seconds)}" if run.seconds is not None else ""
    yield (
        f"{verdict_kind(run).word:<8} {run.board}  TF-M {run.release or '?'}  "
        f"{moment(run.started)}{took}"
    )
    yield f"         {counted(run)}"
    if run.failure_class:
        yield f"class    {run.failure_class}"
    for number, reason in enumerate(run.reasons[:_REASONS]):
        yield f"{'reason' if not number else '':<8} {reason}"
    if run.images:
        seen = "each seen on the device" if run.seen_on_device else "NOT all seen on the device"
        yield f"images   {many(len(run.images), 'image')}, {seen}, {run.image_digest[:12]}"
    if run.fingerprints:
        groups: dict[str, list[int]] = {}
        for rse, fingerprint in sorted(run.fingerprints.items()):
            groups.setdefault(fingerprint, []).append(rse)
        told = "; ".join(f"{rses(numbers)}: {fp}" for fp, numbers in groups.items())
        yield f"vHUK     {'RSEs agree' if len(groups) == 1 else 'RSEs DIFFER'}: {told}"
    for boot in [boot for boot in doc.boots if boot.open][:3]:
        ends = ", ".join(f"RSE {lane.rse} {lane.told}" for lane in boot.lanes)
        yield f"boot {boot.number:<3} {ends}"
    for failure in doc.failures[:_FAILURES]:
        times = f"{len(failure.tests)} x " if len(failure.tests) > 1 else ""
        yield f"{failure.status:<8} {times}{failure.title}"
        yield f"         {failure.tests[0].id}"
        for cause in failure.causes[:1]:
            yield f"         to do: {cause.todo}"
    if len(doc.failures) > _FAILURES:
        yield f"         and {many(len(doc.failures) - _FAILURES, 'other thing')} that went wrong"
    for point in doc.trust:
        if point.held is False:
            yield f"{'mind':<8} {point.told}"
    for warning in run.warnings[:2]:
        yield f"{'warning':<8} {warning}"
    yield f"record   {run.folder}"
