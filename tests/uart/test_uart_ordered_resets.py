# SPDX-License-Identifier: Apache-2.0
"""Resets that a run asked for are no news in the log of that run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.uart.log_reader import read_log
from hil.uart.log_resets import ordered_resets

BOOT = b"[INF] Starting bootloader\r\n[NOT] Booting TF-M v2.3.1\r\n"


def write(folder: Path, events: list[object], boots: int = 2) -> Path:
    (folder / "uart").mkdir()
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n")
    log = folder / "uart" / "rse0.log"
    log.write_bytes(BOOT * boots)
    return log


def let_go(offset: int) -> dict[str, object]:
    return {"kind": "let go", "offsets": {"0": offset, "1": 7}}


def test_a_reset_that_was_asked_for_is_no_finding(tmp_path: Path) -> None:
    """The same log reads as an unexpected reset without the run's journal."""
    log = write(tmp_path, [let_go(0), {"kind": "boot"}, let_go(len(BOOT))])
    reading = read_log(log)
    assert ordered_resets(log) == [0, len(BOOT)]
    assert (reading.verdict.kind, reading.boot_count) == ("running", 2)
    (tmp_path / "events.jsonl").unlink()
    assert read_log(log).verdict.kind == "resets"


def test_only_the_reset_that_was_asked_for_is_excused(tmp_path: Path) -> None:
    """A second reset that nobody asked for is told."""
    log = write(tmp_path, [let_go(0), let_go(len(BOOT))], boots=3)
    assert "1 unexpected reset in 3 boots: boot 2" in read_log(log).verdict.sentence


@pytest.mark.parametrize("event", ["{oops", '"let go"', '{"kind": "let go", "offsets": 3}'])
def test_a_damaged_journal_excuses_nothing(tmp_path: Path, event: str) -> None:
    """What cannot be read says nothing, and raises nothing."""
    log = write(tmp_path, [event, {"kind": "let go", "offsets": {"0": "x"}}])
    assert ordered_resets(log) == []
    assert read_log(log).verdict.kind == "resets"
