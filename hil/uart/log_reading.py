# SPDX-License-Identifier: Apache-2.0
"""What one UART log says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hil.uart.device_tests import DeviceTest
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
        name: The log's path, or "-" for standard input.
        size: Its bytes.
        lines: Its lines.
        boots: Its boots, the first and the latest 1000 of them.
        boot_count: How many boots it has.
        banners: In how many of them a boot loader announced itself; a Release build's is silent.
        regression: Verdicts of tf-m-tests, over all boots.
        arch: Verdicts of psa-arch-tests, over all boots.
        tests: The tests that were executed, in the order of the log, as many as are kept.
        tests_left_out: How many tests are counted and not among `tests`.
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

    name: str
    size: int
    lines: int
    boots: tuple[Boot, ...]
    boot_count: int
    banners: int
    regression: SuiteResults
    arch: SuiteResults
    tests: tuple[DeviceTest, ...]
    tests_left_out: int
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

    @property
    def path(self) -> Path:
        """Where the log is."""
        return Path(self.name)
