# SPDX-License-Identifier: Apache-2.0
"""YAML with the place of every value, so that a mistake is reported as `file:line`.

Only plain data is read (the safe subset of YAML); size and number of values are bounded, and a key
that stands twice in one mapping is an error instead of a silent overwrite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hil.errors import UsageError
from hil.plain_files import open_plain

#: Keys and list indices from the root of a document to a value.
KeyPath = tuple[str | int, ...]

MAX_BYTES = 1 << 20
MAX_VALUES = 50_000


@dataclass(frozen=True)
class Source:
    """The data of a document and where each value stands (`file:line`)."""

    data: dict[str, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """Return `file:line` of a value, or of the nearest thing around it that has a place."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return "?"


class _Reader:
    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.places: dict[KeyPath, str] = {}
        self.count = 0
        self.scalars = yaml.constructor.SafeConstructor()

    def where(self, node: yaml.Node) -> str:
        return f"{self.shown}:{node.start_mark.line + 1}"

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise UsageError(f"more than {MAX_VALUES} values", where=self.where(node))
        self.places[path] = self.where(node)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            reason = getattr(error, "problem", None) or str(error)
            raise UsageError(str(reason), where=self.where(node)) from None

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError("a key must be plain text", where=self.where(key_node))
            key = str(key_node.value)
            if key in out:
                raise UsageError(f"{key!r} stands twice here", where=self.where(key_node))
            out[key] = self.value(value_node, (*path, key))
            # The key's line is what a reader looks for, also when its value starts further down.
            self.places[(*path, key)] = self.where(key_node)
        return out


def read_yaml(path: Path, shown: str | None = None) -> Source:
    """Read a YAML file that holds one mapping.

    Args:
        path: The file.
        shown: How the file is called in messages; its path as given by default.

    Raises:
        UsageError: not readable, not YAML, not a mapping, too large, or a key twice.
    """
    shown = shown or str(path)
    try:
        with open_plain(path) as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=shown) from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"larger than {MAX_BYTES} bytes; not a board file?", where=shown)
    try:
        node = yaml.compose(raw.decode(), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text (byte {error.start})", where=shown) from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise UsageError(f"not YAML: {what}", where=shown + line) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"not YAML: {error}", where=shown) from None
    if not isinstance(node, yaml.MappingNode):
        raise UsageError("expected `key: value` lines (a YAML mapping)", where=shown)
    reader = _Reader(shown)
    try:
        data = reader.value(node, ())
    except RecursionError:
        raise UsageError("nested too deeply (an alias within itself?)", where=shown) from None
    return Source(data, reader.places)
