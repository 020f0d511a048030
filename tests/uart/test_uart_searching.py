# SPDX-License-Identifier: Apache-2.0
"""Searching a stream in pieces, with the result of searching all of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.uart import searching
from hil.uart.reach import reach_of
from hil.uart.searching import Expression, Found, Search, Text, finder

#: Expressions whose match does not depend on what comes behind it, so that all splits must agree.
FIXED = [
    rb"FATAL",
    rb"vers(ion)?: v\d\.\d\r\n",
    rb"(?<=x)yz",
    rb"^\[ERR\] \w{3}\b!",
    rb"(?m)^end$\n",
    rb"(a|ab)(c|bcd)!",
    rb"(?i)fatal",
    rb"\Aab",
    rb"(?s)<.*?>",
    rb"(\w)\1\1;",
    rb"[^\n]+\n",
    rb"a(?=b\n)",
    rb"a(?!b).",
]
WORDS = [
    b"FATAL", b"fatal", b"version: v2.3\r\n", b"vers: v1.0\r\n", b"xyz", b"yz", b"[ERR] bad!",
    b"end\n", b"abcd!", b"acb!", b"<", b">", b"zzz;", b"\n", b"a", b"b", b"ab\n", b" ", b"\r\n",
]  # fmt: skip
streams = st.lists(st.sampled_from(WORDS), max_size=40).map(b"".join)


def search_in_pieces(
    stream: bytes, patterns: list[tuple[int, Text | Expression]], cuts: list[int], start: int = 0
) -> Found | None:
    search = Search(patterns, lambda at, size: stream[at : at + size], start)
    for end in [*sorted(c for c in cuts if start <= c < len(stream)), len(stream)]:
        # A reader sees no more than what has come.
        search._read = lambda at, size, end=end: stream[at : min(end, at + size)]
        if (found := search.step(end)) is not None:
            return found
    return None


@pytest.mark.parametrize("expression", FIXED, ids=repr)
def test_found_at_every_split(expression: bytes) -> None:
    """Wherever a stream is cut, once or everywhere, a match is found where the whole has it."""

    @settings(deadline=None, max_examples=60)
    @given(streams)
    def check(stream: bytes) -> None:
        pattern = re.compile(expression)
        whole = pattern.search(stream)
        expected = None if whole is None else whole.span()
        splits = [[at] for at in range(len(stream))] + [list(range(len(stream)))]
        for cuts in splits:
            found = search_in_pieces(stream, [(0, Expression(pattern))], cuts)
            assert (found and (found.start, found.end)) == expected, cuts

    check()


@settings(deadline=None)
@given(streams, st.sampled_from(WORDS))
def test_text_found_at_every_split(stream: bytes, text: bytes) -> None:
    """The same holds for a text."""
    expected = stream.find(text)
    for cuts in [[at] for at in range(len(stream))] + [list(range(len(stream)))]:
        found = search_in_pieces(stream, [(0, Text(text))], cuts)
        assert (found.start if found else -1) == expected


@settings(deadline=None, max_examples=200)
@given(streams, st.lists(st.sampled_from(FIXED), min_size=1, max_size=4), st.integers(0, 20))
def test_earliest_match_wins(stream: bytes, expressions: list[bytes], start: int) -> None:
    """Of what is there, the match that begins first wins, then the pattern that stands first."""
    start = min(start, len(stream))
    patterns = [re.compile(e) for e in expressions]
    spans = [
        (m.start() + start, n) for n, p in enumerate(patterns) if (m := p.search(stream[start:]))
    ]
    numbered = [(n, Expression(p)) for n, p in enumerate(patterns)]
    found = search_in_pieces(stream, numbered, [], start)
    assert (found and (found.start, found.number)) == (min(spans) if spans else None)


@settings(deadline=None)
@given(streams, st.integers(1, 9), st.sampled_from([rb"\w+", rb"(?s)a.*", rb"[^!]*!", rb".*\n"]))
def test_size_of_the_steps_changes_nothing(stream: bytes, step: int, expression: bytes) -> None:
    """What is there is searched as a whole, also by a greedy expression, in steps of any size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "FIRST_STEP", step)
        patch.setattr(searching, "LAST_STEP", step)
        found = search_in_pieces(stream, [(0, Expression(re.compile(expression)))], [])
    whole = re.search(expression, stream)
    assert (found and (found.start, found.end)) == (whole and whole.span())


def test_nothing_is_searched_twice_for_long() -> None:
    """A long stream that comes in small pieces is read about once, whatever was there before."""
    stream = b"x" * 79 + b"\n"
    read = 0

    def reader(at: int, size: int) -> bytes:
        nonlocal read
        data = (stream * 20_000)[at : at + size]
        read += len(data)
        return data

    search = Search([(0, Expression(re.compile(rb"never (\d+)")))], reader, 0)
    for end in range(0, 400_000, 500):
        assert search.step(end) is None
    assert read < 2 * 400_000


@pytest.mark.parametrize(
    ("expression", "ahead", "lines", "behind", "anchors"),
    [
        (rb"abc", 3, 0, 1, (b"abc",)),
        (rb"END (\d+)", None, 0, 1, (b"END ",)),
        (rb"\[ERR\] x|FATAL: ", 7, 0, 1, (b"[ERR] x", b"FATAL: ")),
        (rb"(?<=abc)d{2,5}\n", 6, 1, 3, ()),
        (rb"(?s)a.*b", None, None, 1, ()),
        (rb"a[^\n]*b", None, 0, 1, ()),
        (rb"a[^x]*b", None, None, 1, ()),
        (rb"\S+\s", None, 1, 1, ()),
        (rb"a[^\r\n]*b", None, 0, 1, ()),
        (rb"a[^xy]*b", None, None, 1, ()),
        (rb"a[\s\d]*b", None, None, 1, ()),
        (rb"a[^\s\d]*b", None, 0, 1, ()),
        (rb"a[\x00-\x20]*b", None, None, 1, ()),
        (rb"(?i)abc", 3, 0, 1, ()),
        (rb"(?:abc)?de?", 5, 0, 1, ()),
    ],
)
def test_reach(
    expression: bytes, ahead: int | None, lines: int | None, behind: int, anchors: tuple[bytes, ...]
) -> None:
    """How far an expression looks is read from it."""
    assert reach_of(re.compile(expression)) == (ahead, lines, behind, anchors)


@given(text=st.binary(max_size=5), data=st.binary(max_size=40), at=st.integers(0, 45))
def test_a_text_is_found_where_bytes_find_finds_it(text: bytes, data: bytes, at: int) -> None:
    """Looking for rare bytes first changes no answer."""
    assert finder(text)(data, at) == data.find(text, at)
    assert finder(text)(data + text + data, at) == (data + text + data).find(text, at)
