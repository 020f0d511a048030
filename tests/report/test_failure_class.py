# SPDX-License-Identifier: Apache-2.0
"""Who has to act on a failure."""

from __future__ import annotations

import pytest
from hil_fixtures.attempts import failure_class


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AssertionError("RSE 2 holds another vHUK"), "product"),
        (pytest.fail.Exception("no end marker"), "product"),
        (pytest.fail.Exception("Timeout (>3.0s) from pytest-timeout."), "harness"),
        (KeyError("rse"), "harness"),
    ],
)
def test_failures_have_their_class(error: BaseException, expected: str) -> None:
    """A limit of whoever started pytest tells nothing of the firmware."""
    assert failure_class(error) == expected
