# SPDX-License-Identifier: Apache-2.0
"""Lines that only some platforms, releases and laboratories print, in whole logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.report.log_junit import write_log_junit
from hil.uart.log_json import as_json
from hil.uart.log_reader import read_log
from hil.uart.log_reading import LogReading

BL1_1 = "[INF] Starting TF-M BL1_1\n"
TO_BL2 = "[INF] Jumping to BL1_2\n[INF] Starting TF-M BL1_2\n[INF] Attempting to boot image 0\n"
TO_BL2 += (
    "[INF] BL2 image validated successfully\n[INF] Jumping to BL2\n[INF] Starting bootloader\n"
)
RSE = TO_BL2 + "[INF] CHIP ID: 0\n[INF] Image 5 loaded from the primary slot\n"
LCP = "[INF] BL2: LCP post load start\n[INF] Image 4 RAM loading to 0x70283c00 is succeeded.\n"
LCP += "[ERR] Image in the primary slot is not valid!\n[INF] No slot to load for image 4\n"
LCP += "[ERR] BL2: Unable to find bootable LCP image\n"
BL2 = "[INF] Starting bootloader\n[INF] Jumping to the first image slot\n"
CRYPTO = "[INF] PSA Crypto init done, sig_type: EC-P256"
REFUSAL = "\n[INF] Image index: 1, Swap type: none\n[ERR] Unable to find bootable image\n"
TO_DM = "RSE_BL1_1_TRANSITIONING_TO_DM"
TO_TCI = "RSE_BL1_1_TRANSITIONING_TO_TCI/PCI"


def _begun(area: str, test: str) -> str:
    suite = f"#### Execute test suites for the {area} area ####\nRunning Test Suite RSE Tests...\n"
    return f"{suite}> Executing '{test}' \n  Description: 'x'\n"


def _area(area: str, test: str, verdict: str = "PASSED") -> str:
    suite = "FAILED" if verdict == "FAILED" else "PASSED"
    return (
        f"{_begun(area, test)}  TEST: {test} - {verdict}!\nTESTSUITE {suite}!\n"
        f"*** {area} test suites summary ***\nTest suite 'RSE Tests' has {suite}\n"
        f"*** End of {area} test suites ***\n"
    )


def _read(path: Path, text: str) -> LogReading:
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return read_log(path)


@pytest.mark.parametrize(
    ("text", "outcome", "kind", "told"),
    [
        (BL1_1 + RSE + LCP, "refused", "refused", "BL2 refused image 4"),
        (BL2 + "Booting TFM v1.4.0\n", "incomplete", "running", "the TF-M runtime was reached"),
        (
            BL2 + "Booting TFM v1.0\nOops... Secure fault!!! You're not going anywhere!\n",
            "incomplete",
            "panicked",
            "died: Oops... Secure fault",
        ),
        (
            BL1_1 + "[ERR] BL1_2 image failed to validate\n\nThanks for using picocom\n",
            "refused",
            "refused",
            "BL1_1 refused an image: [ERR] BL1_2 image failed",
        ),
    ],
    ids=["LCP", "runtime of 1.4", "fault of 1.0", "BL1_1, and a terminal's words"],
)
def test_verdicts(tmp_path: Path, text: str, outcome: str, kind: str, told: str) -> None:
    """Each log has the verdict that its lines mean in the sources."""
    verdict = _read(tmp_path / "uart.log", text).verdict
    assert (verdict.outcome, verdict.kind, told in verdict.sentence) == (outcome, kind, True)


@pytest.mark.parametrize(
    ("line", "told"),
    [(CRYPTO + ", using builtin keys", "2.2.x or 2.3 or later"), (CRYPTO, "unknown")],
)
def test_builtin_keys_tell_the_release(tmp_path: Path, line: str, told: str) -> None:
    """BL2 names its builtin keys from 2.2 on, so that a refusal tells the release too."""
    release = _read(tmp_path / "uart.log", "[INF] Starting bootloader\n" + line + REFUSAL).release
    assert str(release).startswith(told)


def test_an_id_with_a_slash_is_counted(tmp_path: Path) -> None:
    """A failed test of RSE's BL1_1 is counted, although its id is not one word."""
    reading = _read(tmp_path / "uart.log", BL1_1 + _area("BL1_1", TO_TCI, "FAILED"))
    assert reading.regression.failed == 1
    assert [(t.test, t.verdict) for t in reading.tests] == [(TO_TCI, "FAILED")]


def test_tests_that_reset_the_chip(tmp_path: Path) -> None:
    """Tests that go over to the next state end with a reset, which is no failure of the boot."""
    text = BL1_1 + _begun("BL1_1", TO_TCI) + "Entering TCI mode\n" + BL1_1 + _begun("BL1_1", TO_DM)
    text += BL1_1 + _area("BL1_1", "RSE_BL1_1_KMU_TEST_0001") + RSE
    text += "[INF] Image 0 loaded from the primary slot\n[INF] Jumping to the first image slot\n"
    text += "[NOT] Booting TF-M v2.3.1\n" + _area("Secure", "TFM_S_ITS_TEST_1001")
    reading = _read(tmp_path / "uart.log", text)
    assert (reading.verdict.outcome, reading.boot_count) == ("passed", 3)
    assert f"boot 1 reset by test {TO_TCI}, as it should" in reading.verdict.sentence
    assert [t.verdict for t in reading.tests] == ["RESET", "RESET", "PASSED", "PASSED"]
    write_log_junit(tmp_path / "out.xml", [reading], lambda _: None)
    junit = (tmp_path / "out.xml").read_text()
    assert 'tests="7" failures="0" errors="0" skipped="2"' in junit


def test_a_reset_that_no_test_wanted_is_still_one(tmp_path: Path) -> None:
    """Any other test that a reset cuts off ends the run, and JSON names it."""
    text = BL2 + _begun("Secure", "TFM_S_ITS_TEST_1001") + BL2 + _area("Secure", "A") + "\x04"
    values = as_json(_read(tmp_path / "uart.log", text))
    assert values["verdict"]["kind"] == "resets"
    assert values["stopped_by"]["test"] == "TFM_S_ITS_TEST_1001"


def test_json_names_the_error_with_which_a_log_ends(tmp_path: Path) -> None:
    """An error that is the last line of a log is what stopped it."""
    text = BL2 + "Booting TF-M v2.2.2\nPartition initialization FAILED in 0x10081235\n"
    stopped = as_json(_read(tmp_path / "uart.log", text))["stopped_by"]
    assert stopped["text"] == "Partition initialization FAILED in 0x10081235"


def test_a_log_of_lava(tmp_path: Path) -> None:
    """LAVA's `output.yaml` holds what the device said, quoted, between words of LAVA's own."""
    log = tmp_path / "output.yaml"
    said = BL2 + _area("Secure", "A").replace("####\n", "####\\e[0m\n", 1) + "\\e[0m\\x04"
    dt = '- {"dt": "2026-05-04T10:11:12.345678", "lvl": '
    lines = [f'{dt}"info", "msg": "start: 1 [ERR] Unable to find bootable image"}}']
    lines += [f'{dt}"results", "msg": {{"case": "x", "result": "fail"}}}}']
    lines += [f'{dt}"target", "msg": "{line}"}}' for line in said.split("\n")]
    log.write_text("\n".join(lines) + "\n")
    reading = read_log(log)
    assert (reading.verdict.outcome, reading.regression.passed) == ("passed", 1), reading.verdict
    assert reading.first_error is None


def test_seconds_since_1970_before_each_line(tmp_path: Path) -> None:
    """`ts %.s` writes them."""
    said = BL2 + _area("Secure", "A") + "\x04"
    text = "".join(f"1777889999.{i:06} {line}\n" for i, line in enumerate(said.split("\n")))
    reading = _read(tmp_path / "uart.log", text)
    assert (reading.verdict.outcome, reading.regression.passed) == ("passed", 1), reading.verdict
