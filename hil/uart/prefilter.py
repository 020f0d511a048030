# SPDX-License-Identifier: Apache-2.0
"""Passing over output that no row of the grammar can match, without cutting it into lines.

Most of a long log is of no meaning for the boot. What each row of the grammar begins with is known,
so a few searches over a block tell that none of its lines can match. The result is that of the
scanner alone: a block in doubt goes through it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain

from hil.uart.events import Event
from hil.uart.grammar import BEGINNINGS
from hil.uart.grammar_table import TABLE
from hil.uart.reach import reach_of
from hil.uart.scanner import Scanner

#: Smaller pieces are cheaper to scan than to look through; blocks in doubt are cut down to PART.
LEAST, PART = 512, 8192
#: What a line is glued with where the one before it has no end: tags, and this.
_GLUED = (b"[", b"FATAL ERROR: ")
#: Bytes that hide where a line begins, or end it.
_ODD = (b"\x00", b"\x1b", b"\x04")
#: Where the last line with a text is looked for.
_TAIL = 4096
#: What a line without a text can consist of, and more.
_BLANK = bytes(range(0x21)) + bytes(range(0x7F, 0x100))
#: A beginning that is shorter tells too little.
_SHORTEST = 3
#: Missing bytes that are looked for at most, blocks between two times at which they are learned, and
#: bytes that they are learned from.
_MOST_MISSING, _LEARN_EVERY, _LEARN_FROM = 16, 32, 1 << 16


class SkippingScanner(Scanner):
    """A scanner that passes over blocks of lines of which none can match.

    Everything is as of the scanner alone but for numbers of lines and `junk`, which count only what
    was looked at.
    """

    def __init__(
        self, time_at: Callable[[int], float | None] | None = None, offset: int = 0
    ) -> None:
        super().__init__(time_at, offset)
        self._doubts = Doubts()

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return what they say."""
        size = len(data)
        if size < LEAST:
            return super().feed(data)
        if not any(odd in data for odd in _ODD):
            first = data.find(b"\n")
            # The last line with a text stays, because it is shown as what came last.
            ended = data[max(0, size - _TAIL) : data.rfind(b"\n") + 1].rstrip(_BLANK)
            last = ended.rfind(b"\n") + max(0, size - _TAIL)
            if b"\n" in ended and last > first >= 0 and self._doubts.none(data, first, last + 1):
                events = super().feed(data[: first + 1])
                if self.partial is None:
                    passed = last - first
                    self._framer.start += passed
                    self.size += passed
                    return events + super().feed(data[last + 1 :])
                return events + super().feed(data[first + 1 :])
        if size <= PART:
            return super().feed(data)
        events = []
        for at in range(0, size, PART):
            events += self.feed(data[at : at + PART])
        return events


class Doubts:
    """Whether a line of a block may match, asked of one block after the other of the same output.

    That a single byte is nowhere in a block is found many times faster than where lines begin. Of
    each text that is looked for some byte is missing in most output: which bytes those are is learned
    from a block that took the slow way for nothing.
    """

    def __init__(self) -> None:
        _tests()  # built before there is output that would have to wait for it
        self._missing: tuple[bytes, ...] = ()
        self._until_learning = 0

    def none(self, block: bytes, begin: int, end: int) -> bool:
        """Return whether no line between two places can match, none of them with odd bytes.

        `begin` is the place of the line feed before the first line.
        """
        bracket, *others = _tests()
        if all(test(block, begin, end) for test in bracket):
            return False
        if self._missing and all(block.find(byte, begin, end) < 0 for byte in self._missing):
            return True
        if any(all(test(block, begin, end) for test in tests) for tests in others):
            return False
        self._until_learning -= 1
        if self._until_learning < 0:
            self._until_learning = _LEARN_EVERY
            self._missing = _missing_bytes(block[begin : min(end, begin + _LEARN_FROM)])
        return True


def _missing_bytes(block: bytes) -> tuple[bytes, ...]:
    """Return bytes that a block does not hold, of which each text needs one; () if too many are."""
    present = set(block)
    wanting = [set(text) - present for text in _texts()]
    chosen: list[bytes] = []
    while all(wanting) and wanting and len(chosen) < _MOST_MISSING:
        best, _ = Counter(chain.from_iterable(wanting)).most_common(1)[0]
        chosen.append(bytes([best]))
        wanting = [others for others in wanting if best not in others]
    return () if wanting else tuple(chosen)


#: Says whether something may be in a block, between two places.
_Test = Callable[[bytes, int, int], object]


@cache
def _wanted() -> tuple[frozenset[bytes], frozenset[bytes], frozenset[bytes]]:
    """Return texts of which each line that a row matches holds one.

    Those with a bracket, others that may stand anywhere, and those that a line begins with.
    """
    anywhere: set[bytes] = set()
    starts: set[bytes] = set()
    texts: set[bytes] = set()
    for row in TABLE:
        pattern = row.pattern.encode()
        beginnings = {text.encode() for text in BEGINNINGS[row.number]}
        if min(map(len, beginnings)) >= _SHORTEST:
            glued = {b for b in beginnings if b.startswith(_GLUED)}
            anywhere |= {b for b in glued if b.startswith(b"[")}
            texts |= {b"FATAL ERROR: " for b in glued if not b.startswith(b"[")}
            starts |= beginnings - glued
            continue
        anchors = reach_of(re.compile(pattern)).anchors
        if not anchors and b"\\x04" not in pattern:
            # A row that could be anything: nothing is passed over.
            anchors = (b"\n",)
        anywhere |= {a for a in anchors if a.startswith(b"[")}
        texts |= {a for a in anchors if not a.startswith(b"[")}
    texts = {t for t in texts if not any(other in t for other in texts if other != t)}
    starts = {s for s in starts if not any(t in s for t in texts)}
    return frozenset(anywhere), frozenset(texts), frozenset(starts)


@cache
def _texts() -> tuple[bytes, ...]:
    """Return what is looked for without a bracket."""
    _, texts, starts = _wanted()
    return (*texts, *starts)


@cache
def _tests() -> list[tuple[_Test, ...]]:
    """Return tests of a block: if all tests of a tuple say so, one of its lines may match.

    The first tuple is that of the texts with a bracket. What is fast stands first in each: one byte
    is found at the speed of memory, a text by an expression that begins with it, and which bytes a
    line can begin with before which texts.
    """
    anywhere, texts, starts = _wanted()
    firsts = re.escape(b"".join(sorted({start[:1] for start in starts})))
    return [
        (_holds(b"["), re.compile(rb"\[" + _any_of(a[1:] for a in anywhere)).search),
        # A CR that belongs to no CR LF can end a line.
        (_holds(b"\r"), re.compile(rb"\r(?!\n)").search),
        *((_holds(text[:1]), re.compile(re.escape(text)).search) for text in sorted(texts)),
        (
            re.compile(rb"\n(?=[" + firsts + rb"])").search,
            re.compile(rb"\n" + _any_of(starts)).search,
        ),
    ]


def _holds(byte: bytes) -> _Test:
    return lambda block, begin, end: block.find(byte, begin, end) >= 0


def _any_of(texts: Iterable[bytes]) -> bytes:
    """Return one expression for many texts; common beginnings are looked at once."""
    by_first: dict[bytes, set[bytes]] = {}
    for text in texts:
        if not text:
            return b""
        by_first.setdefault(text[:1], set()).add(text[1:])
    branches = [re.escape(first) + _any_of(rest) for first, rest in sorted(by_first.items())]
    if not branches:
        return b"(?!)"
    return branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"
