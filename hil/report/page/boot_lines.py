# SPDX-License-Identifier: Apache-2.0
"""What the UART lines of one boot say: where its stages stand, resets within it, fingerprints."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from hil.report.page.transcripts import Transcript
from hil.report.recorded import RecordedBoot
from hil.uart.grammar_table import TABLE
from hil.uart.report_lines import VhukReport, parse_report

#: Stages whose line says that the chip came out of reset, the earliest first; the rows of a table.
_BANNERS = [
    re.compile("|".join(row.pattern for row in TABLE if row.kind == "stage" and row.stage == stage))
    for stage in ("BL1_1", "BL2")
]
_REPORT = "[HIL"
#: Resets of one boot that are shown; provisioning takes five.
_MAX_RESETS = 50


@dataclass
class BootLines:
    """One boot of one RSE on its UART.

    Attributes:
        span: Numbers of its lines.
        places: Number of the first line of a text that was looked for.
        resets: When the chip came out of reset again, monotonic seconds, and the line's number.
        fingerprints: Of the vHUK, by the stage that reported it.
    """

    transcript: Transcript
    span: range
    places: dict[str, int] = field(default_factory=dict)
    resets: list[tuple[float | None, int]] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)


def read_boot_lines(
    transcript: Transcript, boot: RecordedBoot, wanted: Collection[str]
) -> BootLines | None:
    """Return what a transcript says of one boot, None if the boot has no place in it.

    Args:
        transcript: Of the RSE, of the bench on which the boot took place.
        boot: The boot.
        wanted: Texts whose first lines are looked for.
    """
    start = boot.offsets.get(transcript.rse)
    if start is None or transcript.session != boot.session:
        return None
    found = BootLines(transcript, transcript.span(start, boot.ends.get(transcript.rse)))
    banners: list[list[int]] = [[] for _ in _BANNERS]
    for place in found.span:
        text = transcript.texts[place]
        if text in wanted:
            found.places.setdefault(text, place)
        if text.startswith(_REPORT):
            report = parse_report(text)
            if isinstance(report, VhukReport):
                found.fingerprints[report.src] = report.fp
        for pattern, places in zip(_BANNERS, banners, strict=True):
            if "Starting" in text and pattern.match(text):
                places.append(place)
    again = next((places for places in banners if places), [])[1 : 1 + _MAX_RESETS]
    found.resets = [(transcript.times[place], place) for place in again]
    return found
