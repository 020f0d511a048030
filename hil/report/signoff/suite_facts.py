# SPDX-License-Identifier: Apache-2.0
"""What a test suite of a JUnit file says of itself: board, firmware, images, run, time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

#: Names of properties, ours first; then those that other harnesses write for the same.
BOARD = ("target.board", "target.id", "board", "board.name")
RELEASE = ("tfm.release", "release", "tfm_release")
TOOLCHAIN = ("tfm.toolchain", "toolchain", "compiler")
RUN = ("run.id", "run", "run_id")
STARTED = ("run.started", "started")
REPLAY = ("run.replay_of",)
REQUIREMENTS = ("req", "requirement", "requirements")
DEFECTS = ("known_defect", "known_defects", "defects")
TEST_ID = ("id", "nodeid")
#: What properties of a testcase begin with that tell how long after the release of reset a stage came.
STAGE_MS = "boot.stage.ms."

_IMAGE = re.compile(
    r"images?\.(?P<name>.+?)(?:\.rse(?P<rse>\d+))?\.(?P<what>sha256|sha256_on_device|how)"
)
_SHA256 = re.compile("[0-9a-f]{64}")
_WORDS = re.compile(r"[,;\s]+")
#: How an image that a model was given is recorded; nobody can read it back.
_GIVEN = "given to the model"


def first(properties: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the first property of these names that says something, "" if none does."""
    return next((properties[name] for name in names if properties.get(name)), "")


def words(properties: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids in properties of these names, however they are separated."""
    found = (properties.get(name, "") for name in names)
    return tuple(dict.fromkeys(word for text in found for word in _WORDS.split(text) if word))


def images_of(properties: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return name and SHA-256 of the images, and whether all of them were seen on the device."""
    told: dict[tuple[str, str], dict[str, str]] = {}
    for name, value in properties.items():
        if match := _IMAGE.fullmatch(name):
            told.setdefault((match["name"], match["rse"] or ""), {})[match["what"]] = value.strip()
    pairs, seen = set(), bool(told)
    for (name, _), facts in told.items():
        digest = facts.get("sha256", "").lower()
        if not _SHA256.fullmatch(digest):
            seen = False
            continue
        pairs.add((name, digest))
        seen &= facts.get("how") == _GIVEN or facts.get("sha256_on_device", "").lower() == digest
    return tuple(sorted(pairs)), seen


def number_of(text: str | None) -> float | None:
    """Return a number from 0 on, None for what is none."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if 0 <= found < float("inf") else None


def merged(outer: Mapping[str, str], own: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return the properties of a suite, with those of what is around it below them.

    A name that stands twice keeps all its values, because ids of requirements come that way.
    """
    found: dict[str, str] = {}
    for name, value in own:
        found[name] = f"{found[name]},{value}" if name in found else value
    return {**outer, **found}
