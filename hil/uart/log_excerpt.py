# SPDX-License-Identifier: Apache-2.0
"""The part of a log that belongs to one test, for people."""

from __future__ import annotations

from typing import BinaryIO

from hil.uart.framing import Framer
from hil.uart.log_text import shown

#: Bytes of an excerpt's beginning and end; what stands between is left out, and said to be.
_ENDS = 4096
_MAX_LINE = 400


def excerpt(log: BinaryIO, start: int, end: int) -> str:
    """Return the bytes from `start` to `end` of a log as lines, without what may be a key.

    Raises:
        OSError: The log cannot be read any more.
    """
    left_out = end - start - 2 * _ENDS
    if left_out <= 0:
        return "\n".join(_lines(log, start, end))
    told = f"... {left_out} bytes left out ..."
    return "\n".join([*_lines(log, start, start + _ENDS), told, *_lines(log, end - _ENDS, end)])


def _lines(log: BinaryIO, start: int, end: int) -> list[str]:
    log.seek(start)
    framer = Framer(start)
    lines = framer.feed(log.read(end - start))
    return [shown(line.text, _MAX_LINE) for line in lines + framer.finish() if line.text]
