# SPDX-License-Identifier: Apache-2.0
"""What happened on a UART: a line that the grammar knows, in the boot in which it was printed."""

from __future__ import annotations

from typing import NamedTuple

from hil.uart.device_tests import Place
from hil.uart.framing import Line
from hil.uart.grammar_table import Kind, Row

#: Kinds after which a boot goes no further by itself.
FINAL: frozenset[Kind] = frozenset({"halt", "exception"})


class Event(NamedTuple):
    """A line, or a part of one where messages are glued together, and what it means.

    Attributes:
        row: The row of the grammar that it matches.
        text: The text that matched.
        values: The groups of the row's expression.
        line: Where it stands, and when it came.
        boot: Number of the boot that printed it, from 0.
    """

    row: Row
    text: str
    values: tuple[str | None, ...]
    line: Line
    boot: int

    @property
    def kind(self) -> Kind:
        """What the line means."""
        return self.row.kind

    @property
    def stage(self) -> str:
        """The stage to which the line belongs, "" if it can come in any."""
        return self.row.stage

    @property
    def t(self) -> float | None:
        """When the line came, in seconds."""
        return self.line.t

    @property
    def place(self) -> Place:
        """Where the line stands in the raw bytes."""
        line = self.line
        return Place(line.start, line.end, line.number, line.t)
