# SPDX-License-Identifier: Apache-2.0
"""Logs of tests in which bytes were lost: what is left says so, and counts are not taken for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.uart.log_reader import read_log
from hil.uart.log_reading import LogReading

SUITE = "TFM_S_ITS_TEST_1XXX"
BL2 = "[INF] Starting bootloader\n[INF] Jumping to the first image slot\n"
EOT = "\x04"


def _test(number: int) -> str:
    name = f"TFM_S_ITS_TEST_{number}"
    return f"> Executing '{name}' \n  Description: 'Set'\n  TEST: {name} - PASSED!\n"


def _area(name: str = "Secure") -> str:
    return (
        f"\n#### Execute test suites for the {name} area ####\n"
        f"Running Test Suite ITS tests ({SUITE})...\n"
        + "".join(map(_test, range(1001, 1005)))
        + f"TESTSUITE PASSED!\n\n*** {name} test suites summary ***\n"
        f"Test suite 'ITS tests ({SUITE})' has PASSED\n\n*** End of {name} test suites ***\n"
    )


WHOLE = BL2 + _area() + _area("Non-secure") + EOT


def _read(path: Path, text: str) -> LogReading:
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return read_log(path)


def _without(begin: str, end: str) -> str:
    """Return the log without the bytes from `begin` up to the `end` behind it; @ is a test's id."""
    at = WHOLE.index(begin.replace("@", "TFM_S_ITS_TEST_"))
    return WHOLE[:at] + WHOLE[WHOLE.index(end.replace("@", "TFM_S_ITS_TEST_"), at) :]


@pytest.mark.parametrize(
    ("text", "passed", "told"),
    [
        (_without("ng '@1002", "03' \n"), 7, "damaged: \"> Executi03'\""),
        (_without("'@1002", "EST: @1003 -"), 6, "line of a test is damaged"),
        (_without("> Executing '@1002", "ST: @1003 -"), 6, "'ST: TFM"),
        (_without("\n> Executing '@1002", "et'\n  TEST: @1003"), 7, "1003 has"),
        (_without("SUITE PASSED!", " test suites"), 8, f"suite {SUITE} has no verdict"),
        (_without("*** End of Secure", "\n#### Execute"), 8, "the Secure tests have no end"),
        (_without("Execute test suites", "Executing '@1001"), 8, "of the Secure tests is not"),
        (WHOLE[WHOLE.index("has PASSED") :], 4, "beginning of the Secure tests is not in the log"),
        (WHOLE[WHOLE.rindex("TESTSUITE") :], 0, "beginning of the Non-secure tests is not in the log"),
        (_without("*** End of Secure", "Running Test Suite"), 8, "of the Non-secure tests is not"),
    ],
    ids=[
        "beginning", "test, torn", "test, but for its verdict's end", "beginning and a test",
        "verdict of a suite", "end of an area", "beginning of an area", "all before a summary",
        "all before the end", "between the areas",
    ],
)  # fmt: skip
def test_what_is_left_tells_that_bytes_were_lost(
    tmp_path: Path, text: str, passed: int, told: str
) -> None:
    """A log that ends well is not complete if a part of a test's or suite's lines is missing."""
    reading = _read(tmp_path / "uart.log", text)
    assert reading.regression.passed == passed
    assert reading.verdict.outcome == "incomplete", reading.verdict
    assert told in " ".join(reading.findings)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        _area("Non-secure") + EOT,
        BL2 + _area("MCUBOOT") + WHOLE.removeprefix(BL2),
        WHOLE.replace("Executing 'TFM_S_ITS_TEST_1002", "Execut!ng 'TFM_S_ITS_TEST_1\xff02", 1),
        WHOLE.replace("test suites ***\n", "test suites ***[INF][Crypto] x\n"),
    ],
    ids=["whole", "one area", "tests of BL2", "noise", "glued"],
)
def test_nothing_is_missing(tmp_path: Path, text: str) -> None:
    """A whole log is complete, also with noise in a line that takes no other line with it."""
    reading = _read(tmp_path / "uart.log", text)
    assert (reading.verdict.outcome, reading.findings) == ("passed", ())


def test_no_cut_of_200_bytes_passes_with_other_counts(tmp_path: Path) -> None:
    """Wherever 200 bytes are missing, a log with fewer tests than were run does not pass."""
    log, size = tmp_path / "uart.log", len(WHOLE)
    for at in range(0, size - 200, 5):
        reading = _read(log, WHOLE[:at] + WHOLE[at + 200 :])
        assert reading.verdict.outcome == "incomplete" or reading.regression.passed == 8, at
