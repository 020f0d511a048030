# SPDX-License-Identifier: Apache-2.0
"""The hardware of a board that only one run may use at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hil.bench.board import Board
from hil.bench.placeholders import is_announced
from hil.targets.mps_settings import MpsSettings


def resources(board: Board, expand: Callable[[str, str], str]) -> list[str]:
    """Name the hardware of a board, one name for one thing whoever uses it.

    What a run's own services announce is nobody else's, and its names (a pty, a port) may belong to
    another run tomorrow.

    Args:
        board: The board.
        expand: Replaces the placeholders of a text; takes the text and its place in the file.
    """
    places: list[tuple[str, str | None, str]] = []
    if isinstance(board.launcher, MpsSettings):
        places.append(("drive", board.launcher.drive, "launcher.drive"))
    for rse in board.rses:
        where = f"rses.{rse.id}"
        places.append(("probe", rse.probe, where))
        if (console := rse.console) is not None:
            texts = (console.serial, console.tcp, console.telnet)
            places += [("console", text, where) for text in texts]
    found = []
    for what, text, where in places:
        if text is not None and not is_announced(text):
            place = expand(text, where)
            is_path = "/" in place and "://" not in place
            found.append(f"{what} {Path(place).resolve() if is_path else place}")
    return found
