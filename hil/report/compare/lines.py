# SPDX-License-Identifier: Apache-2.0
"""Lines of a UART without what differs from boot to boot and means nothing.

Lines that the grammar knows keep their numbers: versions, error codes and life-cycle states are what
a comparison is for. Of a dump only the addresses go, of a report the values that are drawn anew at
each boot (seeds) or are compared by themselves (fingerprints). In all other lines times, addresses
and counters are replaced by what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from hil.errors import UsageError
from hil.uart.framing import Framer, normalise
from hil.uart.grammar import matches

#: Bytes of a log that are read; what is behind them is not compared, and that is told.
MAX_BYTES = 64 << 20
_CHUNK = 1 << 20

#: In front of a line: "[   12.345678] ", "12:34:56.789 ", "2026-11-21T12:00:00Z ".
_STAMP = re.compile(r"^(?:\[ *\d+\.\d+\] ?|(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?Z? )+")
_FINGERPRINTS = re.compile(r"\bfp=[0-9a-f,]+")
_ADDRESS = re.compile(r"\b0[xX][0-9a-fA-F]{5,}\b|\b[0-9a-fA-F]{8}\b|\b[0-9a-fA-F]{16}\b")
#: What a number in a line that nobody knows stands for; in this order.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|sec|seconds|ticks|cycles)\b"), "<time>"),
    (_ADDRESS, "<address>"),
    # Versions, and words with digits in them (BL1_2, v2.3, rse0), are names.
    (re.compile(r"(?<![\w.+-])\d+(?![\w+-]|\.\d)"), "<n>"),
    (re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])"), "<n>"),
)
_DIGIT = re.compile(r"\d")
#: Kinds of lines in which a number of eight digits is an address.
_DUMPS = frozenset({"exception"})


def comparable(text: str) -> str:
    """Return a line as it is compared.

    >>> comparable("[   1.234567] read 512 bytes at 0x21000400 in 12.5 ms")
    'read <n> bytes at <address> in <time>'
    >>> comparable("[HIL1] seeds rse=0 fp=dada87f9,44a6169c")
    '[HIL1] seeds rse=0 fp=<2 values>'
    """
    text = _STAMP.sub("", text)
    found = matches(text)
    if not found:
        if _DIGIT.search(text):
            for pattern, name in _RULES:
                text = pattern.sub(name, text)
        return text
    kinds = {match.row.kind for match in found}
    if kinds & _DUMPS:
        return _ADDRESS.sub("<address>", text)
    if "report" in kinds:
        return _FINGERPRINTS.sub(_counted, text)
    return text


def _counted(found: re.Match[str]) -> str:
    values = found[0].count(",") + 1
    return "fp=<value>" if values == 1 else f"fp=<{values} values>"


@lru_cache(maxsize=1 << 13)
def _comparable_raw(raw: bytes) -> str:
    return comparable(normalise(raw))


def read_lines(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the lines of a log as they are compared, and where they begin; empty ones are left out.

    Raises:
        UsageError: it cannot be read.
    """
    framer, left, at = Framer(), MAX_BYTES, 0
    try:
        with path.open("rb") as stream:
            while left > 0 and (data := stream.read(min(_CHUNK, left))):
                left -= len(data)
                for raw in framer.cut(data):
                    if key := _comparable_raw(raw):
                        yield key, at
                    at += len(raw)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    for raw in framer.cut_rest():
        if key := _comparable_raw(raw):
            yield key, at
        at += len(raw)


def line_at(path: Path, offset: int) -> str:
    """Return the line of a log that begins at an offset, as it stands there."""
    framer = Framer()
    with path.open("rb") as stream:
        stream.seek(offset)
        lines = framer.feed(stream.read(4096)) or framer.finish()
    return lines[0].text if lines else ""
