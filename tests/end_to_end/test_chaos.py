# SPDX-License-Identifier: Apache-2.0
"""A short chaos run of each launcher; `python -m benchmarks.chaos` is the long one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.chaos import carry_out, draw

pytest.importorskip("pyocd")

SEED = 4


@pytest.mark.parametrize(
    ("launcher", "count"),
    [
        ("pyocd", 6),
        ("fvp", 8),
        pytest.param(
            "qemu",
            4,
            marks=pytest.mark.skipif(
                shutil.which("qemu-system-arm") is None,
                reason="no qemu-system-arm on PATH (Debian: apt-get install qemu-system-arm)",
            ),
        ),
    ],
)
def test_faults_are_told_and_nothing_is_left(tmp_path: Path, launcher: str, count: int) -> None:
    """Runs meet random faults and signals: each fault is named, each record whole, no trace is left."""
    outcomes = carry_out(draw(launcher, count, SEED, 2.0), tmp_path, at_once=2)
    bad = [f"{o.round}: {told}" for o in outcomes for told in (*o.wrong, *o.left)]
    assert not bad, f"seed {SEED}:\n" + "\n".join(bad)
    assert any(outcome.struck for outcome in outcomes)
    assert any(outcome.reported for outcome in outcomes)
