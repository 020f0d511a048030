# SPDX-License-Identifier: Apache-2.0
"""Logs that look well and are not, and the other way round."""

from __future__ import annotations

import copy
import random
import sys
from pathlib import Path

import pytest

from hil.uart.log_reader import read_log
from hil.uart.scanner import Scanner
from hil.uart.verdict import judge

BL2 = "[INF] Starting bootloader\n[INF] Image index: 1, Swap type: none\n"
BL2 += "[INF] Image index: 0, Swap type: none\n[INF] Jumping to the first image slot\n"
RUNTIME = "Booting TF-M v2.2.2\n"
SECURE = (
    "\n#### Execute test suites for the Secure area ####\n"
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
RSE = "[INF] Starting bootloader\n[INF] CHIP ID: 0\n[INF] Image 5 loaded from the primary slot\n"
RSE += "[INF] Image 0 loaded from the primary slot\n[INF] Jumping to the first image slot\n"
PROVISIONED = "[INF] Starting TF-M BL1_1\n[INF] Beginning RSE provisioning\n"
PROVISIONED += PROVISIONED + "[INF] Starting TF-M BL1_2\n" + RSE + "[NOT] Booting TF-M v2.3.1\n"
ROLLBACK = (
    "[INF] Starting bootloader\n[INF] Image 5 RAM loading to 0x70 is succeeded.\n"
    "[ERR] Image security counter value 1 lower than monotonic value 3\n"
    "[ERR] Image in the primary slot is not valid!\n[INF] No slot to load for image 5\n"
    "[ERR] Unable to find bootable image\n"
)
REFUSAL = "[INF] Starting bootloader\n[ERR] Unable to find bootable image\n"
#: What the framework of tf-m-tests says instead of a verdict.
FRAMEWORK = "Error ( TEST_SUITE_ERR_INVALID_TEST_DATA! ) occurred during test suite"
NS_END = "Non-Secure system starting...\n\x04"
REFUSED = BL2 + "[ERR] Image in the secondary slot is not valid!\n"
CRASH = "FATAL ERROR: HardFault\n"


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (ARCH, "completed", "standby"),
        (ARCH.replace("FAILED    : 0", "FAILED    : 3"), "failed", "Storage Suite counts 3 FAILED"),
        (ARCH.replace("ERROR : 0", "ERROR : 1"), "failed", "counts 1 SIM ERROR"),
        (ARCH.replace("TESTS     : 1", "TESTS     : 2"), "stopped", "counts 2 TESTS, the log holds 1"),
        (ARCH[ARCH.index("***** Storage") :], "stopped", "counts 1 TESTS, the log holds 0"),
        (ARCH + ARCH, "completed", "standby"),
        (ARCH.replace("TOTAL FAILED    : 0\n", ""), "stopped", "lacks TOTAL FAILED"),
        (SECURE, "stopped", "ends with '*** End of Secure test suites ***'"),
        (RSE + RUNTIME + SECURE, "completed", "the secure tests ended"),
        (RSE + RUNTIME + SECURE + RSE + RUNTIME + SECURE, "completed", "the secure tests ended"),
        (
            RSE.replace("Image 5", "Image 1") + RUNTIME + SECURE,
            "stopped",
            "the log ends after stage runtime",
        ),
        (
            RSE.replace("[INF] CHIP ID: 0\n", "") + RUNTIME + SECURE,
            "stopped",
            "the log ends after stage runtime",
        ),
        (BL2 + RUNTIME + SECURE, "stopped", "the log ends after stage runtime"),
        (BL2 + RUNTIME + SECURE + NS_END, "completed", "EOT"),
        (
            SECURE.replace("TESTSUITE PASSED!", "TESTSUITE FAILED!"),
            "failed",
            "test suite TFM_S_PS_TEST_1XXX says FAILED",
        ),
        (SECURE.replace("has PASSED", "has FAILED"), "failed", "interface tests says FAILED"),
        (
            BL2 + SECURE.replace("TESTSUITE PASSED!", "TESTSUITE FAILED!")[:-40],
            "failed",
            "the log ends within the Secure tests, 0 of 1 failed; test suite",
        ),
        (BL2 + RUNTIME + CRASH + BL2 + RUNTIME + NS_END, "panicked", "boot 1 died: FATAL"),
        ((BL2 + RUNTIME) * 4, "resets", "3 unexpected resets in 4 boots: 3 boots (1, 2, 3) reset"),
        (BL2 * 3, "resets", "reset after the hand-over to the runtime without a word"),
        (BL2 + RUNTIME + BL2 + RUNTIME + NS_END, "resets", "boot 1 reset after stage runtime"),
        (BL2 + RUNTIME + SECURE + BL2 + RUNTIME + NS_END, "resets", "boot 1 reset after stage"),
        (BL2 + RUNTIME + NS_END + BL2 + RUNTIME + NS_END, "completed", "EOT"),
        (BL2 + SECURE[:180] + BL2 + SECURE + NS_END, "resets", "boot 1 reset in test TFM_S_PS"),
        (RUNTIME + ARCH[:110] + CRASH + RUNTIME + ARCH[60:], "completed", "boot 1 died: FATAL"),
        (RUNTIME + ARCH[:110] + "\n" + RUNTIME, "resets", "boot 1 reset in psa-arch test 401"),
        (PROVISIONED, "running", "nothing says that it went wrong"),
        (PROVISIONED + PROVISIONED, "resets", "1 unexpected reset in 4 boots: boot 2 reset after"),
        (ROLLBACK, "refused", "refused image 5: [ERR] Image security counter value 1 lower than"),
        (BL2[:60] + BL2 + RUNTIME + NS_END, "completed", "2 boots: boot 1 reset without provisi"),
        (BL2 + RUNTIME, "running", "nothing says that it went wrong"),
        (REFUSED + RUNTIME, "running", "on the way it reported '[ERR] Image in the secondary"),
        (BL2 + NS_END[:-1] + SECURE[:180] + "\x04", "stopped", "ends in test TFM_S_PS_TEST_1001"),
        ("noise\n\x04", "stopped", "nothing before it that TF-M prints"),
        ("\x04" + BL2, "stopped", "the log ends after stage BL2"),
        ("\x04" + BL2 + RUNTIME, "running", "nothing says that it went wrong"),
        ("\x04" + BL2 + RUNTIME + SECURE[:180], "stopped", "ends in test TFM_S_PS_TEST_1001"),
        ("Entering standby..\n" + BL2 + RUNTIME, "running", "nothing says that it went wrong"),
        (BL2 + "\x04" + RUNTIME, "running", "nothing says that it went wrong"),
        (RUNTIME + ARCH[:110] + "\n" + RUNTIME + ARCH, "resets", "which began anew"),
        (RUNTIME + "Platform Exception: MPC fault!!!\n", "panicked", "died: Platform Exception: MPC"),
        (RUNTIME + "Oops... PPC fault!!!\n", "panicked", "died: Oops... PPC"),
        (RUNTIME + "FATAL ERROR: Platform Exception\n", "panicked", "died: FATAL ERROR: Platform"),
        (REFUSAL + BL2[:60], "refused", "in the next boot the log ends after stage BL2"),
        (REFUSAL + BL2 + RUNTIME, "running", "boot 1 stopped at"),
        (REFUSAL + BL2, "stopped", "the log ends after stage BL2"),
        (REFUSAL + BL2 + SECURE[:180], "stopped", "the log ends in test TFM_S_PS_TEST_1001"),
        (SECURE.replace("TESTSUITE PASSED!", FRAMEWORK) + NS_END, "failed", "INVALID_TEST_DATA"),
        (BL2 + SECURE.replace("PASSED!", "PASSED![INF][Crypto] x") + NS_END, "completed", "EOT"),
    ],
    ids=[
        "arch", "arch total failed", "arch sim error", "arch lost test", "arch from the middle",
        "two suites", "arch report with a hole",
        "secure only", "RSE", "RSE twice", "RSE with image 1", "no RSE",
        "secure, NS silent", "secure and NS", "suite failed",
        "summary failed", "suite failed, cut",
        "crash before", "reset loop", "reset loop without a banner", "one silent reset",
        "silent after the secure tests", "two runs", "reset in a test", "psa-arch panic",
        "psa-arch panic without end", "provisioned", "provisioned and reset", "rollback", "early reset",
        "one boot", "refused upgrade", "EOT in a test", "bare EOT",
        "stale EOT", "stale EOT, runtime", "stale EOT, hangs in a test", "stale standby", "EOT in BL2",
        "psa-arch begun anew", "MPC fault", "PPC fault of 1.6", "platform exception of 2.0",
        "refused, cut in the next boot", "refused, then well",
        "refused, then handed over", "refused, then hangs in a test",
        "error of the framework", "glued verdict",
    ],
)  # fmt: skip
def test_verdicts(tmp_path: Path, text: str, kind: str, told: str) -> None:
    """The verdict says what the log really shows."""
    path = tmp_path / "uart.log"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    verdict = read_log(path).verdict
    assert (verdict.kind, told in verdict.sentence) == (kind, True), verdict


STAMPS = [
    "[10:11:12.123] ",
    "[2026-01-02 10:11:12] ",
    "2026-01-02T10:11:12.123456Z ",
    "Jan  2 10:11:12 ",
    "10:11:12.123 -> ",
    "2026-01-02 10:11:12,123 - twister - DEBUG - DEVICE: ",
    "[   12.345678] ",
    "[12.345678 0.000123] ",
    "[2026-01-02T10:11:12.123Z] ",
    "10:11:12  ",
    "2026-01-02T10:11:12.123456Z 00O ",
    "[Fri Jan 02 10:11:12.123 2026] ",
    "[0 00:00:12.123] ",
]


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize(
    "text",
    [
        BL2 + RUNTIME + SECURE + NS_END,
        BL2 + RUNTIME + BL2 + RUNTIME + SECURE + NS_END,
        BL2 + SECURE[:180],
        BL2 + SECURE.replace("  TEST: TFM_S_PS_TEST_1001 - PASSED!\n", "") + NS_END,
        ARCH.replace("TEST RESULT: PASSED", "TEST RESULT: FAILED (Error Code=0x1)"),
    ],
    ids=["good", "silent panic", "hangs", "lost verdict", "arch failed"],
)
def test_times_before_each_line(tmp_path: Path, text: str, stamp: str) -> None:
    """What terminal programs and loggers put before the lines changes nothing."""
    plain, stamped = tmp_path / "plain.log", tmp_path / "stamped.log"
    plain.write_bytes(text.encode())
    stamped.write_bytes("".join(stamp + line for line in text.splitlines(keepends=True)).encode())
    expected, got = read_log(plain), read_log(stamped)
    assert got.verdict == expected.verdict
    assert got.regression == expected.regression
    assert [boot.regression.total for boot in got.boots] == [
        boot.regression.total for boot in expected.boots
    ]


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


RELEASE = SECURE + NS_END[:-1] + SECURE.replace("Secure", "Non-secure").replace("_S_", "_NS_")


@pytest.mark.parametrize(
    ("text", "kind", "tests"),
    [
        (RELEASE + "\x04", "completed", [2]),
        ((RELEASE + "\x04") * 3, "completed", [2, 2, 2]),
        (SECURE[:-40] + RELEASE + "\x04", "resets", [1, 2]),
        (SECURE + RELEASE + "\x04", "resets", [1, 2]),
        (RELEASE[:-40] + RELEASE + "\x04", "resets", [2, 2]),
        (SECURE[SECURE.index("> Executing") :] + RELEASE + "\x04", "resets", [1, 2]),
        (SECURE[SECURE.index("> Exec") : SECURE.index("TESTS")] + RELEASE, "resets", [1, 2]),
        (RELEASE[RELEASE.index("\n#", 9) : -40] + RELEASE + "\x04", "resets", [1, 2]),
        (NS_END + RELEASE + "\x04", "completed", [0, 2]),
        (RELEASE[-400:] + "\x04" + RELEASE + "\x04", "completed", [1, 2]),
        (RELEASE, "stopped", [2]),
        (SECURE, "stopped", [1]),
        (ARCH * 2, "completed", [1, 1]),
        (ARCH[: ARCH.index("***** Storage") - 7] + ARCH, "resets", [1, 1]),
        (NS_END[:-1] + ARCH + NS_END[:-1] + ARCH, "completed", [1, 1]),
    ],
    ids=[
        "one", "three runs", "reset in secure tests", "reset between the areas",
        "reset in non-secure tests", "begins in secure tests", "begins in a secure test",
        "begins with the non-secure area", "after an end", "begins in non-secure tests",
        "without end", "secure only", "psa-arch", "psa-arch begun anew",
        "psa-arch with the application's banner",
    ],
)  # fmt: skip
def test_boots_of_a_build_without_log_lines(
    tmp_path: Path, text: str, kind: str, tests: list[int]
) -> None:
    """A Release build has no banner: tests that begin again begin a boot, with its own counts."""
    path = tmp_path / "uart.log"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    reading = read_log(path)
    assert [boot.regression.total + boot.arch.total for boot in reading.boots] == tests
    assert reading.regression.total + reading.arch.total == sum(tests)
    assert reading.verdict.kind == kind, reading.verdict


@pytest.mark.parametrize("program", ["/bin/ls", "/bin/cat", sys.executable])
def test_programs_are_foreign(program: str) -> None:
    """A program holds printable text before a byte EOT, and is no log all the same."""
    reading = read_log(program)
    assert (reading.verdict.kind, reading.boots, reading.end_marker) == ("foreign", (), None)


def test_firmware_image_is_foreign(tmp_path: Path) -> None:
    """A TF-M binary holds its own messages; most of it is no text, and it is no log."""
    path = tmp_path / "bl2.bin"
    code = random.Random(1).randbytes(30_000).replace(b"\x04", b"")
    path.write_bytes(code + f"\r\n{BL2}{RUNTIME}{NS_END}".encode() + code)
    assert read_log(path).verdict.kind == "foreign"


@pytest.mark.parametrize(
    ("version", "release"), [("v2.1.0", "2.1.0"), ("v2.2.2", "2.2.2"), ("v2.3.1", "2.3.1")]
)
def test_provisioning_of_the_mps4_fits_every_release(
    tmp_path: Path, version: str, release: str
) -> None:
    """The MPS4 platforms print the old wording in every release."""
    path = tmp_path / "uart.log"
    text = (
        "[INF] Starting TF-M BL1_1\n[INF] Beginning provisioning\n"
        "[INF] Waiting for CM provisioning bundle\n[INF] Running CM provisioning bundle\n"
        "[INF] TP mode set complete, system will now reset.\n"
    )
    path.write_text(text)
    assert read_log(path).release.generations == ("2.1", "2.2", "2.3")
    path.write_text(f"{text}[INF] Image version: {version}\n")
    assert read_log(path).release.known == release


@pytest.mark.parametrize("name", ["an521-plain-Debug", "an521-bl2-tests", "an521-regression"])
def test_no_prefix_of_a_log_is_completed(shared_dir: Path, name: str) -> None:
    """A log that is cut anywhere before its end marker is never completed."""
    data = (shared_dir / "uart-logs" / f"{name}-TF-Mv2.2.2.log").read_bytes()
    # Every byte of a short log; of a long one every line end, where a log can look whole.
    step = 1 if len(data) < 2000 else 0
    scanner, start = Scanner(), 0
    kinds = []
    while start < len(data):
        end = start + step if step else (data.find(b"\n", start) + 1 or len(data))
        scanner.feed(data[start:end])
        cut = copy.deepcopy(scanner)
        cut.finish()
        kinds.append(judge(cut).kind)
        start = end
    assert "completed" not in kinds[:-1]
    assert kinds[-1] == "completed"
