# SPDX-License-Identifier: Apache-2.0
"""Each RSE has a probe and a console of its own, however a board file spells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench.board_file import load_board
from hil.bench.targets import pyocd_rses
from hil.errors import UsageError


def rses(tmp_path: Path, *places: tuple[str, str]) -> list[str]:
    """Return the probes of a board with these probes and consoles."""
    path = tmp_path / "b.yaml"
    path.write_text(
        'release: "2.3.1"\nlauncher: {kind: pyocd, target: t}\nrses:\n'
        + "".join(
            f"  - {{id: {n}, probe: '{p}', console: {c}}}\n" for n, (p, c) in enumerate(places)
        )
    )
    return [rse.probe for rse in pyocd_rses(load_board(path).board, lambda text, _where: text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L1", "jlink:L1"),
        ("cmsisdap:L1", "CMSISDAP:L1"),
        ("remote:localhost", "remote:127.0.0.1:5555"),
    ],
)
def test_one_probe_under_two_names_is_a_mistake(tmp_path: Path, one: str, other: str) -> None:
    """Found before anything is opened: the second RSE would say that somebody else has the probe."""
    with pytest.raises(UsageError, match="RSE 0 and RSE 1 have the same probe"):
        rses(tmp_path, (one, "{tcp: 'a:1'}"), (other, "{tcp: 'a:2'}"))


def test_one_console_under_two_names_is_a_mistake(tmp_path: Path) -> None:
    """A link of /dev/serial/by-id is the device that it leads to."""
    (tmp_path / "by-id").symlink_to("/dev/null")
    link, device = f"{{serial: {tmp_path}/by-id}}", "{serial: /dev/null}"
    with pytest.raises(UsageError, match="RSE 0 and RSE 1 have the same console"):
        rses(tmp_path, ("L1", link), ("L2", device))
    with pytest.raises(UsageError, match="the same console"):
        rses(tmp_path, ("L1", "{tcp: 'localhost:1'}"), ("L2", "{tcp: '127.0.0.1:1'}"))


def test_different_things_are_taken(tmp_path: Path) -> None:
    """A probe whose id is part of another one is another probe."""
    places = [("L1", "{tcp: 'a:1'}"), ("L11", "{tcp: 'a:11'}")]
    assert rses(tmp_path, *places) == ["L1", "L11"]
