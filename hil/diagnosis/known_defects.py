# SPDX-License-Identifier: Apache-2.0
"""Defects of TF-M releases that a bench runs into: the rows of `known_defects.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hil.errors import UsageError
from hil.model.releases import RELEASES

PATH = Path(__file__).with_name("known_defects.toml")
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_COMMIT = re.compile(r"[0-9a-f]{9,40}")


@dataclass(frozen=True)
class KnownDefect:
    """One defect: how it shows itself, where it comes from, what helps.

    Attributes:
        id: Short name that messages, JUnit properties and reports carry.
        releases: Names of the release rows that have it.
        symptom: What an engineer sees on the bench.
        cause: What the code does.
        workaround: What to do about it.
        upstream: Commits of TF-M that mend it or brought it.
        source: Files of TF-M that it was read in.
        number: "D1" to "D9" for the defects of the handshake, else "".
        trap: Its number among the things that mislead people, 0 if it is none of them.
        fixed_in: First release without it, "" if there is none.
    """

    id: str
    releases: tuple[str, ...]
    symptom: str
    cause: str
    workaround: str
    upstream: tuple[str, ...]
    source: str
    number: str = ""
    trap: int = 0
    fixed_in: str = ""


@cache
def known_defects() -> Mapping[str, KnownDefect]:
    """Return all known defects by id, in the order of their file."""
    return MappingProxyType(read_defects(PATH))


def known_defect(name: str) -> KnownDefect:
    """Return a known defect by id.

    Raises:
        KeyError: there is none; a cause names one that the file does not have.
    """
    return known_defects()[name]


def read_defects(path: Path) -> dict[str, KnownDefect]:
    """Read and check a file of known defects.

    Raises:
        UsageError: it is no TOML, or a defect lacks a field, has an unknown one or a wrong value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    entries = document.get("defect")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path}: expected tables [[defect]], found none")
    found: dict[str, KnownDefect] = {}
    for place, entry in enumerate(entries, 1):
        defect = _defect(f"{path}: defect {place}", entry)
        if defect.id in found:
            raise UsageError(f"{path}: defect {place}: id: {defect.id!r} is there twice")
        found[defect.id] = defect
    return found


def _defect(where: str, entry: Mapping[str, Any]) -> KnownDefect:
    where = f"{where} ({entry.get('id', 'no id')})"
    known = {field.name: field for field in fields(KnownDefect)}
    if unknown := sorted(entry.keys() - known.keys()):
        raise UsageError(f"{where}: {unknown[0]}: no such field; there are {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in entry:
            if field.default is MISSING:
                raise UsageError(f"{where}: {name}: missing")
            continue
        values[name] = _value(f"{where}: {name}", name, entry[name])
    return KnownDefect(**values)


def _value(where: str, name: str, value: Any) -> Any:
    if name in {"releases", "upstream"}:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{where}: expected a list of texts, got {value!r}")
        rows = {row.name for row in RELEASES}
        for item in value:
            if name == "releases" and item not in rows:
                raise UsageError(
                    f"{where}: no release {item!r}; there are {', '.join(sorted(rows))}"
                )
            if name == "upstream" and not _COMMIT.fullmatch(item):
                raise UsageError(f"{where}: {item!r} is no commit: expected 9 to 40 hex digits")
        return tuple(value)
    if name == "trap":
        if not isinstance(value, int) or not 1 <= value <= 10:
            raise UsageError(f"{where}: expected a number from 1 to 10, got {value!r}")
        return value
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: expected a text, got {value!r}")
    if name == "id" and not _ID.fullmatch(value):
        raise UsageError(f"{where}: {value!r}: expected words of small letters joined by '-'")
    return value
