# SPDX-License-Identifier: Apache-2.0
"""A YAML mistake is reported with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench.yaml_source import MAX_BYTES, read_yaml
from hil.errors import UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "b.yaml"
    path.write_text(text)
    return path


def test_every_value_has_its_place(tmp_path: Path) -> None:
    """Keys, nested values and list items are found at the line where they stand."""
    source = read_yaml(write(tmp_path, "a: 1\nb:\n  c: [x,\n      y]\n"), "b.yaml")
    assert source.data == {"a": 1, "b": {"c": ["x", "y"]}}
    assert source.place(("b", "c")) == "b.yaml:3"
    assert source.place(("b", "c", 1)) == "b.yaml:4"
    assert source.place(("b", "missing")) == "b.yaml:2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", r"b\.yaml:2: 'a' stands twice"),
        ("a: [1\n", r"b\.yaml:\d: not YAML"),
        ("- 1\n", r"b\.yaml: expected `key: value`"),
        ("", r"b\.yaml: expected `key: value`"),
        ("? [1, 2]\n: 3\n", r"b\.yaml:1: a key must be plain text"),
        ("a: &x [*x]\n", r"b\.yaml: nested too deeply"),
        ("a: !!python/name:os.system\n", r"b\.yaml:1: could not determine a constructor"),
    ],
    ids=["twice", "open bracket", "list", "empty", "odd key", "endless alias", "python tag"],
)
def test_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    """Text that is no plain mapping ends in one clear error."""
    with pytest.raises(UsageError, match=expected):
        read_yaml(write(tmp_path, text), "b.yaml")


def test_binary_and_huge_files_are_refused(tmp_path: Path) -> None:
    """What is no text, or no board file by its size, is said so."""
    path = tmp_path / "b.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_yaml(path)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        read_yaml(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path)
