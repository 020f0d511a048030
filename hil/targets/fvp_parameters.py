# SPDX-License-Identifier: Apache-2.0
"""What `--list-params` of a model says: which parameters it has, and where its RSEs are.

Parameters are renamed between model releases and no public document names the prefixes of every
model, so both are read from the model itself before it is started.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hil.errors import DeviceError, UsageError

#: A parameter of an instance; one of the whole model (`disable_visualisation`) has no dot in its
#: name, and is told from other output by the type behind it.
_ROW = re.compile(r"^\s*([A-Za-z_][\w\[\]-]*(?:\.[\w.\[\]-]+)?)=(.*)$")
_TYPE = re.compile(r"#\s*\(\s*(\w+)")
_BOOL_WORDS = {"0", "1", "true", "false"}


@dataclass(frozen=True)
class ModelParameters:
    """Names of all parameters of a model, with their types ("" where the list has none)."""

    types: Mapping[str, str]

    @classmethod
    def parse(cls, listing: str, *, binary: str) -> ModelParameters:
        """Read the output of `--list-params`; raises DeviceError if it lists nothing."""
        types = {}
        for line in listing.splitlines():
            if row := _ROW.match(line):
                kind = _TYPE.search(row[2])
                if kind or "." in row[1]:
                    types[row[1]] = kind[1] if kind else ""
        if not types:
            raise DeviceError(
                f"{binary} --list-params lists no parameters",
                operation="query the model",
                hint="run it by hand; is this an FVP?",
            )
        return cls(types)

    def prefixes(self, pattern: str) -> list[str]:
        r"""Prefixes of all RSEs in natural order; their places are the RSE ids.

        >>> rows = "socket0.css10.rse.rom.raw_image=\nsocket0.css9.rse.rom.raw_image="
        >>> ModelParameters.parse(rows, binary="FVP").prefixes("*.rse.rom.raw_image")
        ['socket0.css9.rse', 'socket0.css10.rse']
        """
        _, name, parameter = pattern.split(".", 2)
        tail = f".{name}.{parameter}"
        found = [full.removesuffix(f".{parameter}") for full in self.types if full.endswith(tail)]
        return sorted(found, key=_natural)

    def rse_prefixes(self, pattern: str, rse_ids: Sequence[int]) -> dict[int, str]:
        """Prefix of each RSE of the board.

        Raises:
            UsageError: The model has more or fewer RSEs than the board.
        """
        found = self.prefixes(pattern)
        if len(found) != len(rse_ids):
            listed = ", ".join(found) or "none"
            raise UsageError(
                f"launcher.rse_pattern: the board has {len(rse_ids)} RSE(s), but {len(found)} "
                f"parameter(s) of the model match {pattern!r}: {listed}"
            )
        return dict(zip(sorted(rse_ids), found, strict=True))

    def problem(self, name: str, value: str) -> str | None:
        """Why a `-C NAME=VALUE` would be refused; None if it fits."""
        if name not in self.types:
            near = difflib.get_close_matches(name, self.types, n=1, cutoff=0.5)
            hint = f"; nearest: {near[0]}" if near else ""
            return f"the model has no parameter {name!r}{hint}"
        kind = self.types[name]
        if kind == "bool" and value.lower() not in _BOOL_WORDS:
            return f"{name}: expected a bool (0, 1, false, true), got {value!r}"
        if kind == "int" and not _is_int(value):
            return f"{name}: expected an int, got {value!r}"
        return None


def _is_int(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
