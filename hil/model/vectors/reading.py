# SPDX-License-Identifier: Apache-2.0
"""What the checks of recorded results share: reading fields with errors that name them, comparing."""

from __future__ import annotations

import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from hil.errors import ModelError

#: A JSON object.
Case = Mapping[str, object]


@dataclass(frozen=True)
class CaseResult:
    """What came of one case.

    Attributes:
        name: The case.
        compared: How many values were compared.
        difference: The first one that differs, in words; None if all agree.
    """

    name: str
    compared: int
    difference: str | None

    @property
    def passed(self) -> bool:
        """Whether all values agree."""
        return self.difference is None


class Comparison:
    """Collects what was compared in one case and keeps the first difference."""

    def __init__(self) -> None:
        self.compared = 0
        self.difference: str | None = None

    def result(self, name: str) -> CaseResult:
        """Return what came of the case; one that holds nothing to compare has not passed."""
        if not self.compared:
            return CaseResult(name, 0, "nothing in it that could be compared")
        return CaseResult(name, self.compared, self.difference)

    def equal(self, what: str, recorded: object, computed: object) -> None:
        """Compare one value."""
        self.compared += 1
        if recorded != computed and self.difference is None:
            self.difference = f"{what}: the file has {show(recorded)}, the model {show(computed)}"


def mapping(value: object, where: str) -> Case:
    """Return a JSON object.

    Raises:
        ModelError: it is something else.
    """
    if not isinstance(value, dict):
        raise ModelError(f"{where}: expected an object, got {show(value)}")
    return value


def field(case: Case, name: str, where: str) -> object:
    """Return a field that must be there.

    Raises:
        ModelError: it is not.
    """
    if name not in case:
        raise ModelError(f"{where}: {name}: missing")
    return case[name]


def sequence(case: Case, name: str, where: str) -> list[object]:
    """Return a field that is a list."""
    value = field(case, name, where)
    if not isinstance(value, list):
        raise ModelError(f"{where}: {name}: expected a list, got {show(value)}")
    return value


def text(case: Case, name: str, where: str) -> str:
    """Return a field that is a text."""
    value = field(case, name, where)
    if not isinstance(value, str):
        raise ModelError(f"{where}: {name}: expected a text, got {show(value)}")
    return value


def number(value: object, where: str) -> int:
    """Return a word of 32 bits, also one written as text: 3, "3", "0x111155AA", "0x111155AA (TCI)".

    Raises:
        ModelError: it is something else, or no such word.
    """
    found = value
    if isinstance(value, str) and value.split():
        with suppress(ValueError):
            found = int(value.split()[0], 0)
    if not isinstance(found, int) or isinstance(found, bool):
        raise ModelError(f"{where}: expected a number, got {show(value)}")
    if not 0 <= found <= 0xFFFFFFFF:
        raise ModelError(f"{where}: expected a number of 32 bits, got {show(value)}")
    return found


def octets(value: object, where: str, size: int | None = None) -> bytes:
    """Return bytes that are written as hex digits.

    Raises:
        ModelError: they are not, or not of this size.
    """
    if not isinstance(value, str) or not set(value) <= set(string.hexdigits) or len(value) % 2:
        raise ModelError(f"{where}: expected hex digits, two a byte, got {show(value)}")
    data = bytes.fromhex(value)
    if size is not None and len(data) != size:
        raise ModelError(f"{where}: expected {size} bytes, got {len(data)}")
    return data


def show(value: object) -> str:
    """Return a value for a message, cut if it is long."""
    shown = repr(value)
    return shown if len(shown) <= 160 else f"{shown[:150]}... ({len(shown)} characters)"
