# SPDX-License-Identifier: Apache-2.0
"""Exception dumps, and what the numbers of fatal errors mean in which release."""

from __future__ import annotations

import io

import pytest

from hil.uart.log_json import as_json
from hil.uart.log_reader import read_stream, render
from hil.uart.log_reading import LogReading

BOOT = "[INF] Starting bootloader\r\n[INF] Jumping to the first image slot\r\n"
OLD = (
    "Booting TF-M v2.2.2\r\n\0FATAL ERROR: \0SecureFault\r\n\0"
    "Here is some context for the exception:\r\n\0    EXC_RETURN (LR): \x000xFFFFFFFD\r\n"
    "    Exception came from\0 non-secure FW in\0 thread mode.\r\n\0"
    "    xPSR:    \x000x61000007\r\n    MSP:     \x000x30000BF8\r\n"
    "    Exception frame at: \x000x30000BD8\r\n        R0:   \x000x00000001\r\n"
    "        PC:   \x000x10080C3A\r\n        xPSR: \x000x61000000\r\n"
    "    CFSR:  \x000x00000000\r\n    BFSR:  \x000x00000000\r\n    BFAR:  Not Valid\r\n\0"
    "    SFSR:  \x000x00000048\r\n    SFAR: \x000x30000000\r\n"
)
NEW = (
    "[NOT] Booting TF-M v2.3.1\r\nFATAL ERROR: SecureFault\r\n"
    "Here is some context for the exception:\r\n    EXC_RETURN (LR): 0xfffffffd\r\n"
    "    Exception came from non-secure FW in thread mode.\r\n    xPSR:    0x61000007\r\n"
    "    MSP:     0x30000bf8\r\n    BASEPRI: 0x00000000\r\n"
    "    Exception frame at:   0x30000bd8\r\n        R0:   0x00000001\r\n"
    "        PC:   0x10080c3a\r\n        xPSR: 0x61000000\r\n    CFSR:  0x00000000\r\n"
    "    BFSR:  0x00    BFAR:  Not Valid\r\n    SFSR:  0x00000048\r\n    SFAR: 0x30000000\r\n"
)


def read(text: str, release: str | None = None) -> LogReading:
    return read_stream(io.BytesIO(text.encode()), "x", release=release)


@pytest.mark.parametrize("text", [OLD, NEW], ids=["2.2", "2.3"])
def test_dump_of_an_exception(text: str) -> None:
    """Registers are read from both forms of the dump, the stacked ones apart."""
    reading = read(BOOT + text)
    dump = {name: value.lower() for name, value in reading.boots[0].dump.items()}
    assert reading.verdict.kind == "panicked"
    assert dump["from"] == "non-secure thread"
    assert (dump["PC"], dump["SFAR"], dump["BFAR"]) == ("0x10080c3a", "0x30000000", "not valid")
    assert (dump["xPSR"], dump["stacked xPSR"]) == ("0x61000007", "0x61000000")
    assert "PC 0x10080" in render(reading)
    assert as_json(reading)["boots"][0]["dump"]["SFSR"] == "0x00000048"


FATAL = "[ERR] Fatal error 40000064 in file a.c at line 3\r\n"


@pytest.mark.parametrize(
    ("text", "release", "says"),
    [
        (BOOT + "[NOT] Booting TF-M v2.3.1\r\n", None, "error codes of 2.3.1: the runtime prints"),
        (BOOT + "Booting TF-M v2.2.2\r\n", None, "error codes of 2.2.2: the runtime prints it"),
        (BOOT, None, "the log does not tell the release: both meanings of the code are given"),
        (BOOT, "2.2.2", "error codes of 2.2.2: as was asked for"),
        (BOOT + "[NOT] Booting TF-M v2.3.1\r\n", "2.2.2", "error codes of 2.2.2: as was asked"),
    ],
    ids=["2.3.1", "2.2.2", "unknown", "forced", "forced against the log"],
)
def test_the_assumed_release_is_told(text: str, release: str | None, says: str) -> None:
    """Which release a code was decoded for, and why, stands beside it."""
    assert says in render(read(text + FATAL, release))


def test_a_form_of_one_generation_tells_the_release() -> None:
    """The line of BL1 that only 2.3 prints is decoded for 2.3, without any other sign of it."""
    text = "[ERR] Fatal boot error 0xe5a5a5c1 (0x40000064)\r\n"
    told = render(read(text))
    assert "TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED" in told
    assert "error codes of 2.3" in told
    assert "NOT_REQUIRED" not in render(read(text, "2.2.2"))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("[ERR] Image in the primary slot is not valid!\r\n", "it reads the same for a bad sig"),
        ("", "no image header was found: the slot is empty (all FF)"),
    ],
    ids=["not valid", "empty slot"],
)
def test_what_the_lines_of_a_refusal_leave_open(lines: str, told: str) -> None:
    """A refused image is named by its number, with all that can have been wrong with it."""
    text = "[INF] Starting bootloader\r\n[INF] Image index: 1, Swap type: none\r\n"
    reading = read(f"{text}{lines}[ERR] Unable to find bootable image\r\n")
    assert "BL2 refused image 1" in reading.verdict.sentence
    assert told in reading.verdict.sentence


def test_truncated_image_of_2_3_says_why() -> None:
    """MCUboot of TF-M 2.3 prints reasons that older ones do not have."""
    text = "[INF] Starting bootloader\r\n[INF] Image index: 0, Swap type: none\r\n"
    text += "[ERR] Bad image magic 0xffffffff; Image=0\r\n[ERR] Unable to find bootable image\r\n"
    reading = read(text)
    assert (reading.verdict.outcome, reading.boots[0].errors[0].row.number) == ("refused", "74")
