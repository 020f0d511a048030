# SPDX-License-Identifier: Apache-2.0
"""The shipped benches that boot from the host's flash, with damaged packages and partition tables."""

from __future__ import annotations

import pytest

from .conftest import Lab


@pytest.mark.parametrize(
    ("board", "rows", "passed"),
    [
        # Each alone, and with a good package in the second place.
        ("virtual-rse4-fip", "fip-bl2-missing", 2),
        ("virtual-rse4-gpt-tfm222", "gpt-entries-out-of-range", 1),
    ],
)
def test_damaged_packages_end_as_the_catalogue_says(
    lab: Lab, board: str, rows: str, passed: int
) -> None:
    """The good images boot, and each row is refused, recovered or accepted as it says."""
    run = lab.run(board, "--mutants", "all", "-k", f"ends_as and ({rows})")
    assert run.record["verdict"] == "pass", run.output
    assert f"{passed} passed" in run.output
