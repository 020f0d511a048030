# SPDX-License-Identifier: Apache-2.0
"""Power commands of a lab: run as argument lists, their failure is the lab's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hil.bench.bench import Bench
from hil.bench.board_file import load_board
from hil.errors import DeviceError


class Journal:
    """Keeps the kinds of what happened."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def event(self, kind: str, **values: Any) -> None:
        self.kinds.append(kind if kind != "power" else f"power {values['what']}")


def bench(folder: Path, power: str) -> tuple[Bench, Journal]:
    path = folder / "b.yaml"
    path.write_text(
        f'release: "2.3.1"\nlauncher: {{kind: fvp, binary: x}}\nrses: [{{id: 0}}]\npower: {power}\n'
    )
    journal = Journal()
    return Bench(load_board(path), folder / "run", folder / "cache", journal), journal


def test_on_and_off_around_a_run(tmp_path: Path) -> None:
    """The supply is switched on when the bench opens and off when it closes."""
    word = tmp_path / "a b; echo"
    touch = f"[{sys.executable}, -c, 'import sys; open(sys.argv[1], \"a\").write(sys.argv[2])', '{word}'"
    live, journal = bench(tmp_path, f"{{on: {touch}, '+'], off: {touch}, '-']}}")
    live.open()
    live.close()
    live.close()
    assert word.read_text() == "+-"
    assert journal.kinds[-2:] == ["power on", "power off"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("[no-such-switch]", "no-such-switch: "),
        (f"[{sys.executable}, -c, 'raise SystemExit(\"port 3 unknown\")']", "port 3 unknown"),
    ],
    ids=["missing", "fails"],
)
def test_a_switch_that_fails(tmp_path: Path, command: str, expected: str) -> None:
    """A power command that fails is an infrastructure error with what it said."""
    live, _ = bench(tmp_path, f"{{on: {command}}}")
    with pytest.raises(DeviceError, match="power on: ") as caught:
        live.open()
    assert expected in str(caught.value)


def test_a_board_that_needs_a_power_cycle_says_so(tmp_path: Path) -> None:
    """Without a warm reset and without a switch a second boot is not possible, and told why."""
    live, _ = bench(tmp_path, "{}\nwarm_reset: false")
    assert "power.cycle" in (live.can_reset or "")
