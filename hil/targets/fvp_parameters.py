# SPDX-License-Identifier: Apache-2.0
"""What `--list-params` of a model says: which parameters it has, and where its RSEs are.

Parameters are renamed between model releases and no public document names the prefixes of every
model, so both are read from the model itself before it is started.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hil.errors import DeviceError, UsageError

#: A parameter of an instance; one of the whole model (`disable_visualisation`) has no dot in its
#: name, and is told from other output by the type behind it.
_ROW = re.compile(r"^\s*([A-Za-z_][\w\[\]-]*(?:\.[\w.\[\]-]+)?)=(.*)$")
_TYPE = re.compile(r"#\s*\(\s*(\w+)")
_SHOWN_LINES = 6
_BOOL_WORDS = {"0", "1", "true", "false"}


@dataclass(frozen=True)
class ModelParameters:
    """Names of all parameters of a model.

    Attributes:
        types: Type of each ("" where the list has none).
        values: What each has unless it is set.
    """

    types: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)
    #: What was asked of `near` before: a board asks the same at each start.
    _near: dict[str, str | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def parse(cls, listing: str, *, binary: str, hint: str | None = None) -> ModelParameters:
        """Read the output of `--list-params`.

        Args:
            listing: All of it.
            binary: What messages call the model.
            hint: What to do if this is no list; None where nobody knows.

        Raises:
            DeviceError: It lists nothing; says what was printed instead.
        """
        types, values = {}, {}
        for line in listing.splitlines():
            if row := _ROW.match(line):
                kind = _TYPE.search(row[2])
                if kind or "." in row[1]:
                    types[row[1]] = kind[1] if kind else ""
                    values[row[1]] = row[2].partition(" #")[0].strip().strip("\"'")
        if not types:
            raise DeviceError(
                f"{binary} --list-params lists no parameters: "
                + (
                    " | ".join(listing.split("\n")[-_SHOWN_LINES:]).strip(" |")
                    or "it printed nothing"
                ),
                operation="query the model",
                hint=hint or "run it by hand; is this an FVP?",
            )
        return cls(types, values)

    def has(self, name: str) -> bool:
        """Whether there is a parameter of that name, with or without the top-level instance."""
        return name in self.types or f"{self._top}{name}" in self.types

    def default(self, name: str) -> str:
        """Return what a parameter has unless it is set; "" for one that is not there."""
        return self.values.get(name, self.values.get(f"{self._top}{name}", ""))

    def is_on(self, name: str, given: Mapping[str, str]) -> bool:
        """Return whether a switch is on: as it is given, else by default."""
        return given.get(name, self.default(name)).lower() in {"1", "true"}

    def near(self, name: str) -> str | None:
        """Return the parameter that was probably meant by one that is not there, None for none.

        It has almost the same name in the same instance, or the same one in almost the same.
        """
        if name not in self._near:
            instance, _, own = name.rpartition(".")
            split = [full.rpartition(".") for full in self.types]
            names = [(leaf, above, leaf) for above, _, leaf in split if above == instance]
            places = [(above, above, leaf) for above, _, leaf in split if leaf == own]
            self._near[name] = _closest(own, names) or _closest(instance, places)
        return self._near[name]

    def terminals(self) -> list[str]:
        """Instances that are terminals."""
        named = self.with_leaf("start_telnet")
        return [name for name in named if f"{name}.start_port" in self.types]

    def with_leaf(self, leaf: str) -> list[str]:
        """Instances that have a parameter of that name."""
        end = f".{leaf}"
        return [name.removesuffix(end) for name in self.types if name.endswith(end)]

    @cached_property
    def _top(self) -> str:
        """`TOP.` of a list whose every name begins with the top-level instance, else ""."""
        tops = {name.partition(".")[0] for name in self.types}
        return f"{tops.pop()}." if len(tops) == 1 else ""

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

    def problem(self, name: str, value: str, *, suggest: bool = True) -> str | None:
        """Why a `-C NAME=VALUE` would be refused; None if it fits."""
        if not self.has(name):
            near = self._nearest(name) if suggest else []
            hint = f"; nearest: {', '.join(near)}" if near else ""
            return f"the model has no parameter {name!r}{hint}"
        kind = self.types.get(name, self.types.get(f"{self._top}{name}", ""))
        if kind == "bool" and value.lower() not in _BOOL_WORDS:
            return f"{name}: expected a bool (0, 1, false, true), got {value!r}"
        if kind == "int" and not _is_int(value):
            return f"{name}: expected an int, got {value!r}"
        return None

    def _nearest(self, name: str) -> list[str]:
        """Names like it, best first.

        Large models have ten thousands of parameters: those of the same instance, or of the same
        name elsewhere, are compared first, and all only where none of these will do.
        """
        instance, _, own = name.rpartition(".")
        relatives = [t for t in self.types if t.startswith(f"{instance}.") or t.endswith(f".{own}")]
        for among in (relatives, self.types):
            near = difflib.get_close_matches(name, among, n=2, cutoff=0.6)
            if near:
                return near
        return difflib.get_close_matches(name, self.types, n=1, cutoff=0.5)


def _closest(word: str, among: Sequence[tuple[str, str, str]]) -> str | None:
    near = difflib.get_close_matches(word, [what for what, *_ in among], n=1, cutoff=0.8)
    return next((f"{above}.{leaf}" for what, above, leaf in among if what in near), None)


def _is_int(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
