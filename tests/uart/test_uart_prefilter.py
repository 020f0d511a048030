# SPDX-License-Identifier: Apache-2.0
"""Passing over output that says nothing, with the scanner's own results."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.uart.grammar_table import TABLE, Row
from hil.uart.prefilter import Doubts, SkippingScanner, _missing_bytes, _texts
from hil.uart.scanner import Scanner

PIECES = [
    b"[INF] Starting TF-M BL1_1",
    b"[INF] Jumping to BL1_2",
    b"[INF] no row knows this",
    b"[ERR] x",
    b"FATAL ERROR: SecureFault",
    b"Booting TF-M v2.2.2",
    b"\x1b[1;34mBooting TF-M v2.2.2\x1b[0m",
    b"\x00TF-M isolation level is: \x000x00000001",
    b"> Executing 'TFM_S_ITS_TEST_1001' ",
    b"  TEST: TFM_S_ITS_TEST_1001 - PASSED!",
    b"   Failed at a.c:12",
    b"***** PSA Architecture Test Suite - Version 1.6 *****",
    b"[HIL1] vhuk rse=0 of=1 src=bl1_2 fp=00112233445566778899aabbccddeeff",
    b"[    0.000000] Linux",
    b"quiet application line " * 3,
    b"\xff\xfe junk",
    b"x" * 300,
    b"",
    b" ",
    b"type=7",
    b"Entering standby..",
    b"bye\x04",
]
ENDS = [b"\r\n", b"\n", b"\r\r\n", b"\n\r", b"\r", b"", b"\x04"]
logs = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(PIECES), st.sampled_from(ENDS)).map(b"".join),
        st.integers(1, 60).map(lambda n: b"nothing to be seen here\r\n" * n),
        st.binary(max_size=40),
    ),
    max_size=30,
).map(b"".join)


def unnumbered(value: object) -> str:
    """Show a value without the numbers of lines, which are not counted where nothing is looked at."""
    return re.sub(r"(end=\d+), number=\d+", r"\1", repr(value))


def is_cold(lines: bytes) -> bool:
    """Whether no line can match behind the line feed with which this begins."""
    return Doubts().none(lines, 0, len(lines))


def both(log: bytes, cuts: list[int]) -> tuple[Scanner, Scanner, list[object], list[object]]:
    plain, skipping = Scanner(), SkippingScanner()
    of_plain: list[object] = []
    of_skipping: list[object] = []
    edges = [0, *sorted(c for c in cuts if c < len(log)), len(log)]
    for a, b in itertools.pairwise(edges):
        of_plain += plain.feed(log[a:b])
        of_skipping += skipping.feed(log[a:b])
        assert skipping.last_text == plain.last_text
        assert unnumbered(skipping.partial) == unnumbered(plain.partial)
    of_plain += plain.finish()
    of_skipping += skipping.finish()
    return plain, skipping, of_plain, of_skipping


def same(log: bytes, cuts: list[int]) -> None:
    plain, skipping, expected, got = both(log, cuts)
    assert unnumbered(got) == unnumbered(expected)
    for what in ("size", "nuls", "recognised", "last_line", "first_error"):
        assert unnumbered(getattr(skipping, what)) == unnumbered(getattr(plain, what)), what
    assert unnumbered(skipping.tracker.boots) == unnumbered(plain.tracker.boots)


@settings(deadline=None, max_examples=300)
@given(logs, st.lists(st.integers(1, 4000), max_size=5))
def test_same_as_the_scanner_alone(log: bytes, cuts: list[int]) -> None:
    """Whatever a UART says, and however it is cut, nothing is lost by passing over."""
    same(log, cuts)


@pytest.mark.parametrize("seed", range(8))
def test_same_where_most_is_quiet(seed: int) -> None:
    """A few known lines in a long quiet log are found, wherever they stand."""
    rng = random.Random(seed)
    quiet = [b"%08d quiet output %s\r\n" % (n, b"z" * rng.randrange(80)) for n in range(3000)]
    for _ in range(5):
        quiet[rng.randrange(3000)] = rng.choice(PIECES) + rng.choice(ENDS)
    log = b"".join(quiet)
    same(log, [rng.randrange(len(log)) for _ in range(3)])


@pytest.mark.parametrize("seed", range(8))
def test_same_where_the_quiet_output_changes(seed: int) -> None:
    """What was learned from some quiet output holds for no other: known lines in it are found."""
    rng = random.Random(seed)
    alphabets = (b"0123456789abcdef ", b"CRTSEOPF =*x", b"[](){}: vuL", bytes(range(33, 127)))
    log = bytearray()
    for _ in range(40):
        letters = rng.choice(alphabets)
        lines = (bytes(rng.choices(letters, k=60)) + b"\r\n" for _ in range(rng.randrange(20, 400)))
        log += b"".join(lines) + rng.choice(PIECES) + rng.choice(ENDS)
    same(bytes(log), [rng.randrange(len(log)) for _ in range(20)])


@pytest.mark.parametrize("text", sorted(_texts()))
def test_missing_bytes_miss_no_text(text: bytes) -> None:
    """A byte that tells a block to be without a text is one of that text."""
    quiet = b"\n00000042 the application says something that no row knows\r\n" * 50
    doubts = Doubts()
    assert doubts.none(quiet, 0, len(quiet))
    assert _missing_bytes(quiet)
    line = quiet + text + b"\r\n"
    assert not doubts.none(line, 0, len(line))


def test_quiet_output_is_passed_over() -> None:
    """What no row can match is seen to be so; else nothing would be gained."""
    assert is_cold(b"\n" + b"12:00 application: nothing\r\n" * 100)
    assert not is_cold(b"\n" + b"12:00 application: nothing\r\n" * 100 + b"[ERR] x\r\n")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.number)
def test_lines_of_every_row_are_in_doubt(row: Row) -> None:
    """No line that a row of the grammar matches is ever passed over."""

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(re.compile(row.pattern.encode())))
    def check(line: bytes) -> None:
        line = line.removesuffix(b"\n")
        if not re.search(rb"[\r\n\x00\x1b\x04]", line) and Scanner().feed(line + b"\n"):
            assert not is_cold(b"\n" + line + b"\r\n"), line

    check()


def test_same_on_real_transcripts(shared_dir: Path) -> None:
    """The transcripts of real firmware give the same with and without passing over."""
    for path in sorted((shared_dir / "uart-logs").glob("*.log")):
        log = path.read_bytes()
        same(log, [len(log) // 3, len(log) // 2])
