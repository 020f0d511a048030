# SPDX-License-Identifier: Apache-2.0
"""The hardware of a board that only one run may use at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from hil.bench.board import Board
from hil.bench.placeholders import is_announced
from hil.targets.mps_settings import MpsSettings

#: What pyOCD allows before an id; `remote:HOST` is a probe server.
_REMOTE, _REMOTE_PORT = "remote:", 5555
_PROBE_KIND = re.compile(r"(?:cmsisdap|jlink|stlink|picoprobe|remote):", re.IGNORECASE)


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
            found.append(f"{what} {one_name(what, expand(text, where))}")
    return found


def one_name(what: str, place: str) -> str:
    """Return the one name of a thing that a board file may name in several ways."""
    if "://" in place:
        return place
    if "/" in place:
        return str(Path(place).resolve())
    if what == "probe" and (kind := _PROBE_KIND.match(place)):
        if kind[0].lower() != _REMOTE:
            return place[kind.end() :]
        host, _, port = place[kind.end() :].partition(":")
        place = f"{_REMOTE}{host}:{port or _REMOTE_PORT}"
    return re.sub(r"\blocalhost(?=:)", "127.0.0.1", place)
