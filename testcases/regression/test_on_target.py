# SPDX-License-Identifier: Apache-2.0
"""The firmware's own tests pass on every RSE: tf-m-tests or psa-arch-tests, as it was built.

Each on-target test is a testcase of its own in the run's JUnit file, with the time it took and its
part of the log; the test here fails if one of them does, or if they do not come to their end.
"""

from __future__ import annotations

import pytest

from hil.bench.suite_runs import SuiteRun
from hil.errors import DeviceError


@pytest.mark.req("RSE-REG-SUITES")
def test_on_target_tests_pass(suite_runs: dict[int, SuiteRun], rse: int) -> None:
    """All tests that the firmware runs come to their end, and none of them fails."""
    run = suite_runs[rse]
    problem = run.problem
    if problem is None:
        return
    # The RSEs of a system wait for each other: what one did after another was lost tells nothing.
    gone = [each.rse for each in suite_runs.values() if each.ended == "gone"]
    if gone:
        lost = rse if rse in gone else gone[0]
        if lost != rse:
            problem = f"its device was lost ({suite_runs[lost].detail}); {problem}"
        raise DeviceError(
            problem, rse=lost, operation="on-target tests", hint="the device failed, not the tests"
        )
    pytest.fail(problem, pytrace=False)
