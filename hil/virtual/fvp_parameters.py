# SPDX-License-Identifier: Apache-2.0
"""Parameters of a virtual FVP: types, values, config files and `--list-params` rows.

Row shapes as in public parameter dumps of Arm models: `mps3_board.telnetterminal0.start_telnet=0
# (bool  , init-time) default = '1'      : Start telnet if nothing connected`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hil.errors import UsageError

_TYPE_NAMES = {bool: "bool", int: "int", str: "string", float: "double"}
_TRUE = {"1", "true"}
_FALSE = {"0", "false"}

Value = bool | int | float | str


@dataclass(frozen=True)
class Parameter:
    """One row of `--list-params`.

    Attributes:
        name: Name below its instance.
        default: Default value; its type is the parameter's type.
        text: Description.
        low: Smallest value of an int.
        high: Greatest value of an int.
        choices: What a string may be, empty for anything.
    """

    name: str
    default: Value
    text: str
    low: int = -0x8000000000000000
    high: int = 0x7FFFFFFFFFFFFFFF
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Value:
        """Value of the text after `=`; raises ValueError with what was expected."""
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1]
        if isinstance(self.default, bool):
            if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            raise ValueError("expected 0, 1, false or true")
        if isinstance(self.default, int):
            value = int(text, 0)
            if not self.low <= value <= self.high:
                raise ValueError(f"expected a value in [{self.low:#x}..{self.high:#x}]")
            return value
        if isinstance(self.default, float):
            return float(text)
        if self.choices and text not in self.choices:
            raise ValueError(f"expected one of {', '.join(self.choices)}")
        return text


class ParameterSet:
    """All parameters of one model, by full name, with their values."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._rows: dict[str, Parameter] = {}
        self._values: dict[str, Value] = {}

    def add(self, instance: str, rows: Iterable[Parameter]) -> None:
        """Declare the parameters of an instance."""
        for row in rows:
            self._rows[f"{instance}.{row.name}"] = row

    def __contains__(self, name: str) -> bool:
        return self._plain(name) in self._rows

    def set(self, name: str, text: str) -> None:
        """Set one parameter; an optional leading top-level name is ignored.

        Raises:
            UsageError: For an unknown name or a value of the wrong type.
        """
        name = self._plain(name)
        row = self._rows.get(name)
        if row is None:
            near = difflib.get_close_matches(name, self._rows, 1)
            hint = f" (nearest: {near[0]})" if near else ""
            raise UsageError(f"parameter '{name}' not found{hint}")
        try:
            self._values[name] = row.parse(text)
        except ValueError as error:
            raise UsageError(f"parameter '{name}': bad value '{text}': {error}") from None

    def text(self, name: str) -> str:
        """Value of a string parameter."""
        return str(self._value(name))

    def flag(self, name: str) -> bool:
        """Value of a bool parameter."""
        return bool(self._value(name))

    def number(self, name: str) -> int:
        """Value of an int parameter."""
        return int(self._value(name))

    def real(self, name: str) -> float:
        """Value of a double parameter."""
        return float(self._value(name))

    def rows(self) -> Iterator[str]:
        """The lines of `--list-params`."""
        yield "# Parameters:"
        yield (
            "# instance.parameter=value       "
            "#(type, mode) default = 'def value' : description : [min..max]"
        )
        yield "#" + "-" * 78
        for name, row in self._rows.items():
            shown = self._shown(self._value(name), quoted=True)
            kind = f"({_TYPE_NAMES[type(row.default)]:<6}, init-time)"
            default = f"default = '{self._shown(row.default)}'"
            line = f"{name + '=' + shown:<56} # {kind} {default:<20} : {row.text}"
            if type(row.default) is int and row.high < 0x7FFFFFFFFFFFFFFF:
                line += f" : [{row.low:#x}..{row.high:#x}]"
            yield line

    def _value(self, name: str) -> Value:
        return self._values.get(name, self._rows[name].default)

    def _plain(self, name: str) -> str:
        return name.removeprefix(f"{self._top}.")

    @staticmethod
    def _shown(value: Value, *, quoted: bool = False) -> str:
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, int):
            return hex(value) if value > 0xFFFF else str(value)
        return f'"{value}"' if quoted and value == "" else str(value)


def split_assignment(text: str) -> tuple[str, str]:
    """Split `INST.PARAM=VALUE`; raises UsageError for anything else."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or "." not in name:
        raise UsageError(f"malformed parameter '{text}', expected INST.PARAM=VALUE")
    return name.strip(), value.strip()


def config_file(path: Path) -> Iterator[tuple[str, str]]:
    """Assignments of a `--config-file`, which has the syntax that `--list-params` prints."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise UsageError(f"config file '{path}': {error.strerror}") from None
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, value = split_assignment(line)
        if value[:1] in {'"', "'"} and value.find(value[0], 1) > 0:
            value = value[: value.find(value[0], 1) + 1]
        else:
            value = value.partition(" #")[0].rstrip()
        yield name, value
