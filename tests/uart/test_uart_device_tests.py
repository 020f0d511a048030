# SPDX-License-Identifier: Apache-2.0
"""The tests that ran on a device, one by one: verdict, time, place, and totals that do not add up."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from hil.uart import device_tests
from hil.uart.log_excerpt import excerpt
from hil.uart.log_reader import read_log, read_stream
from hil.uart.log_reading import LogReading

AREA = "\r\n#### Execute test suites for the Secure area ####\r\n"
SUITE = "Running Test Suite Some tests (TFM_S_X_TEST_1XXX)...\r\n"
PASSED = "TESTSUITE PASSED!\r\n"
END = "*** End of Secure test suites ***\r\n"
BOOT = "[INF] Starting bootloader\r\nBooting TF-M v2.2.2\r\n"
NS = "Non-Secure system starting...\r\n\x04"


def one_test(number: int, verdict: str = "PASSED", why: str = "") -> str:
    name = f"TFM_S_X_TEST_{number}"
    return f"> Executing '{name}' \r\n  Description: 'x'\r\n{why}  TEST: {name} - {verdict}!\r\n"


def read(text: str) -> LogReading:
    return read_stream(io.BytesIO(text.encode()), "x")


def ended(reading: LogReading) -> list[tuple[str, str]]:
    return [(t.test.removeprefix("TFM_S_X_TEST_"), t.verdict) for t in reading.tests]


def test_every_test_has_its_own_part_of_the_log() -> None:
    """The excerpt of a test begins with its first line and ends with its verdict."""
    log = BOOT + AREA + SUITE + one_test(1) + one_test(2, "FAILED", "  no (Failed at a.c:3)\r\n")
    reading = read(log)
    first, second = reading.tests
    assert (second.why, second.where, second.suite, second.area) == (
        "no",
        "a.c:3",
        "TFM_S_X_TEST_1XXX",
        "Secure",
    )
    text = excerpt(io.BytesIO(log.encode()), second.start, second.end)
    assert text.splitlines() == [
        "> Executing 'TFM_S_X_TEST_2'",
        "  Description: 'x'",
        "  no (Failed at a.c:3)",
        "  TEST: TFM_S_X_TEST_2 - FAILED!",
    ]
    assert first.end == second.start


def test_a_long_excerpt_keeps_its_ends_and_no_keys() -> None:
    """The middle is left out, and said to be; what may be a key is not shown."""
    log = b"first\r\n" + b"x\r\n" * 9000 + b"0f" * 32 + b"\r\nlast\r\n"
    lines = excerpt(io.BytesIO(log), 0, len(log)).splitlines()
    assert (lines[0], lines[-1], lines[-2]) == ("first", "last", "<64 digits hidden>")
    assert f"... {len(log) - 8192} bytes left out ..." in lines


def test_durations_come_from_the_times_beside_the_log(tmp_path: Path) -> None:
    """A test takes from its first line to its verdict."""
    log = tmp_path / "a.log"
    text = BOOT + AREA + SUITE + one_test(1)
    log.write_text(text, newline="")
    verdict = text.index("  TEST: ")
    chunks = [(0.0, 0), (1.0, text.index("> Exec")), (9.5, verdict)]
    (tmp_path / "a.timing.jsonl").write_text(
        "\n".join(json.dumps({"t": t, "offset": offset, "len": 1}) for t, offset in chunks)
    )
    (test,) = read_log(log).tests
    assert (test.t, test.seconds) == (1.0, 8.5)


@pytest.mark.parametrize(
    ("middle", "gap"),
    [
        (
            "> Executing 'TFM_S_X_TEST_1' \r\n" + one_test(2),
            "test TFM_S_X_TEST_1 began and has no verdict",
        ),
        (
            one_test(1, "SKIPPED") + "Number of skipped tests: 1 of 3\r\n",
            "test suite TFM_S_X_TEST_1XXX counts 3 tests, the log holds 1",
        ),
        (
            one_test(1) + "Number of skipped tests: 1 of 1\r\n",
            "test suite TFM_S_X_TEST_1XXX counts 1 skipped, the log holds 0",
        ),
        (
            one_test(1) + "TESTSUITE PASSED!\r\nTest suite 'Others (TFM_S_Y)' has PASSED\r\n",
            "the summary names test suite TFM_S_Y, which is not in the log",
        ),
        (
            "> Executing 'TFM_S_X_TEST_1' \r\nTESTSUITE PASSED!\r\n",
            "test TFM_S_X_TEST_1 began and has no verdict",
        ),
    ],
    ids=["lost verdict", "lost tests", "lost skip", "lost suite", "lost last verdict"],
)
def test_totals_that_do_not_add_up(middle: str, gap: str) -> None:
    """A log in which tests are missing is not complete, although it ends well."""
    reading = read(BOOT + AREA + SUITE + middle + END + NS)
    assert gap in reading.findings
    assert reading.verdict.outcome == "incomplete"
    assert gap in reading.verdict.sentence


def test_failures_that_only_the_suite_counts() -> None:
    """A failed test whose line was lost is a failure all the same."""
    told = one_test(1) + "Number of failed tests: 1 of 2\r\nTESTSUITE FAILED!\r\n"
    reading = read(BOOT + AREA + SUITE + told + END + NS)
    assert reading.verdict.outcome == "failed"
    assert "counts 1 failed, the log holds 0" in reading.verdict.sentence


def test_what_hangs_and_what_a_reset_cut_off() -> None:
    """A test without verdict is among the tests, with what became of it."""
    log = BOOT + AREA + SUITE + one_test(1) + "> Executing 'TFM_S_X_TEST_2' \r\n"
    assert ended(read(log)) == [("1", "PASSED"), ("2", "RUNNING")]
    reading = read(log + BOOT + AREA + SUITE + one_test(1) + END + NS)
    assert ended(reading) == [("1", "PASSED"), ("2", "CUT"), ("1", "PASSED")]
    assert [test.boot for test in reading.tests] == [0, 0, 1]


def test_text_before_a_verdict_and_before_a_reason() -> None:
    """What a test prints without line end does not hide its verdict or where it failed."""
    muttered = one_test(1, why="P384 is unsupported. Skipping...")
    unended = "actual state is 3  It should fail. (Failed at fwu.c:12)\r\n"
    reading = read(BOOT + AREA + SUITE + muttered + one_test(2, "FAILED", unended))
    assert ended(reading) == [("1", "PASSED"), ("2", "FAILED")]
    assert reading.tests[1].where == "fwu.c:12"


ARCH = "***** PSA Architecture Test Suite - Version 1.6 *****\n\r\n\rRunning.. IPC Suite\n\r"
NS_BANNER = "Non-Secure system starting...\r\n"


def arch_test(number: int, end: str = "\n\rTEST RESULT: PASSED\n\r") -> str:
    return f"\n\rTEST: {number} | DESCRIPTION: x\n\r[Check 1] y\n\r{end}"


def report(passed: int) -> str:
    counts = {"TESTS": passed, "PASSED": passed, "SIM ERROR": 0, "FAILED": 0, "SKIPPED": 0}
    lines = "".join(f"TOTAL {name:<9} : {count}\n\r" for name, count in counts.items())
    return f"************ IPC Suite Report **********\n\r{lines}\n\rEntering standby.. \n\r"


def test_a_test_that_goes_on_behind_a_panic_is_one_test() -> None:
    """An IPC test panics on purpose and resumes after the reset: one test, with its verdict."""
    text = NS_BANNER + ARCH + arch_test(1) + arch_test(2, "")
    text += NS_BANNER + arch_test(2) + arch_test(3, "")
    text += NS_BANNER + "\n\rTEST RESULT: PASSED\n\r" + report(3)
    reading = read(text)
    assert [(t.test, t.verdict, t.boot) for t in reading.tests] == [
        ("1", "PASSED", 0),
        ("2", "PASSED", 0),
        ("3", "PASSED", 1),
    ]
    assert reading.verdict.outcome == "passed", reading.verdict


def test_a_test_that_does_not_go_on_was_cut_off() -> None:
    """A suite that begins anew after a reset leaves the test behind that was running."""
    text = NS_BANNER + ARCH + arch_test(1, "") + NS_BANNER + ARCH + arch_test(1) + report(1)
    assert [(t.test, t.verdict) for t in read(text).tests] == [("1", "CUT"), ("1", "PASSED")]


def test_where_a_psa_test_failed() -> None:
    """Check, checkpoint, values and code are told."""
    end = "\tFailed at Checkpoint: 4\n\r\tActual: -133\n\r\tExpected: 0\n\r"
    end += "\tCheckpoint 4 : Error Code=0x0000002E \n\r"
    end += "\n\rTEST RESULT: FAILED (Error Code=0x0000002E)\n\r"
    (test,) = read(ARCH + arch_test(7, end)).tests
    assert test.where == "check 1: y, checkpoint 4"
    assert test.why == "FAILED code 0x0000002E; actual -133 expected 0"


def test_more_tests_than_are_kept_are_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cap never lies: the counts go on, and what was left out is said."""
    monkeypatch.setattr(device_tests, "MAX_TESTS", 3)
    monkeypatch.setattr(device_tests.Room.__init__, "__defaults__", (3, 0))
    reading = read(
        BOOT + AREA + SUITE + "".join(one_test(n) for n in range(10)) + PASSED + END + NS
    )
    assert (len(reading.tests), reading.tests_left_out, reading.regression.passed) == (3, 7, 10)
    assert any("7 more are counted" in finding for finding in reading.findings)
    assert reading.verdict.outcome == "passed"


def test_records_agree_with_the_truth(shared_dir: Path) -> None:
    """Every executed test of every transcript is listed once, with the verdict it had."""
    truth: dict[str, Any] = json.loads((shared_dir / "uart-logs/truth.json").read_text())
    for name, known in truth.items():
        reading = read_log(shared_dir / "uart-logs" / f"{name}.log")
        mine = [t.verdict for t in reading.tests if t.framework == "tf-m-tests"]
        expected = {"PASSED": known["passed"], "FAILED": known["failed"]}
        assert {v: mine.count(v) for v in expected} == expected, name
        assert mine.count("SKIPPED") == known["skipped"], name
        assert reading.banners == known["boots"], name
        data = (shared_dir / "uart-logs" / f"{name}.log").read_bytes()
        for test in reading.tests:
            assert test.test.encode() in data[test.start : test.end]


def test_a_verdict_counts_for_the_test_that_it_names() -> None:
    """Bytes lost between two tests: the first has no verdict, the second has its own."""
    log = (
        b"#### Execute test suites for the Secure area ####\r\n"
        b"> Executing 'TFM_S_X_1' \r\n  TEST: TFM_S_Xription'\r\n  TEST: TFM_S_X_2 - PASSED!\r\n\x04"
    )
    reading = read_stream(io.BytesIO(log), "x")
    assert [(t.test, t.verdict) for t in reading.tests] == [
        ("TFM_S_X_1", "LOST"),
        ("TFM_S_X_2", "PASSED"),
    ]
    assert reading.verdict.outcome == "incomplete"
