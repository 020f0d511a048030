# SPDX-License-Identifier: Apache-2.0
"""A scanner that gives no events knows the same as one that does, however the bytes are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hil.uart import scanner as scanner_module
from hil.uart.scanner import Scanner
from hil.uart.verdict import judge

PIECES = [
    b"[INF] Starting bootloader\r\n",
    b"[INF] Image index: 1, Swap type: none\r\n",
    b"[INF] Jumping to the first image slot\r\n",
    b"Booting TF-M v2.2.2\r\n",
    b"\r\n#### Execute test suites for the Secure area ####\r\n",
    b"Running Test Suite Some tests (TFM_S_X_TEST_1XXX)...\r\n",
    b"\x1b[0m> Executing 'TFM_S_X_TEST_1001' \r\n",
    b"\x1b[0m> Executing 'TFM_S_X_TEST_1002' \r\n",
    b"  > Iteration 1 of 15\r",
    b"\x1b[32m  TEST: TFM_S_X_TEST_1001 - PASSED!\r\n",
    b"\x1b[31m  no (Failed at a.c:3)\r\n  TEST: TFM_S_X_TEST_1002 - FAILED!\r\n",
    b"Number of failed tests: 1 of 2\r\n",
    b"TESTSUITE FAILED!\r\n",
    b"*** End of Secure test suites ***\r\n",
    b"Non-Secure system starting...\r\n",
    b"\n\rTEST: 401 | DESCRIPTION: x\n\r[Check 1] y\n\r",
    b"[Check 2] z\n\r",
    b"\n\rTEST RESULT: PASSED\n\r",
    b"***** PSA Architecture Test Suite - Version 1.6 *****\n\r",
    b"TOTAL TESTS     : 1\n\r",
    b"FATAL ERROR: SecureFault\r\n",
    b"[ERR] Unable to find bootable image\r\n",
    b"\x04",
    b"\0\xff\x1b",
]
streams = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


def known(scanner: Scanner) -> tuple[Any, ...]:
    return (
        scanner.tracker.boots,
        scanner.tracker.banners,
        scanner.regression.results(),
        scanner.arch.results(),
        list(scanner.records()),
        scanner.first_error,
        scanner.last_line,
        scanner.recognised,
        scanner.lines,
        scanner.size,
        scanner.release.guess(),
        judge(scanner),
    )


def fed(data: bytes, size: int) -> tuple[Any, ...]:
    scanner = Scanner(float)
    for at in range(0, len(data), size):
        scanner.feed(data[at : at + size])
    scanner.finish()
    return known(scanner)


def skimmed(data: bytes, size: int) -> tuple[Any, ...]:
    scanner = Scanner(float)
    for at in range(0, len(data), size):
        scanner.skim(data[at : at + size])
    scanner.finish()
    return known(scanner)


@given(streams, st.integers(1, 400))
@example(b"TEST: 4 | DESCRIPTION: x\nTOTAL TESTS     : 1\n[Check 2] y\nTOTAL TESTS     : 1\n", 90)
def test_made_up_streams(data: bytes, size: int) -> None:
    """Whatever comes in whatever pieces, both know the same, and as much as in one piece."""
    expected = fed(data, max(1, len(data)))
    assert skimmed(data, size) == expected
    assert fed(data, size) == expected


def test_real_transcripts(shared_dir: Path) -> None:
    """The same holds for every transcript."""
    for path in sorted((shared_dir / "uart-logs").glob("*.log")):
        data = path.read_bytes()
        assert skimmed(data, 4096) == fed(data, len(data)), path.name


def test_forgetting_meanings_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, shared_dir: Path
) -> None:
    """A log with more different lines than are remembered reads the same."""
    (path,) = (shared_dir / "uart-logs").glob("an521-regression-Debug-TF-Mv2.2.2.log")
    data = path.read_bytes()
    expected = skimmed(data, 4096)
    monkeypatch.setattr(scanner_module, "_REMEMBERED", 3)
    assert skimmed(data, 4096) == expected


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    """A UART that says anything at all gets a verdict."""
    assert skimmed(data, 7)[-1].sentence
