# SPDX-License-Identifier: Apache-2.0
"""The fast matcher against a naive one, which tries every row of the table in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.uart.framing import Framer
from hil.uart.grammar import ANYWHERE, matches
from hil.uart.grammar_prefix import LENGTH, prefixes
from hil.uart.grammar_table import TABLE

ROWS = [(row.number, re.compile(row.pattern)) for row in TABLE]
GLUED = re.compile(r"(?<=.)(?=\[(?:ERR|WRN|WAR|NOT|INF|VER|DBG|HIL\d+)\] |FATAL ERROR: )")

#: Lines of every kind, from which others are made.
LINES = [
    "[INF] Starting TF-M BL1_1",
    "[ERR] Fatal boot error 0x15555555 (0xb0f0f0f0)",
    "[WRN] KTRL Usage counter expected to be 0, but read as 3[INF] Writing CM area info",
    "[INF] Image index: 1, Swap type: none",
    "[ERR] Image in the primary slot is not valid!",
    "[INF][Crypto] Provision entropy seed... complete.",
    "P384 is unsupported. Skipping...  TEST: TFM_S_CRYPTO_TEST_1056 - PASSED!",
    "> Executing 'TFM_S_PS_TEST_1001'",
    "  Should fail. (Failed at tests/its.c:162)",
    "actual state is 3  Call should fail. (Failed at tests/fwu.c:12)",
    "\tFailed at Checkpoint: 12",
    "        R12:  0x00000000",
    "    BFSR:  0x00    BFAR:  Not Valid",
    "TEST RESULT: SIM ERROR (Error Code=0x0000001A)",
    "***** PSA Architecture Test Suite - Version 1.6 *****",
    "FATAL ERROR: SecureFault",
    "[Attest] The platform did not return a profile_definition",
    "Assertion failed: x, file its.c, line 12",
    "Booting TF-M v2.2.2\x04",
    "[HIL1] seeds rse=1 fp=00000001,00000002",
    "  Description: 'Set interface'",
    "",
    "[",
]


def naive(text: str) -> list[tuple[str, tuple[str | None, ...]]]:
    found = []
    for piece in GLUED.split(text):
        for number, row in ROWS:
            if match := row.match(piece):
                found.append((number, match.groups()))
                break
    return found


def fast(text: str) -> list[tuple[str, tuple[str | None, ...]]]:
    return [(m.row.number, m.values) for m in matches(text)]


@pytest.mark.parametrize("text", LINES)
def test_lines_of_every_kind(text: str) -> None:
    """Both matchers find the same rows with the same values."""
    assert fast(text) == naive(text)


@given(st.sampled_from(LINES), st.sampled_from(LINES), st.data())
def test_damaged_and_glued_lines(first: str, second: str, data: st.DataObject) -> None:
    """The same holds for lines that were cut, lost characters, or ran into each other."""
    cut = data.draw(st.integers(0, len(first)))
    again = data.draw(st.integers(0, len(first)))
    noise = data.draw(st.text(alphabet="[] TEST:ERINF\x04(x)-!0", max_size=6))
    text = first[:cut] + noise + first[again:] + second
    assert fast(text) == naive(text)


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    """No text makes a difference, and none raises."""
    assert fast(text) == naive(text)


def test_lines_of_real_transcripts(shared_dir: Path) -> None:
    """The same holds for every line of every transcript."""
    for path in sorted((shared_dir / "uart-logs").glob("*.log")):
        framer = Framer()
        data = path.read_bytes()
        for text in {line.text for line in framer.feed(data) + framer.finish()}:
            assert fast(text) == naive(text), (path.name, text)


def test_only_known_rows_can_begin_with_anything() -> None:
    """A row whose beginning is not known would never be tried: it must be among ANYWHERE."""
    assert {row.number for row in TABLE if "" in prefixes(row.pattern)} == set(ANYWHERE)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^\[INF\] a$", {"[INF] a"}),
        (r"^\[(?:ERR|WRN)\] x\d", {"[ERR] x", "[WRN] x"}),
        (r"^(?:\[ERR\] )?(A|Bc)", {"[ERR] A", "[ERR] Bc", "A", "Bc"}),
        (r"^[Ss]tart", {"Start", "start"}),
        (r"^a+b", {"a"}),
        (r"^ *x", {""}),
        (r"^[^a]b", {""}),
        (r"^\t?x", {"\tx", "x"}),
        (r"^(?=a)b", {""}),
        ("^" + "a" * LENGTH + "b", {"a" * LENGTH}),
        (r"^a{2}b", {""}),
        (r"^(?:a|\d)b", {""}),
    ],
)
def test_prefixes(pattern: str, expected: set[str]) -> None:
    """The beginnings of an expression are all that a match can begin with."""
    assert prefixes(pattern) == expected
