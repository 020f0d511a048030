# SPDX-License-Identifier: Apache-2.0
"""The fast cutting of lines against a naive one, byte by byte."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from hil.uart import framing
from hil.uart.framing import MAX_LINE, Framer

pieces = st.sampled_from(
    [b"\r", b"\n", b"\0", b"\x04", b"\x1b[1;34m", b"a", b"[INF] x", b"\xff", b"\r\r", b"y" * 9]
)
streams = st.lists(pieces, max_size=40).map(b"".join)


def naive(stream: bytes, limit: int = MAX_LINE) -> list[bytes]:
    """Cut a whole stream: CR and NUL may lead a line; LF, EOT, or CR before other text ends it."""
    lines, at = [], 0
    while at < len(stream):
        end = at
        while end < len(stream) and stream[end] in b"\r\0":
            end += 1
        while end < len(stream) and stream[end] not in b"\r\n\x04":
            end += 1
        text_end = end
        while end < len(stream) and stream[end] in b"\r":
            end += 1
        ended = end < len(stream)
        if ended and stream[text_end : text_end + 1] == b"\x04":
            end = text_end + 1
        elif ended and stream[end] in b"\n":
            end += 1
        if not ended and end - at <= limit:
            lines.append(stream[at:])
            break
        end = min(end, at + limit)
        lines.append(stream[at:end])
        at = end
    return lines


def fast(stream: bytes, size: int) -> list[bytes]:
    framer, lines = Framer(), list[bytes]()
    for at in range(0, len(stream), size):
        lines += framer.cut(stream[at : at + size])
    return lines + framer.cut_rest()


@given(streams, st.integers(1, 60))
def test_streams_of_line_ends(stream: bytes, size: int) -> None:
    """Both cut the same lines, whatever pieces the stream comes in."""
    assert fast(stream, size) == naive(stream)


@given(streams, st.integers(1, 60), st.integers(5, 30))
def test_lines_that_are_too_long(stream: bytes, size: int, limit: int) -> None:
    """The same holds where lines are longer than they may be."""
    with patch.object(framing, "MAX_LINE", limit):
        assert fast(stream, size) == naive(stream, limit)


def test_real_transcripts(shared_dir: Path) -> None:
    """The same holds for every transcript."""
    for path in sorted((shared_dir / "uart-logs").glob("*.log")):
        stream = path.read_bytes()
        assert fast(stream, 4096) == naive(stream), path.name
