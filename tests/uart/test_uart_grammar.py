# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - one sample, one line
"""The table of the lines that TF-M prints."""

from __future__ import annotations

import re

import pytest

from hil.uart.grammar import matches
from hil.uart.grammar_table import RELEASES, TABLE

# A line, the row that it must match, its groups.
SAMPLES: list[tuple[str, str, tuple[str | None, ...]]] = [
    ("[INF] Noise Source: rosc_id: 3, subsample_count: 0x3e8", "1", ("3", "3e8")),
    ("[ERR] ECDSA self-tests... FAILED", "5", ("ECDSA",)),
    ("[INF] Starting TF-M BL1_1", "6", ()),
    ("[ERR] BL1 provision necessity check failed", "7", ()),
    ("[INF] Beginning RSE provisioning", "8", ()),
    ("[INF] Beginning RSS provisioning", "8", ()),
    ("[INF] Beginning provisioning", "8b", ()),
    ("[INF] TP mode set complete, system will now reset.", "9b", ("TP mode set complete",)),
    ("[INF] Enabling secure provisioning mode, RSE will now reset.", "9", ("Enabling secure provisioning mode",)),
    ("[ERR] CM provisioning failed", "11b", ("CM",)),
    ("[INF] Provisioning HUK", "13", ("HUK",)),
    ("[INF] Provisioning GUK", "16", ("GUK",)),
    ("[INF] Transitioning to SE LCS", "28", ("SE",)),
    ("[ERR] Aborting rse_provision due to -137 error", "34", ("rse_provision", "-137")),
    ("[ERR] BL1_2 image failed to validate", "35b", ()),
    ("[WAR] Failed to store boot measurement of BL1_2", "36", ()),
    ("[INF] Beginning BL2 provisioning", "37", ("BL2",)),
    ("[WRN] This device was provisioned with dummy keys. This device is NOT SECURE", "38", ("This device was provisioned with dummy keys.",)),
    ("[INF] starting TF-M bl1_2", "41", ()),
    ("[INF] Attempting to boot image 1", "42", ("1",)),
    ("[ERR] Image ROTPK hash mismatch", "46", ("Image ROTPK hash mismatch",)),
    ("[ERR] BL2 image failed to copy header", "47", ("failed to copy header",)),
    ("[ERR] Fatal boot error -1431677611", "51", ("-1431677611",)),
    ("[ERR] Fatal boot error 0x15555555 (0xb0f0f0f0)", "52", ("15555555", "b0f0f0f0")),
    ("[INF] Starting bootloader", "53", ()),
    ("[INF] CHIP ID: 3", "54", ("3",)),
    ("[INF] PSA Crypto init done, sig_type: EC-P256, using builtin keys", "55k", ("EC-P256",)),
    ("[INF] PSA Crypto init done, sig_type: EC-P256", "55", ("EC-P256",)),
    ("[INF] BL2: Wait for doorbell from SCP before loading LCP...", "64", ("LCP",)),
    ("[INF] Image 5 RAM loading to 0x70083c00 is succeeded.", "68", ("5", "70083c00", "succeeded")),
    ("[INF] Image 3 RAM load address 0x0 is invalid.", "72", ("3", "load address 0x0 is invalid.")),
    ("[ERR] Image in the secondary slot is not valid!", "73", ("secondary",)),
    ("[ERR] Unable to find bootable image", "76", ()),
    ("[ERR] BL2: Unable to find bootable LCP image", "76", ()),
    ("[ERR] OTP system initialization failed", "82", ("OTP system initialization failed",)),
    ("[ERR] Pre-load step for image 3 failed", "82", ("Pre-load step for image 3 failed",)),
    ("[ERR] BL2: SCP ATU configuration failed", "83", ()),
    ("[INF] Image version: v2.3.1", "89", ("2", "3", "1")),
    ("[INF] Image index: 1, Swap type: none", "M1", ("1", "none")),
    ("Booting TF-M v2.2.2+gdd2b7de", "91", ("v2.2.2+gdd2b7de",)),
    ("Booting TFM v1.4.0", "91", ("v1.4.0",)),
    ("[NOT] Booting TF-M v2.3.1", "95", ("v2.3.1",)),
    ("[INF][Crypto] Provision entropy seed... complete.", "99a", (" complete.",)),
    ("[INF] [Crypto] Provision entropy seed...", "99b", (None,)),
    ("[Attest] The platform did not return a profile_definition", "102", ()),
    ("[ERR] Fatal error 40000064 in file rse_kmu_keys.c at line 12 with SP=0x30000f00", "106e", ("40000064", "rse_kmu_keys.c", "12", "0x30000f00")),
    ("[WRN] Non-fatal error 4000000E", "106w", ("4000000E", None, None, None)),
    ("Partition initialization FAILED in 0x1004a3c1", "107c", ("Partition initialization FAILED in 0x1004a3c1",)),
    ("Inter-core communication init failed", "107c", ("Inter-core communication init failed",)),
    ("Invalid PSA API SVC requested: 0x000000FF", "107c", ("Invalid PSA API SVC requested: 0x000000FF",)),
    ("Unknown SPM SVC requested: 0x000000ff", "107c", ("Unknown SPM SVC requested: 0x000000ff",)),
    ("Unknown SVC number requested: 0x00000099", "107c", ("Unknown SVC number requested: 0x00000099",)),
    ("Config error: PS_AES_KEY_USAGE_LIMIT too large to safely count key usage", "107c", ("Config error: PS_AES_KEY_USAGE_LIMIT too large to safely count key usage",)),
    ("[ERR] Assertion failed: (size > 0), file its.c, line 12", "107a", ("Assertion failed: (size > 0), file its.c, line 12",)),
    ("Assertion failed: x, file its.c, line 12", "107a", ("Assertion failed: x, file its.c, line 12",)),
    ("FATAL ERROR: SecureFault", "107", ("SecureFault",)),
    ("Non-Secure system starting...", "108", ()),
    ("\x04", "110", ()),
    ("[ERR] RSE handshake: no seed from RSE 2 after 3000 ms", "F1", ("seed", "2", "3000")),
    ("[ERR] RSE handshake: no reply from RSE 0 after 3000 ms", "F1", ("reply", "0", "3000")),
    (f"[HIL1] vhuk rse=1 of=4 src=bl1_2 fp={'0a' * 16}", "H1", ("1", "4", "bl1_2", "0a" * 16)),
    ("[HIL1] seeds rse=1 fp=00000001,00000002", "H2", ("1", "00000001,00000002")),
    ("[HIL2] vhuk rse=1", "H4", ()),
    ("  TEST: TFM_S_PS_TEST_1001 - PASSED!", "T1", ("TFM_S_PS_TEST_1001", "PASSED")),
    ("P384 is unsupported. Skipping...  TEST: TFM_S_CRYPTO_TEST_1056 - PASSED!", "T1", ("TFM_S_CRYPTO_TEST_1056", "PASSED")),
    ("Running Test Suite Platform Service Secure interface tests(TFM_S_PLATFORM_TEST_1XXX)...", "T3", ("Platform Service Secure interface tests", "TFM_S_PLATFORM_TEST_1XXX")),
    ("  Should fail. (Failed at tests/its.c:162)", "T7", ("Should fail.", "tests/its.c:162")),
    ("  Failed at tests/its.c:162", "T7", (None, "tests/its.c:162")),
    ("Test suite 'PS reliability tests (TFM_PS_TEST_3XXX)' has PASSED", "T9", ("PS reliability tests", "TFM_PS_TEST_3XXX", "PASSED")),
    ("Test suite 'Initial tests(TFM_S_ATTEST_TEST_1XXX)' has FAILED", "T9", ("Initial tests", "TFM_S_ATTEST_TEST_1XXX", "FAILED")),
    ("TEST: 216 | DESCRIPTION: Testing crypto generator", "A3", ("216", "Testing crypto generator")),
    ("TEST RESULT: SKIPPED (Skip Code=0x0000002B)", "A4", ("SKIPPED", "0x0000002B")),
    ("TEST RESULT: FAILED(Error Code=0x00000010)", "A4", ("FAILED", "0x00000010")),
    ("Entering standby..", "A6", ()),
    ("[ERR] nobody knows this line", "G1", ("nobody knows this line",)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number", "values"), SAMPLES, ids=[s[0][:40] for s in SAMPLES])
def test_sample(text: str, number: str, values: tuple[str | None, ...]) -> None:
    """A line is recognised by its own row, with its values."""
    assert [(m.row.number, m.values) for m in matches(text)] == [(number, values)]


@pytest.mark.parametrize(
    "text",
    ["", "hello", "  Description: 'Starting TF-M BL1_1'", "[INF] something new", "[XYZ] x", "["],
)
def test_other_lines_mean_nothing(text: str) -> None:
    """A line that no row knows is no event."""
    assert list(matches(text)) == []


def test_glued_messages_are_separated() -> None:
    """A message behind one that lacks its line end is found, in order."""
    glued = "[WRN] KTRL Usage counter expected to be 0, but read as 3[INF] Writing CM area info"
    assert [m.row.number for m in matches(glued)] == ["25", "17"]
    died = "> Iteration 3 FATAL ERROR: SecureFault"
    assert [m.row.number for m in matches(died)] == ["107"]
    reset = "  Descr[INF] Starting TF-M BL1_1"
    assert [m.row.number for m in matches(reset)] == ["6"]


def test_table_is_well_formed() -> None:
    """Row numbers are unique; releases and expressions are ones that the reader knows."""
    numbers = [row.number for row in TABLE]
    assert len(set(numbers)) == len(numbers)
    for row in TABLE:
        assert row.releases in RELEASES, row
        assert row.pattern.startswith("^"), row
        re.compile(row.pattern)
        # Named groups would collide in the combined expression.
        assert "(?P<" not in row.pattern, row


def test_every_level_of_a_row_finds_it() -> None:
    """A row that allows several level tags is found with each of them."""
    for tag in ("WRN", "WAR"):
        text = f"[{tag}] Failed to store boot measurement of BL1_2"
        assert [m.row.number for m in matches(text)] == ["36"]
