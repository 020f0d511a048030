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
_ANSI = re.compile(rb"\x1b(?:(?=\[[A-Z]{3}\] )|\[[0-?]*[ -/]*[@-Z\\-~]|[@-Z\\-_])")
#: "[10:11:12.123] ", "[2025-01-02 10:11:12] " (minicom, tio), "[2025-01-02T10:11:12.123Z] "
#: (Jenkins), "10:11:12  " (Jenkins), "2025-01-02T10:11:12.123Z " (GitHub; GitLab with "00O "),
#: "2025-01-02 10:11:12,123 - twister - DEBUG - DEVICE: ", "Jan 02 10:11:12 " (ts),
#: "10:11:12.123 -> " (Arduino), "[12.345678 0.000123] " (grabserial),
#: "[Tue Jan 02 10:11:12.123 2025] " and "[0 00:00:12.123] " (Tera Term), "1735812672.123456 " (ts).
_STAMP = re.compile(
    rb"[\r\x00]*(?:"
    rb"\[(?:\d{4}-\d\d-\d\d[ T]|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d |\d+ )?"
    rb"\d\d:\d\d:\d\d(?:[.,]\d+)*(?:Z|[+-]\d\d:?\d\d| \d{4})?\] |"
    rb"(?:\d{4}-\d\d-\d\d[ T]|[A-Z][a-z]{2} [ \d]\d )?\d\d:\d\d:\d\d(?:[.,]\d+)*"
    rb"(?:Z(?: \d\d[OE]\+?)?| ->|:| - twister - [A-Z]+ - DEVICE:| (?= \S))? |"
    rb"\[ *\d+\.\d+(?: +\d+\.\d+)?\] |\d+\.\d{6} )"
)
#: A line of LAVA's `output.yaml`: what the device said, or LAVA itself.
_LAVA = re.compile(rb'- \{"dt": "[^"]*", "lvl": "(\w+)", "msg": (?:"((?:[^"\\]|\\.)*)")?')
_LAVA_LEVELS = (b"target", b"feedback")
_ESCAPED = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|u00([0-9a-fA-F]{2})|(.))")
_ESCAPES = {b"e": b"\x1b", b"t": b"\t", b"0": b"\0", b"r": b"", b"n": b" ", b"a": b"", b"b": b""}


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
    raw = raw.translate(None, b"\x00\r\n")
    if b"\x1b" in raw:
        raw = _ANSI.sub(b"", raw)
    return raw.decode("utf-8", "replace").rstrip()


def without_stamp(raw: bytes) -> bytes:
    """Return a raw line without the time that a terminal program or a logger put before it."""
    if raw.startswith(b'- {"dt": ') and (found := _LAVA.match(raw)) is not None:
        said = (found[2] or b"") if found[1] in _LAVA_LEVELS else b""
        return _ESCAPED.sub(_unescaped, said)
    stamp = _STAMP.match(raw)
    return raw if stamp is None else raw[stamp.end() :]


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits = found[1] or found[2]
    return bytes((int(digits, 16),)) if digits else _ESCAPES.get(found[3], found[3])


class Framer:
    """Cuts a stream into lines as it comes.

    Args:
        offset: Offset of the first byte that will be fed.
    """

    def __init__(self, offset: int = 0) -> None:
        self._rest = bytearray()
        #: Offset of the first byte that no line holds yet.
        self.start = offset
        #: Lines cut so far, which is the number of the next one.
        self.number = 0

    @property
    def partial(self) -> Line | None:
        """The line that has begun but not ended, None if there is none."""
        if not self._rest:
            return None
        end = self.start + len(self._rest)
        return Line(normalise(bytes(self._rest)), None, self.start, end, self.number)

    def feed(self, data: bytes, t: float | None = None) -> list[Line]:
        """Return the lines that end in `data`, which came at `t`."""
        start, number = self.start, self.number
        return _placed(self.cut(data), t, start, number)

    def finish(self, t: float | None = None) -> list[Line]:
        """Return what is left as a last line; the stream has ended."""
        start, number = self.start, self.number
        return _placed(self.cut_rest(), t, start, number)

    def cut(self, data: bytes) -> list[bytes]:
        """Return the raw lines that end in `data`, one behind the other without a gap.

        The first of them begins at `start`, and has the number `number`, as these were before.
        """
        rest = self._rest
        waits = bool(rest) and not rest.endswith(b"\r")
        rest += data
        if waits and len(rest) <= MAX_LINE and not _END.search(data):
            return []
        # Behind the last of these ends no match fails, so that one call cuts all of it.
        sure = max(rest.rfind(b"\n"), rest.rfind(b"\x04")) + 1
        raws: list[bytes] = _LINE.findall(rest, 0, sure) if sure else []
        if sure > MAX_LINE and max(map(len, raws)) > MAX_LINE:
            raws, sure = [], 0
        sure += self._cut_slowly(raws, sure)
        del rest[:sure]
        self.start += sure
        self.number += len(raws)
        return raws

    def cut_rest(self) -> list[bytes]:
        """Return what is left as a last raw line; the stream has ended."""
        if not self._rest:
            return []
        raw = bytes(self._rest)
        self._rest.clear()
        self.start += len(raw)
        self.number += 1
        return [raw]

    def _cut_slowly(self, raws: list[bytes], at: int) -> int:
        """Add the lines behind `at` that end for certain, or are too long; return their length."""
        rest, begin, size = self._rest, at, len(self._rest)
        while at < size:
            # No line end is looked for farther away than a line may be long.
            found = _LINE.match(rest, at, min(size, at + MAX_LINE + 1))
            if found is None and size - at <= MAX_LINE:
                break
            end = at + MAX_LINE if found is None else min(found.end(), at + MAX_LINE)
            raws.append(bytes(rest[at:end]))
            at = end
        return at - begin


def _placed(raws: list[bytes], t: float | None, start: int, number: int) -> list[Line]:
    lines = []
    for raw in raws:
        lines.append(Line(normalise(raw), t, start, start + len(raw), number))
        start += len(raw)
        number += 1
    return lines
