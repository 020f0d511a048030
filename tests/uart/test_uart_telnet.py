# SPDX-License-Identifier: Apache-2.0
"""Telnet taken out of a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.uart.telnet import TelnetStream, escape

GREETING = bytes.fromhex("fffb01 fffb03 fffb00 fffd00 fffd03")
ANSWERS = bytes.fromhex("fffd01 fffd03 fffd00 fffb00 fffb03")


def test_greeting_of_an_fvp() -> None:
    """Five commands get five answers; the text around them is data."""
    assert TelnetStream().feed(b"a" + GREETING + b"b") == (b"ab", ANSWERS)


@pytest.mark.parametrize(
    ("raw", "data", "answer"),
    [
        ("61ffff62", "61ff62", ""),
        ("fffa1801fff061", "61", ""),
        ("fffb2261", "61", "fffe22"),
        ("fffd1f", "", "fffc1f"),
        ("fffc01fffe03", "", ""),
        ("fff961fff2", "61", ""),
        ("ff41ff42", "ff41ff42", ""),
        ("fffb01fffb01", "", "fffd01"),
        ("fffb01fffc01", "", "fffd01fffe01"),
    ],
    ids=[
        "escaped FF",
        "sub-negotiation",
        "unknown WILL",
        "unknown DO",
        "refusals",
        "single commands",
        "transparent FF",
        "asked twice",
        "taken back",
    ],
)
def test_commands(raw: str, data: str, answer: str) -> None:
    """Commands go, data stays, and each question gets one polite answer."""
    assert TelnetStream().feed(bytes.fromhex(raw)) == (bytes.fromhex(data), bytes.fromhex(answer))


tokens = st.sampled_from(
    [GREETING, b"\xff\xff", b"\xff\xfb\x22", b"\xff\xfa\x18\x01\xff\xf0", b"\xff\xf9", b"text\r\n"]
)


@given(st.lists(tokens, max_size=8).map(b"".join), st.data())
def test_split_does_not_matter(stream: bytes, data: st.DataObject) -> None:
    """A command that is split over reads is handled like a whole one."""
    expected = TelnetStream().feed(stream)
    split, at, got, said = TelnetStream(), 0, b"", b""
    while at < len(stream):
        size = data.draw(st.integers(1, 5))
        part, answer = split.feed(stream[at : at + size])
        got, said, at = got + part, said + answer, at + size
    assert (got, said) == expected


def test_endless_subnegotiation_is_bounded() -> None:
    """What never ends is dropped instead of being kept for ever."""
    stream = TelnetStream()
    stream.feed(b"\xff\xfa")
    for _ in range(100):
        assert stream.feed(b"x" * 100)[1] == b""
    assert stream.feed(b"text")[0].endswith(b"text")


def test_sent_data_is_escaped() -> None:
    """A plain 0xFF is doubled on its way out."""
    assert escape(b"a\xffb") == b"a\xff\xffb"
