# SPDX-License-Identifier: Apache-2.0
"""Logs that look well and are not, and the other way round."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hil.uart.log_reader import read_log

BL2 = "[INF] Starting bootloader\n[INF] Image index: 1, Swap type: none\n"
BL2 += "[INF] Image index: 0, Swap type: none\n[INF] Jumping to the first image slot\n"
RUNTIME = "Booting TF-M v2.2.2\n"
SECURE = (
    "#### Execute test suites for the Secure area ####\n"
    "Running Test Suite PSA protected storage S interface tests (TFM_S_PS_TEST_1XXX)...\n"
    "> Executing 'TFM_S_PS_TEST_1001' \n  TEST: TFM_S_PS_TEST_1001 - PASSED!\n"
    "TESTSUITE PASSED!\n*** Secure test suites summary ***\n"
    "Test suite 'PSA protected storage S interface tests' has PASSED\n"
    "*** End of Secure test suites ***\n"
)
ARCH = (
    "***** PSA Architecture Test Suite - Version 1.6 *****\nRunning.. Storage Suite\n"
    "TEST: 401 | DESCRIPTION: one\nTEST RESULT: PASSED\n"
    "************ Storage Suite Report **********\n"
    "TOTAL TESTS     : 1\nTOTAL PASSED    : 1\nTOTAL SIM ERROR : 0\nTOTAL FAILED    : 0\n"
    "TOTAL SKIPPED   : 0\n******************************************\nEntering standby..\n"
)
NS_END = "Non-Secure system starting...\n\x04"
CRASH = "FATAL ERROR: HardFault\n"


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (ARCH, "completed", "standby"),
        (ARCH.replace("FAILED    : 0", "FAILED    : 3"), "failed", "the report counts 3 FAILED"),
        (ARCH.replace("ERROR : 0", "ERROR : 1"), "failed", "the report counts 1 SIM ERROR"),
        (ARCH.replace("TESTS     : 1", "TESTS     : 2"), "stopped", "counts 2 TESTS, the log holds 1"),
        (ARCH[ARCH.index("***** Storage") :], "stopped", "counts 1 TESTS, the log holds 0"),
        (ARCH + ARCH, "completed", "standby"),
        (SECURE, "completed", "the secure tests ended"),
        (BL2 + RUNTIME + SECURE, "stopped", "the log ends after stage runtime"),
        (BL2 + RUNTIME + SECURE + NS_END, "completed", "EOT"),
        (
            SECURE.replace("TESTSUITE PASSED!", "TESTSUITE FAILED!"),
            "failed",
            "a test suite says FAILED",
        ),
        (SECURE.replace("has PASSED", "has FAILED"), "failed", "a test suite says FAILED"),
        (BL2 + RUNTIME + CRASH + BL2 + RUNTIME + NS_END, "panicked", "boot 1 of 2 died: FATAL"),
        ((BL2 + RUNTIME) * 4, "stopped", "3 boots ended at the runtime without a word"),
        (BL2 + RUNTIME, "running", "nothing says that it went wrong"),
        ("noise\n\x04", "stopped", "nothing before it that TF-M prints"),
    ],
    ids=[
        "arch", "arch total failed", "arch sim error", "arch lost test", "arch from the middle",
        "two suites",
        "secure only", "secure, NS silent", "secure and NS", "suite failed", "summary failed",
        "crash before", "reset loop", "one boot", "bare EOT",
    ],
)  # fmt: skip
def test_verdicts(tmp_path: Path, text: str, kind: str, told: str) -> None:
    """The verdict says what the log really shows."""
    path = tmp_path / "uart.log"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    verdict = read_log(path).verdict
    assert (verdict.kind, told in verdict.sentence) == (kind, True), verdict


@pytest.mark.parametrize(
    "line",
    [
        "Partition initialization FAILED in 0x10012345",
        "Invalid PSA API SVC requested: 0x00000099",
        "[ERR] Assertion failed: size, file its.c, line 12",
        "Inter-core communication init failed",
    ],
)
def test_errors_without_a_level_tag(tmp_path: Path, line: str) -> None:
    """What the SPM and partitions print before they panic is an error of the log."""
    path = tmp_path / "uart.log"
    path.write_bytes(f"{BL2}{RUNTIME}{line}\n".encode())
    reading = read_log(path)
    assert reading.verdict.kind == "stopped"
    assert reading.first_error is not None


@pytest.mark.parametrize("seed", range(5))
def test_binary_junk_is_never_completed(tmp_path: Path, seed: int) -> None:
    """Random bytes hold an EOT sooner or later, which ends nothing."""
    path = tmp_path / "junk"
    path.write_bytes(random.Random(seed).randbytes(300_000))
    assert read_log(path).verdict.kind in {"foreign", "stopped"}
