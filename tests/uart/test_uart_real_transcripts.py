# SPDX-License-Identifier: Apache-2.0
"""Transcripts of real TF-M builds, and what is known about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hil.uart.framing import Framer
from hil.uart.log_reader import read_log, render

VERDICTS = {
    "an521-bl2-tests-TF-Mv2.2.2": "completed",
    "an521-hang-in-ns-test-TF-Mv2.2.2": "stopped",
    "an521-image-ns_wrong_key-TF-Mv2.2.2": "refused",
    "an521-image-s_missing_ff-TF-Mv2.2.2": "refused",
    "an521-image-s_payload_flip-TF-Mv2.2.2": "refused",
    "an521-image-upgrade_s_bad-TF-Mv2.2.2": "completed",
    "an521-killed-midrun-TF-Mv2.2.2": "stopped",
    "an521-not-provisioned-TF-Mv2.2.2": "halted",
    "an521-plain-Debug-TF-Mv2.2.2": "completed",
    "an521-psa-arch-CRYPTO-TF-Mv2.2.2": "completed",
    "an521-psa-arch-INTERNAL_TRUSTED_STORAGE-TF-Mv2.2.2": "completed",
    "an521-regression-Debug-TF-Mv2.1.4": "completed",
    "an521-regression-Debug-TF-Mv2.2.2": "completed",
    "an521-regression-RelWithDebInfo-TF-Mv2.2.2": "completed",
    "an521-regression-TF-Mv2.2.2": "completed",
    "an521-regression-with-failures-TF-Mv2.2.2": "failed",
    "an521-reset-loop-TF-Mv2.2.2": "resets",
    "an521-rollback-b2-old-image-refused-TF-Mv2.2.2": "refused",
    "cs300-fvp-image-on-an547-TF-Mv2.2.2": "halted",
}
names = pytest.mark.parametrize("name", VERDICTS)


@pytest.fixture(scope="module")
def uart_logs(shared_dir: Path) -> Path:
    """Folder of the transcripts."""
    return shared_dir / "uart-logs"


@pytest.fixture(scope="module")
def truth(uart_logs: Path) -> dict[str, dict[str, Any]]:
    """What is known about each transcript."""
    known: dict[str, dict[str, Any]] = json.loads((uart_logs / "truth.json").read_text())
    return known


def test_every_transcript_is_judged(truth: dict[str, dict[str, Any]]) -> None:
    """No transcript is left out."""
    assert set(truth) == set(VERDICTS)


@names
def test_reading_agrees_with_the_truth(
    uart_logs: Path, truth: dict[str, dict[str, Any]], name: str
) -> None:
    """Boots, verdicts of tests, refusal and end marker are those that are known."""
    known = truth[name]
    reading = read_log(uart_logs / f"{name}.log")
    tests = reading.regression
    assert reading.size == known["bytes"]
    assert sum(boot.banner for boot in reading.boots) == known["boots"]
    assert (tests.passed, tests.failed, tests.skipped) == (
        known["passed"],
        known["failed"],
        known["skipped"],
    )
    assert reading.end_marker == known["end_marker"]
    assert (reading.verdict.kind == "refused") == known["bl2_refused"]
    assert reading.verdict.kind == VERDICTS[name]
    assert reading.findings == ()
    assert all(c.isprintable() or c == "\n" for c in render(reading))


@names
@pytest.mark.parametrize("size", [1, 13, 4095])
def test_lines_do_not_depend_on_the_reads(uart_logs: Path, name: str, size: int) -> None:
    """A transcript read in pieces has the same lines as in one, without a byte lost."""
    data = (uart_logs / f"{name}.log").read_bytes()
    whole = Framer()
    expected = whole.feed(data) + whole.finish()
    split, lines = Framer(), []
    for at in range(0, len(data), size):
        lines += split.feed(data[at : at + size])
    lines += split.finish()
    assert lines == expected
    assert b"".join(data[line.start : line.end] for line in lines) == data


@pytest.mark.parametrize(("name", "passed"), [("CRYPTO", 64), ("INTERNAL_TRUSTED_STORAGE", 10)])
def test_psa_arch_tests(uart_logs: Path, name: str, passed: int) -> None:
    """Lines that end in LF CR are read: every test has its verdict."""
    reading = read_log(uart_logs / f"an521-psa-arch-{name}-TF-Mv2.2.2.log")
    assert (reading.arch.passed, reading.arch.failed, reading.arch.running) == (passed, 0, None)
    assert not reading.cut


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("an521-image-ns_wrong_key", "1"),
        ("an521-image-s_payload_flip", "0"),
        ("an521-image-s_missing_ff", "0"),
    ],
)
def test_refused_image_is_named(uart_logs: Path, name: str, image: str) -> None:
    """The image index before the refusal tells which image was refused."""
    reading = read_log(uart_logs / f"{name}-TF-Mv2.2.2.log")
    assert f"BL2 refused image {image}:" in reading.verdict.sentence


def test_failures_have_their_reasons(uart_logs: Path) -> None:
    """Failed tests are listed with the place in the test's source."""
    reading = read_log(uart_logs / "an521-regression-with-failures-TF-Mv2.2.2.log")
    assert [(f.test, f.why.rpartition(" ")[2]) for f in reading.regression.failures] == [
        ("TFM_S_ITS_TEST_1003", "tests/its_tests_common.c:162"),
        ("TFM_S_PLATFORM_TEST_1001", "tests/platform_tests_common.c:22"),
        ("TFM_NS_ITS_TEST_1003", "tests/its_tests_common.c:162"),
        ("TFM_NS_PLATFORM_TEST_1001", "tests/platform_tests_common.c:22"),
    ]


def test_times_of_a_reset_loop(uart_logs: Path, truth: dict[str, dict[str, Any]]) -> None:
    """Two boots have their times, from the chunk file beside the log."""
    name = "an521-reset-loop-TF-Mv2.2.2"
    reading = read_log(uart_logs / f"{name}.log")
    times = [stage.t for boot in reading.boots for stage in boot.stages if stage.t is not None]
    assert len(times) == 6
    assert times == sorted(times)
    assert times[-1] <= truth[name]["seconds_to_last_byte"]
    assert reading.regression.interrupted == ("TFM_NS_PLATFORM_TEST_1001",)


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("an521-regression-Debug-TF-Mv2.1.4", "2.1.4"),
        ("an521-plain-Debug-TF-Mv2.2.2", "2.2.2"),
        ("an521-regression-TF-Mv2.2.2", None),
    ],
)
def test_release(uart_logs: Path, name: str, release: str | None) -> None:
    """The release is read from the log; a build without log lines does not tell it."""
    assert read_log(uart_logs / f"{name}.log").release.known == release
