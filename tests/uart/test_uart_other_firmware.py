# SPDX-License-Identifier: Apache-2.0
"""Logs of older tf-m-tests, of MCUboot on Zephyr, and of images with a version of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.uart.boot_errors import explain
from hil.uart.log_reader import read_log
from hil.uart.log_reading import LogReading

BL2 = "[INF] Starting bootloader\n[INF] Jumping to the first image slot\n"
FATAL = "[ERR] Fatal error 40000064 \n"


def _read(path: Path, text: str) -> LogReading:
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return read_log(path)


def _area(area: str, verdict: str = "PASSED") -> str:
    """Return the tests of an area as tf-m-tests print them up to TF-M 1.2: no id in a verdict."""
    why = "  Call failed (Failed at ../ipc.c:88)\n" if verdict == "FAILED" else ""
    return (
        f"\n\x1b[33m#### Execute test suites for the {area} area ####\n"
        "Running Test Suite IPC test (TFM_IPC_TEST_1XXX)...\n\x1b[0m"
        "> Executing 'TFM_IPC_TEST_1001' \n  Description: 'Get version'\n\x1b[32m  TEST PASSED!\n"
        "> Executing 'TFM_IPC_TEST_1005' \n  Description: 'Call'\n"
        f"Connect success!Call success!\x1b[0m{why}\x1b[32m  TEST {verdict}!\nTESTSUITE {verdict}!\n"
        f"\n*** {area} test suites summary ***\n"
        f"\x1b[0mTest suite 'IPC test (TFM_IPC_TEST_1XXX)' has \x1b[32m {verdict}\n"
        f"\n*** End of {area} test suites ***\n"
    )


def test_verdicts_without_an_id(tmp_path: Path) -> None:
    """Up to TF-M 1.2 a verdict names no test: it is that of the test that began last."""
    reading = _read(tmp_path / "uart.log", BL2 + _area("Secure") + _area("Non-secure") + "\x04")
    found = reading.regression
    assert (found.passed, found.failed, found.gaps) == (4, 0, ())
    assert reading.verdict.kind == "completed"
    reading = _read(tmp_path / "uart.log", BL2 + _area("Secure", "FAILED") + "\x04")
    found = reading.regression
    assert (found.passed, found.failed, reading.verdict.outcome) == (1, 1, "failed")
    assert (found.failures[0].test, "../ipc.c:88" in found.failures[0].why) == (
        "TFM_IPC_TEST_1005",
        True,
    )


def test_summary_of_older_tests_tells_a_lost_failure(tmp_path: Path) -> None:
    """Up to TF-M 1.3 two blanks stand before a suite's verdict; it counts all the same."""
    text = _area("Secure").replace("has \x1b[32m PASSED", "has \x1b[31m FAILED")
    reading = _read(tmp_path / "uart.log", BL2 + text + "\x04")
    assert reading.verdict.outcome == "failed"


def test_such_words_of_an_application_are_no_test(tmp_path: Path) -> None:
    """The words "TEST PASSED!" count only where a test began."""
    reading = _read(tmp_path / "uart.log", BL2 + "Booting TF-M v2.2.2\n  TEST PASSED!\n")
    assert (reading.regression.total, reading.verdict.kind) == (0, "running")


@pytest.mark.parametrize("version", ["0.0.0", "1.0.0", "5.1.2"])
def test_version_of_an_image_is_no_release(tmp_path: Path, version: str) -> None:
    """A version that whoever signs the image chose neither names nor hides what a code means."""
    text = f"[INF] Starting bootloader\n[INF] Image version: v{version}\n"
    reading = _read(tmp_path / "uart.log", text + FATAL)
    assert reading.release.release is None
    assert reading.first_error is not None
    told = explain(reading.first_error, reading.release)
    assert "INVALID_HEADER (2.2) or " in told
    assert "PROVISIONING_NOT_REQUIRED (2.3" in told


def test_lines_of_a_release_outweigh_the_version_of_an_image(tmp_path: Path) -> None:
    """An image signed as 2.2.2 on a chip whose BL1 is of 2.3: the lines tell, not the signer."""
    text = (
        "[INF] Starting TF-M BL1_1\n[INF] Boot self-tests... PASSED\n"
        "[INF] Starting bootloader\n[INF] Image version: v2.2.2\n"
    )
    reading = _read(tmp_path / "uart.log", text + FATAL)
    assert reading.release.known == "2.3"


@pytest.mark.parametrize(
    ("info", "error"), [("I:", "E:"), ("<inf> mcuboot:", "<err> mcuboot:"), ("[INF]", "[ERR]")]
)
def test_refusal_by_mcuboot_on_zephyr(tmp_path: Path, info: str, error: str) -> None:
    """On boards of Nordic BL2 is MCUboot on Zephyr, which writes other tags."""
    text = (
        f"*** Booting Zephyr OS ***\n{info} Starting bootloader\n"
        f"{info} Image index: 1, Swap type: none\n"
        f"{error} Image in the primary slot is not valid!\n{error} Unable to find bootable image\n"
    )
    reading = _read(tmp_path / "uart.log", text)
    assert (len(reading.boots), reading.verdict.kind) == (1, "refused")
    assert "image 1" in reading.verdict.sentence


def test_errors_of_a_zephyr_application_are_none_of_mcuboot(tmp_path: Path) -> None:
    """Other lines with such tags mean nothing."""
    text = "I: Starting bootloader\nI: Jumping to the first image slot\nE: sensor: not ready\n"
    reading = _read(tmp_path / "uart.log", text)
    assert (reading.boots[0].errors, reading.boots[0].handed_over) == ((), True)
