# SPDX-License-Identifier: Apache-2.0
"""Lines of a UART."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.uart import framing
from hil.uart.framing import Framer, Line, normalise

# What lines are made of; random bytes alone would seldom form a line end.
pieces = st.sampled_from(
    [b"\r", b"\n", b"\0", b"\x04", b"\x1b[1;34m", b"\x1b", b"[", b"m", b"a", b"[INF] x", b"\xff"]
)
streams = st.lists(pieces, max_size=40).map(b"".join)


def texts(data: bytes) -> list[str]:
    framer = Framer()
    return [line.text for line in framer.feed(data) + framer.finish()]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"[INF] a\r\n[INF] b\r\n", ["[INF] a", "[INF] b"]),
        (b"a\r\r\nb\r\r\n", ["a", "b"]),
        (
            b"\n\rTEST: 216\n\r\n\rEntering standby.. \n\r",
            ["", "TEST: 216", "", "Entering standby..", ""],
        ),
        (b"  > 1 of 2\r  > 2 of 2\r\nend\r\n", ["  > 1 of 2", "  > 2 of 2", "end"]),
        (b"\0[WRN]\x1b[1;31m \0TFM_DUMMY\x1b[0m\r\n\0", ["[WRN] TFM_DUMMY", ""]),
        (b"\x1b[0m\x04", ["\x04"]),
        (b"\x04\r\n[INF] Starting TF-M BL1_1\r\n", ["\x04", "", "[INF] Starting TF-M BL1_1"]),
        (b"caf\xc3\xa9 \xff\r\n", ["caf\xe9 \ufffd"]),
    ],
    ids=["CR LF", "CR CR LF", "LF CR", "CR only", "NUL and colour", "EOT", "after EOT", "no UTF-8"],
)
def test_line_ends(raw: bytes, expected: list[str]) -> None:
    """Every line end that real firmware uses ends exactly one line."""
    assert texts(raw) == expected


@given(streams, st.data())
def test_split_does_not_matter(stream: bytes, data: st.DataObject) -> None:
    """Any split over reads gives the same lines, and they cover the bytes without gap."""
    whole = Framer(100)
    expected = whole.feed(stream) + whole.finish()
    assert b"".join(stream[a.start - 100 : a.end - 100] for a in expected) == stream

    split, lines, at = Framer(100), list[Line](), 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        lines += split.feed(stream[at : at + size])
        at += size
    assert lines + split.finish() == expected


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_long_line_is_cut_without_loss(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A line without end is cut at the limit, wherever the reads are cut."""
    monkeypatch.setattr(framing, "MAX_LINE", 50)
    stream = b"x" * 120 + b"\r" * 60 + b"\n" + b"y" * 49 + b"\r\nz"
    whole = Framer()
    expected = whole.feed(stream) + whole.finish()
    assert max(line.end - line.start for line in expected) == 50
    assert expected[-1].end == len(stream)

    split, lines = Framer(), list[Line]()
    for at in range(0, len(stream), size):
        lines += split.feed(stream[at : at + size])
    assert lines + split.finish() == expected


def test_partial_line_is_visible() -> None:
    """A line that has not ended can be shown, and is not yet counted."""
    framer = Framer()
    assert [line.text for line in framer.feed(b"[INF] one\r\n\x1b[32mpro")] == ["[INF] one"]
    assert framer.partial is not None
    assert framer.partial.text == "pro"
    assert [line.text for line in framer.feed(b"mpt\r\n")] == ["prompt"]
    assert framer.partial is None


def test_progress_line_is_not_held_back() -> None:
    """A line ended by CR alone is there as soon as the next one begins."""
    framer = Framer()
    assert framer.feed(b"1 of 15\r") == []
    assert [line.text for line in framer.feed(b" ")] == ["1 of 15"]


def test_normalise_keeps_what_counts() -> None:
    """Escape sequences, NUL and trailing blanks go; leading blanks and EOT stay."""
    assert normalise(b"\x1b[32m  TEST: X - PASSED! \0\r\n") == "  TEST: X - PASSED!"
    assert normalise(b"\x1b[?25l\x1b[2K\x04") == "\x04"
