# SPDX-License-Identifier: Apache-2.0
"""Where, with what and how a run was made: the rows of the page's last table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from hil.report.page.words import moment, seconds
from hil.report.recorded import RecordedRun
from hil.report.run_record import without_secrets

#: Values of `run.json` that have a place of their own on the page.
_ELSEWHERE = frozenset(
    {
        "board",
        "command",
        "diagnosis",
        "failure_class",
        "fingerprints",
        "finished",
        "format",
        "harness",
        "id",
        "images",
        "packages",
        "probes",
        "python",
        "reasons",
        "record_incomplete",
        "release",
        "selected",
        "started",
        "tests",
        "toolchain",
        "tools",
        "verdict",
        "warnings",
        "replay_of",
        "tfm_git",
        "tfm_version",
        "random_seed",
        "host",
    }
)
_MAX_VALUE = 2000


def environment_of(run: RecordedRun) -> list[tuple[str, str]]:
    """Return what is recorded of a run's surroundings, by name; nothing under a key's name."""
    return [(name, told[:_MAX_VALUE]) for name, told in _rows(run) if told]


def board_text(run: RecordedRun) -> str:
    """Return the board as it was used, without keys."""
    board = run.values.get("board")
    values = board.get("values") if isinstance(board, dict) else None
    return json.dumps(without_secrets(values), indent=2) if values else ""


def _rows(run: RecordedRun) -> Iterator[tuple[str, str]]:
    values = without_secrets(dict(run.values))
    board, harness = _mapping(values, "board"), _mapping(values, "harness")
    yield "run", run.id
    yield "board", run.board
    yield "board file", _text(board.get("file"))
    yield "board file SHA-256", _text(board.get("sha256"))
    yield "TF-M release", run.release
    yield "TF-M version", _text(values.get("tfm_version"))
    yield "TF-M sources", _text(values.get("tfm_git"))
    yield "toolchain", run.toolchain or ""
    yield "started", moment(run.started)
    yield "finished", moment(run.finished) if run.finished else "not"
    yield "took", seconds(run.seconds) if run.seconds is not None else ""
    yield "host", _text(values.get("host"))
    told = (harness.get("name"), harness.get("version"), harness.get("git"))
    yield "harness", " ".join(_text(part) for part in told if part)
    yield "Python", _text(values.get("python"))
    for title in ("tools", "packages", "probes"):
        listed = _mapping(values, title)
        yield title, ", ".join(f"{name} {_text(value)}" for name, value in listed.items())
    yield "random seed", _text(values.get("random_seed"))
    yield "replay of", _text(values.get("replay_of"))
    command = values.get("command")
    if isinstance(command, list):
        yield "command", shlex.join(_text(word) for word in command)
    for name, value in values.items():
        if name not in _ELSEWHERE and value not in (None, "", [], {}):
            yield name.replace("_", " "), _text(value)


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str)
