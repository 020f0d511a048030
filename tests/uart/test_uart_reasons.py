# SPDX-License-Identifier: Apache-2.0
"""What a log's verdict gives as the reason, and ends that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.report.log_junit import write_log_junit
from hil.uart.log_json import as_json
from hil.uart.log_reader import read_log
from hil.uart.log_reading import LogReading

NS = "Non-Secure system starting...\n"
BL2 = "[INF] Starting bootloader\n[INF] Image index: 1, Swap type: none\n"
BL2 += "[INF] Image index: 0, Swap type: none\n[INF] Jumping to the first image slot\n"
SUITE = "***** PSA Architecture Test Suite - Version 1.6 *****\nRunning.. IPC Suite\n"
STANDBY = "\nEntering standby.. \n"


def _test(number: int, result: str = "TEST RESULT: PASSED\n") -> str:
    return f"TEST: {number} | DESCRIPTION: what it is\n[Check 1] one step\n{result}"


def _report(tests: int, skipped: int = 0) -> str:
    return (
        "************ IPC Suite Report **********\n"
        f"TOTAL TESTS     : {tests}\nTOTAL PASSED    : {tests - skipped}\nTOTAL SIM ERROR : 0\n"
        f"TOTAL FAILED    : 0\nTOTAL SKIPPED   : {skipped}\n"
        "******************************************\n"
    )


#: A test that provokes a fault is begun again behind the reset.
FAULT = SUITE + _test(1) + _test(2, "FATAL ERROR: SecureFault\n") + BL2 + NS
PROVOKED = BL2 + NS + FAULT + _test(2) + _report(2) + STANDBY
BL1_2 = "[INF] Starting TF-M BL1_1\n[INF] Jumping to BL1_2\n[INF] starting TF-M bl1_2\n"
DECRYPT = "[INF] Attempting to boot image {}\n[ERR] BL2 image failed to decrypt\n"
SLOTS = "[INF] Primary   slot: version=0.0.7+0\n[INF] Secondary slot: version=0.0.7+0\n"
NO_SLOT = "[INF] No slot to load for image 3\n[ERR] Unable to find bootable image\n"
RSE_BL2 = "[INF] Starting bootloader\n" + SLOTS
IN_TEST = (
    "#### Execute test suites for the Non-secure area ####\n"
    "Running Test Suite ITS NS tests (TFM_NS_ITS_TEST_1XXX)...\n> Executing 'TFM_NS_ITS_TEST_1003' \n"
)


def _read(path: Path, text: str) -> LogReading:
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return read_log(path)


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (PROVOKED, "completed", "standby"),
        (PROVOKED + "\x04", "completed", "EOT"),
        (NS + SUITE + _report(0) + STANDBY, "stopped", "without a report of any test"),
        (NS + "NVMEM read error\n" + STANDBY, "stopped", "without a report of any test"),
        (NS + SUITE + "NVMEM write error\n" + STANDBY, "stopped", "ends within the IPC Suite tests"),
        (BL2 + NS + FAULT + "\tNVMEM read error\n" + STANDBY, "stopped", "without a report of any"),
        (
            NS + SUITE + _test(1, "TEST RESULT: SKIPPED (Skip Code=0x2b)\n") + _report(1, 1) + STANDBY,
            "completed",
            "standby",
        ),
        (BL1_2 + DECRYPT.format(0) + DECRYPT.format(1), "refused", "BL1_2 refused image 1: [ERR] BL2"),
        (BL1_2 + DECRYPT.format(0), "stopped", "after stage BL1_2"),
        (
            "[INF] Starting TF-M BL1_1\n[ERR] BL1_2 image failed to validate\n",
            "refused",
            "BL1_1 refused an image: [ERR] BL1_2 image failed to validate",
        ),
        (
            RSE_BL2 + "[INF] Image 3 RAM loading to 0x70083c00 is failed.\n" + NO_SLOT,
            "refused",
            "image 3: [INF] Image 3 RAM loading to 0x70083c00 is failed.",
        ),
        (RSE_BL2 + NO_SLOT, "refused", "no image header was found"),
        (NS + IN_TEST + "Assert:spm_init,0x0000012C\n", "panicked", "Assert:spm_init,0x0000012C"),
        (
            NS + IN_TEST + "[ERR] Assertion failed: size, file its.c, line 12\n",
            "stopped",
            "ends in test TFM_NS_ITS_TEST_1003, at '[ERR] Assertion failed: size",
        ),
    ],
    ids=[
        "provoked fault", "EOT behind standby", "no test", "no memory", "no memory behind the banner",
        "no memory behind a reset", "code in small letters", "BL1_2 of 2.1", "BL1_2 goes on",
        "BL1_1 of 2.1", "RAM load", "empty slot", "assertion of 2.2", "assertion of 2.3",
    ],
)  # fmt: skip
def test_reasons(tmp_path: Path, text: str, kind: str, told: str) -> None:
    """The verdict names the line that says why, and takes no end for success behind which none is."""
    verdict = _read(tmp_path / "uart.log", text).verdict
    assert (verdict.kind, told in verdict.sentence) == (kind, True), verdict


def test_an_unknown_stamp_hides_no_lost_beginning(tmp_path: Path) -> None:
    """Verdicts are found behind anything; where nothing else is, nothing can be checked."""
    suite = IN_TEST + "  TEST: TFM_NS_ITS_TEST_1003 - PASSED!\nTESTSUITE PASSED!\n"
    stamped = "".join(f"<4711> {line}" for line in (NS + suite).splitlines(keepends=True))
    reading = _read(tmp_path / "uart.log", stamped + "\x04")
    assert reading.regression.passed == 1
    assert reading.verdict.kind == "stopped"
    assert "1 of 1 verdicts of tests have no beginning" in reading.verdict.sentence


@pytest.mark.parametrize("kept", [1, 2, 3], ids=["ESC", "ESC [", "ESC [ 0"])
def test_a_reset_within_a_colour_takes_no_line_with_it(tmp_path: Path, kept: int) -> None:
    """What follows half an escape sequence is the next boot's banner."""
    half = "\x1b[0m"[:kept]
    reading = _read(tmp_path / "uart.log", f"{BL2}{NS}{half}{BL2}{NS}\x04")
    assert len(reading.boots) == 2
    assert reading.verdict.kind == "resets"


def test_utf_16_is_read(tmp_path: Path) -> None:
    """A shell that writes UTF-16 puts a NUL between the bytes, also those of colours."""
    path = tmp_path / "uart.log"
    coloured = BL2.replace("[INF]", "\x1b[1;32m[INF]\x1b[0m")
    path.write_text(coloured + NS + "\x04", "utf-16")
    assert read_log(path).verdict.kind == "completed"


def test_junit_fails_what_the_verdict_fails(tmp_path: Path) -> None:
    """A fault that a test provoked is no failed boot."""
    reading = _read(tmp_path / "uart.log", PROVOKED)
    assert reading.verdict.kind == "completed"
    write_log_junit(tmp_path / "junit.xml", [reading], lambda _: None)
    assert "<failure" not in (tmp_path / "junit.xml").read_text()


def test_json_names_what_ended_an_earlier_boot(tmp_path: Path) -> None:
    """A log that is not complete is so for a reason, also if its last boot went well."""
    reading = _read(tmp_path / "uart.log", f"{BL2}{NS}FATAL ERROR: HardFault\n{BL2}{NS}\x04")
    assert reading.verdict.kind == "panicked"
    assert "FATAL ERROR: HardFault" in str(as_json(reading)["stopped_by"])
