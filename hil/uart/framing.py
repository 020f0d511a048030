# SPDX-License-Identifier: Apache-2.0
r"""Raw UART bytes to lines that can be matched, without losing a byte of their place.

What real transcripts of TF-M hold: lines that end in CR LF (TF-M), CR CR LF (a literal "\r\n" in
a TF-M log call), LF CR (psa-arch-tests: each line then begins with CR) or CR alone (progress of the
PS tests); NUL bytes in and between SPM lines up to 2.2; colours; and the byte EOT without any line
end as the non-secure application's last word. A line's text is what remains without NUL, escape
sequences, CR, LF and trailing blanks; EOT stays, and ends a line.

Lines cover the raw bytes without gap or overlap, and are the same however the bytes are split.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: A line longer than this is cut, so that a stuck UART cannot fill the memory.
MAX_LINE = 65536

# CR and NUL at the beginning belong to the line; CR ends a line only if something stands before it
# and something other than a line end follows. Possessive: no CR is ever given back.
_LINE = re.compile(rb"[\r\x00]*+[^\r\n\x04]*+(?:\x04|\r*+\n|\r++(?=[^\r\n]))")
_END = re.compile(rb"[\r\n\x04]")
# CSI sequences, and two-byte escapes.
_ANSI = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


class Line(NamedTuple):
    """One line of a UART.

    Attributes:
        text: Normalised text.
        t: When its last byte came, in seconds, where that is known.
        start: Offset of its first raw byte.
        end: Offset behind its last raw byte, line end included.
        number: Its number in the stream, from 0.
    """

    text: str
    t: float | None
    start: int
    end: int
    number: int


def normalise(raw: bytes) -> str:
    """Return the text of a raw line as the grammar wants it."""
    if b"\x1b" in raw:
        raw = _ANSI.sub(b"", raw)
    return raw.translate(None, b"\x00\r\n").decode("utf-8", "replace").rstrip()


class Framer:
    """Cuts a stream into lines as it comes.

    Args:
        offset: Offset of the first byte that will be fed.
    """

    def __init__(self, offset: int = 0) -> None:
        self._rest = bytearray()
        self._start = offset
        self._number = 0

    @property
    def partial(self) -> Line | None:
        """The line that has begun but not ended, None if there is none."""
        if not self._rest:
            return None
        end = self._start + len(self._rest)
        return Line(normalise(bytes(self._rest)), None, self._start, end, self._number)

    def feed(self, data: bytes, t: float | None = None) -> list[Line]:
        """Return the lines that end in `data`, which came at `t`."""
        rest = self._rest
        if rest and not rest.endswith(b"\r") and not _END.search(data):
            rest += data
            if len(rest) <= MAX_LINE:
                return []
        else:
            rest += data
        lines = []
        at, size = 0, len(rest)
        while at < size:
            found = _LINE.match(rest, at)
            if found is None and size - at <= MAX_LINE:
                break
            end = at + MAX_LINE if found is None else min(found.end(), at + MAX_LINE)
            lines.append(self._line(bytes(rest[at:end]), t))
            at = end
        del rest[:at]
        return lines

    def finish(self, t: float | None = None) -> list[Line]:
        """Return what is left as a last line; the stream has ended."""
        if not self._rest:
            return []
        line = self._line(bytes(self._rest), t)
        self._rest.clear()
        return [line]

    def _line(self, raw: bytes, t: float | None) -> Line:
        line = Line(normalise(raw), t, self._start, self._start + len(raw), self._number)
        self._start = line.end
        self._number += 1
        return line
