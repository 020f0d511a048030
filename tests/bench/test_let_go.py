# SPDX-License-Identifier: Apache-2.0
"""When the RSEs of a model were let go: nothing that they say is older than that."""

from __future__ import annotations

import time
from pathlib import Path

from hil.bench.boot_outcome import let_go_at
from hil.bench.stage_times import since
from hil.uart.transcript import Transcript


def test_a_model_that_spoke_before_its_start_was_seen(tmp_path: Path) -> None:
    """Stages are timed from its first byte then, and never negative."""
    early, late = (Transcript(tmp_path / f"{n}.log", f"rse{n}") for n in range(2))
    spoke = time.monotonic_ns() - 300_000_000
    early.append(b"of the boot before", t=spoke - 10**9)
    offset = early.size
    early.append(b"Starting TF-M BL1_1\n", t=spoke)
    began = let_go_at({0: early, 1: late}, {0: offset})
    assert began == spoke / 1e9
    assert since(began, spoke / 1e9) == 0
    assert since(began, spoke / 1e9 - 0.001) == 0
    early.close()
    late.close()


def test_a_model_that_is_silent_was_let_go_now(tmp_path: Path) -> None:
    """What was said in the boot before says nothing about this one."""
    console = Transcript(tmp_path / "0.log", "rse0")
    console.append(b"old", t=time.monotonic_ns() - 10**9)
    before = time.monotonic()
    assert let_go_at({0: console}, {0: console.size}) >= before
    console.close()
