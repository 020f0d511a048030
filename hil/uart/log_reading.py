# SPDX-License-Identifier: Apache-2.0
"""What one UART log says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hil.uart.events import Event
from hil.uart.release_guess import ReleaseGuess
from hil.uart.report_lines import Report
from hil.uart.stages import Boot
from hil.uart.suites import SuiteResults
from hil.uart.verdict import Verdict


@dataclass(frozen=True)
class LogReading:
    """What a UART log says. Line numbers count from 1, boots from 0.

    Attributes:
        path: The log.
        size: Its bytes.
        lines: Its lines.
        boots: Its boots, the first and the latest 1000 of them.
        regression: Verdicts of tf-m-tests, over all boots.
        arch: Verdicts of psa-arch-tests, over all boots.
        first_error: The first line of kind error, halt or exception.
        halt: The line after which nothing follows in the last boot.
        end_marker: "EOT" or "standby" if the last boot ended by itself.
        chip_id: The id of the RSE as BL2 prints it.
        release: Which TF-M printed it, as far as that shows.
        reports: What the reporter said, over all boots.
        last_line: The text that came last.
        cut: The last line has no end.
        times: Where the times come from, None without any.
        wall_start: When it began, in seconds since 1970, where that is known.
        findings: What is odd about the log itself.
        verdict: What became of the firmware.
    """

    path: Path
    size: int
    lines: int
    boots: tuple[Boot, ...]
    regression: SuiteResults
    arch: SuiteResults
    first_error: Event | None
    halt: Event | None
    end_marker: str | None
    chip_id: int | None
    release: ReleaseGuess
    reports: tuple[Report, ...]
    last_line: str
    cut: bool
    times: str | None
    wall_start: float | None
    findings: tuple[str, ...]
    verdict: Verdict
