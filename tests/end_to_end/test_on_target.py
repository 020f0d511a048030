# SPDX-License-Identifier: Apache-2.0
"""The firmware's own tests, run on a bench as a user does."""

from __future__ import annotations

import pytest

from .conftest import Lab, Run

#: Secure tests that the virtual firmware has.
TESTS = 6
BOARD = """\
extends: virtual-rse4-suite
suite: {{silence: 1.5}}
services: {{rse: {{arguments_of: {{2: [--suite, {how}]}}}}}}
"""


def on_target(run: Run, rse: int) -> dict[str, str]:
    """Outcome of each on-target test of one RSE in the run's JUnit file."""
    found = {}
    for case in run.all_cases:
        name = case.name.removesuffix(f"[rse{rse}]")
        if case.classname.startswith("target.") and name != case.name:
            found[name] = type(case.result[0]).__name__ if case.result else "Passed"
    return found


def test_each_on_target_test_is_a_testcase(lab: Lab) -> None:
    """A good suite: every test of every RSE is in the JUnit file, with its part of the log."""
    run = lab.run("virtual-rse4-suite", "-k", "on_target")
    assert run.record["verdict"] == "pass", run.output
    assert run.record["on_target_tests"] == {"PASS": 4 * TESTS}
    for rse in range(4):
        assert list(on_target(run, rse).values()) == ["Passed"] * TESTS
    case = next(c for c in run.all_cases if c.name == "TFM_S_CRYPTO_TEST_1056[rse0]")
    assert "P384 is unsupported. Skipping...  TEST: TFM_S_CRYPTO_TEST_1056" in case.system_out
    assert case.classname == "target.Secure.TFM_S_CRYPTO_TEST_1XXX"


@pytest.mark.parametrize(
    ("how", "says", "outcomes"),
    [
        (
            "failing",
            "TFM_S_ITS_TEST_1003 failed: Set should succeed with NULL data pointer",
            {"TFM_S_ITS_TEST_1003": "Failure", "TFM_S_ITS_TEST_1005": "Skipped"},
        ),
        (
            "hanging",
            "nothing was printed for 1.5 s during test TFM_S_CRYPTO_TEST_1001 of TFM_S_CRYPTO",
            {"TFM_S_CRYPTO_TEST_1001": "Failure"},
        ),
        (
            "crashing",
            "the chip was reset before the tests ended; TFM_S_CRYPTO_TEST_1001 did not finish",
            {"TFM_S_CRYPTO_TEST_1001": "Failure"},
        ),
        (
            "lossy",
            "TFM_S_CRYPTO_TEST_1001 did not finish: its verdict is not in the log",
            {"TFM_S_CRYPTO_TEST_1001": "Failure"},
        ),
    ],
)
def test_tests_that_do_not_go_well(lab: Lab, how: str, says: str, outcomes: dict[str, str]) -> None:
    """The RSE and the test are named; the tests of the other RSEs are not affected."""
    run = lab.run(lab.board(BOARD.format(how=how)), "-k", "on_target")
    assert run.record["verdict"] == "fail", run.output
    told = run.text_of("test_on_target_tests_pass[rse2]")
    assert told.startswith("RSE 2, ")
    assert says in told
    mine = on_target(run, 2)
    assert {name: mine[name] for name in outcomes} == outcomes
    assert set(on_target(run, 1).values()) == {"Passed"}
    assert not run.cases["test_on_target_tests_pass[rse1]"].result


def test_a_board_without_tests_skips(lab: Lab) -> None:
    """Firmware without tests is not blamed for having none."""
    run = lab.run("virtual-rse4", "-k", "on_target")
    assert set(run.record["tests"]) == {"SKIP"}, run.output
