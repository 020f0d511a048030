# SPDX-License-Identifier: Apache-2.0
"""`hil console`: lines of several UARTs for one terminal."""

from __future__ import annotations

import os
import re
from typing import TextIO

from hil.uart.framing import Framer, Line
from hil.uart.log_text import shown

#: Green, yellow, blue, magenta, cyan, red: one for each RSE, again from the beginning after six.
_COLOURS = ("32", "33", "34", "35", "36", "31")
_DIM = "2"
_MAX_TEXT = 1000
#: Seconds after which a line that has not ended, e.g. a prompt, is shown as it is.
PROMPT_SECONDS = 0.3


def colours_wanted(stream: TextIO) -> bool:
    """Whether a stream is a terminal with colours, and its user wants them (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


class Screen:
    """Writes what the RSEs say, one line each: time, RSE, text; `flush` brings it to the terminal.

    Args:
        stream: The terminal, or where its user sent it.
        coloured: Give each RSE a colour.
        pattern: Show only lines in which it is found; None shows all.
        began: The time that counts as zero, in seconds.
    """

    def __init__(
        self, stream: TextIO, *, coloured: bool, pattern: re.Pattern[str] | None, began: float
    ) -> None:
        self._stream = stream
        self._coloured = coloured
        self._pattern = pattern
        self._began = began
        #: Lines that are not yet written: those of several RSEs are put in order.
        self._waiting: list[tuple[float, int, str]] = []

    def line(self, rse: int, text: str, t: float, *, ended: bool = True) -> None:
        """Show a line of one RSE, or what there is of it."""
        if self._pattern is not None and not self._pattern.search(text):
            return
        body = shown(text.removesuffix("\x04"), _MAX_TEXT) + "<EOT>" * text.endswith("\x04")
        dots = "" if ended else " ..."
        told = f"{max(0.0, t - self._began):9.3f} rse{rse} | {body}{dots}"
        self._waiting.append((t, rse, told))

    def flush(self) -> None:
        """Write the lines since the last call in the order in which they came."""
        for _, rse, text in sorted(self._waiting, key=lambda waiting: waiting[0]):
            self._write(text, _COLOURS[rse % len(_COLOURS)])
        self._waiting.clear()

    def note(self, text: str) -> None:
        """Show a remark of the command itself."""
        self.flush()
        self._write(f"--- {shown(text, _MAX_TEXT)}", _DIM)

    def _write(self, text: str, colour: str) -> None:
        self._stream.write(f"\x1b[{colour}m{text}\x1b[0m\n" if self._coloured else f"{text}\n")
        self._stream.flush()


class Feed:
    """Cuts what one RSE says into lines for a screen."""

    def __init__(self, rse: int, screen: Screen) -> None:
        self.rse = rse
        self._screen = screen
        self._framer = Framer()
        self._since = 0.0
        self._shown = ""

    def take(self, data: bytes, t: float) -> None:
        """Show the lines that end in `data`, which came at `t`."""
        for line in self._framer.feed(data, t):
            self._show(line, t)
        self._since = t

    def look(self, now: float) -> None:
        """Show a line that has not ended and does not go on."""
        partial = self._framer.partial
        if partial is None or not partial.text.strip() or partial.text == self._shown:
            return
        if now - self._since >= PROMPT_SECONDS:
            self._shown = partial.text
            self._screen.line(self.rse, partial.text, self._since, ended=False)

    def finish(self, t: float) -> None:
        """Show what is left as a line."""
        for line in self._framer.finish(t):
            self._show(line, t)

    def _show(self, line: Line, t: float) -> None:
        if line.text and line.text != self._shown:
            self._screen.line(self.rse, line.text, t)
        self._shown = ""
