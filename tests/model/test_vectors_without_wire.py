# SPDX-License-Identifier: Apache-2.0
"""Recorded runs whose messages were not kept: what was drawn at random is found in what was."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hil.model.vectors import check_vectors

DATA = Path(__file__).parent / "data"
EIGHT = DATA / "without_wire" / "handshake-2.2.2.json"


def without(path: Path, *fields: str) -> dict[str, Any]:
    """A file of recorded runs without some fields of the RSEs."""
    data: dict[str, Any] = json.loads(path.read_text())
    for case in data["vectors"]:
        for entry in case["per_rse"]:
            for name in fields:
                entry.pop(name, None)
    return data


def differences(data: dict[str, Any]) -> list[str | None]:
    """What is not as the model computes it."""
    return [result.difference for result in check_vectors(data) if not result.passed]


def test_eight_rses_of_2_2_agree_with_the_model() -> None:
    """A true run of TF-M's C code passes, with RSE 2, 4 and 6 that hold ciphertext."""
    data = without(EIGHT)
    assert differences(data) == []
    entries = data["vectors"][0]["per_rse"]
    assert "wire" not in entries[0]
    right = entries[0]["array"][0]
    assert [e["rse"] for e in entries if e["array"][0] != right] == [2, 4, 6]


@pytest.mark.parametrize("place", [0, 1, 2, 4, 6])
@pytest.mark.parametrize("slot", [0, 1, 3, 7])
def test_a_changed_array_is_still_noticed(place: int, slot: int) -> None:
    """Finding the nonce in the arrays does not make any array right."""
    data = without(EIGHT)
    row = data["vectors"][0]["per_rse"][place]["array"]
    row[slot] = f"{int(row[slot][0], 16) ^ 1:x}{row[slot][1:]}"
    assert differences(data) != []


@pytest.mark.parametrize("name", ["handshake-2.2.2.json", "handshake-2.3.1.json"])
def test_smaller_runs_without_their_messages(name: str) -> None:
    """Also where clients were found waiting, and never told the IV that they drew."""
    assert differences(without(DATA / name, "wire")) == []


def test_any_session_key_will_do() -> None:
    """Every RSE has the same one: that of RSE 0 need not be there."""
    data = without(EIGHT)
    del data["vectors"][0]["per_rse"][0]["session_key"]
    assert differences(data) == []


def test_all_shared_runs_without_their_messages(shared_dir: Path) -> None:
    """No true run is called different because its messages were not kept."""
    for path in sorted((shared_dir / "vectors").glob("handshake-*.json")):
        assert differences(without(path, "wire")) == [], path.name


def test_a_wrong_session_key_is_noticed() -> None:
    """Where all IVs are known the key is compared."""
    data = copy.deepcopy(without(EIGHT))
    entry = data["vectors"][0]["per_rse"][3]
    entry["session_key"] = "00" * 32
    assert differences(data) != []
