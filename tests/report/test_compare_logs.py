# SPDX-License-Identifier: Apache-2.0
"""UART logs compared: what is normalised, and a diff that is right and bounded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_runs import write_run

from hil.report.compare.alignment import differences
from hil.report.compare.lines import comparable
from hil.report.compare.logs import LogChange, compare_logs
from hil.report.compare.sides import Side
from hil.report.recorded import read_record

words = st.lists(st.integers(0, 5), max_size=40)


@given(words, words)
def test_hunks_turn_one_sequence_into_the_other(a: list[int], b: list[int]) -> None:
    """What stands between the hunks is equal; putting B's parts in place of A's gives B."""
    made: list[int] = []
    at = 0
    for hunk in differences(a, b):
        made += a[at : hunk.a_begin]
        assert len(made) == hunk.b_begin
        made += b[hunk.b_begin : hunk.b_end]
        at = hunk.a_end
    assert made + a[at:] == b


@given(words)
def test_equal_sequences_have_no_hunk(a: list[int]) -> None:
    """Nothing differs from itself."""
    assert differences(a, a) == []


def test_one_change_among_equal_lines_is_one_hunk() -> None:
    """A line among a thousand repeated ones is found alone, removed, added or replaced."""
    base = [1, 2, 3] * 300
    for place in (0, 450, 900):
        assert len(differences(base, [*base[:place], 9, *base[place:]])) == 1
    assert len(differences(base, base[:400] + base[401:])) == 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (range(100_000), range(100_000, 200_000)),
        (range(100_000), range(99_999, -1, -1)),
        ([n % 7 for n in range(100_000)], [n % 5 for n in range(100_000)]),
        ([n // 2 for n in range(100_000)], [n // 3 for n in range(100_000)]),
        ([0] * 100_000, [0] * 60_000 + [1] + [0] * 60_000),
    ],
    ids=["nothing in common", "reversed", "other rhythm", "pairs and triples", "one word"],
)
def test_hard_inputs_stay_fast(a: list[int], b: list[int]) -> None:
    """A hundred thousand lines that defeat a quadratic diff are done in a few seconds of CPU."""
    began = time.process_time()
    differences(list(a), list(b))
    # It takes about 0.2 s; a quadratic algorithm takes hours.
    assert time.process_time() - began < 20


SAME = [
    ("[    0.123456] task 3 done", "[   17.000001] task 5 done"),
    ("12:34:56.789 hello", "23:59:59.999 hello"),
    ("buffer at 0x2100f3a0, 512 bytes", "buffer at 0x21001000, 77 bytes"),
    ("took 12.5 ms", "took 7 ms"),
    ("r0: 2100f3a0 lr: deadbeef", "r0: 00000001 lr: 12345678"),
    ("[HIL1] seeds rse=0 fp=dada87f9,44a6169c", "[HIL1] seeds rse=0 fp=dada87f9,6b067dde"),
    (
        "[HIL1] vhuk rse=0 of=4 src=bl1_2 fp=45cd5e952b8692eac9ef6089c68522fe",
        "[HIL1] vhuk rse=0 of=4 src=bl1_2 fp=591eed4eaceb4845f87639d167da3710",
    ),
]
OTHER = [
    ("[INF] Image version: v2.2.2", "[INF] Image version: v2.3.1"),
    (
        "[ERR] Fatal boot error 0xe5a5a5c1 (0x40000064): TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED",
        "[ERR] Fatal boot error 0xe5a5a5c1 (0x40000065): TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED",
    ),
    ("[INF] CHIP ID: 0", "[INF] CHIP ID: 1"),
    ("[HIL1] state rse=0 lcs=3 tp=111155aa", "[HIL1] state rse=0 lcs=5 tp=111155aa"),
    ("library v1.2.3 ready", "library v1.2.4 ready"),
    ("core rse0 up", "core rse1 up"),
    ("status 0x12", "status 0x13"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_times_addresses_and_counters_are_no_difference(a: str, b: str) -> None:
    """Lines that differ from boot to boot without meaning are compared as one."""
    assert comparable(a) == comparable(b)


@pytest.mark.parametrize(("a", "b"), OTHER)
def test_versions_errors_and_states_are_differences(a: str, b: str) -> None:
    """What a comparison is for survives the normalising."""
    assert comparable(a) != comparable(b)


def compared(tmp_path: Path, a: list[str], b: list[str]) -> LogChange:
    """Compare the logs of RSE 0 of runs that said these texts, one each."""
    sides = [
        Side(
            tuple(
                read_record(write_run(tmp_path / name, n, {}, uart={0: text}))
                for n, text in enumerate(texts)
            )
        )
        for name, texts in (("a", a), ("b", b))
    ]
    (change,) = compare_logs(*sides)
    return change


BOOT = "\r\n".join(
    [
        "[INF] Starting TF-M BL1_1",
        "[INF] Jumping to BL1_2",
        "waited 3 ms",
        "[INF] Starting bootloader",
        "",
    ]
)


def test_the_same_boot_at_other_times_is_the_same(tmp_path: Path) -> None:
    """Line ends, NULs, colours and times do not make a difference."""
    other = "\x1b[32m" + BOOT.replace("\r\n", "\n").replace("3 ms", "17 ms").replace(
        "Jumping", "\x00Jumping"
    )
    change = compared(tmp_path, [BOOT], [other])
    assert change.same
    assert change.lines == (4, 4)


def test_equal_differences_of_many_boots_are_told_once(tmp_path: Path) -> None:
    """The same line lost in each of five boots is one entry with a count, and where it first is."""
    change = compared(tmp_path, [BOOT * 5], [BOOT.replace("waited 3 ms\r\n", "") * 5])
    (hunk,) = change.hunks
    assert (hunk.removed, hunk.added, hunk.count) == (("waited 3 ms",), (), 5)
    assert hunk.after_line == "[INF] Jumping to BL1_2"
    assert hunk.at == 3


def test_a_line_that_the_other_side_knows_is_no_news(tmp_path: Path) -> None:
    """A line of another run of the side, and one that only stands elsewhere, are counted, not shown."""
    extra = BOOT.replace("waited", "[ERR] oops\r\nwaited")
    assert compared(tmp_path / "1", [extra, BOOT], [extra]).same
    assert not compared(tmp_path / "2", [BOOT, BOOT], [extra]).same
    moved = compared(tmp_path / "3", ["one\nx\ntwo\nsix\n"], ["one\ntwo\nsix\nx\n"])
    assert moved.same
    assert moved.other_order == 2


def test_keys_in_a_log_are_not_shown(tmp_path: Path) -> None:
    """A line with a key's worth of digits appears with the digits hidden."""
    key = "00112233445566778899aabbccddeeff" * 2
    change = compared(tmp_path, [BOOT], [BOOT + f"huk {key}\r\n"])
    assert change.hunks[0].added == ("huk <64 digits hidden>",)


def test_a_missing_log_is_told(tmp_path: Path) -> None:
    """An RSE with a log on one side only is a remark, not a crash."""
    a = Side((read_record(write_run(tmp_path / "a", 0, {}, uart={0: BOOT, 1: BOOT})),))
    b = Side((read_record(write_run(tmp_path / "b", 0, {}, uart={0: BOOT})),))
    changes = compare_logs(a, b)
    assert [change.same for change in changes] == [True, False]
    assert changes[1].remarks == ("side B has no log of RSE 1",)


def test_megabytes_of_other_text_are_cut_short(tmp_path: Path) -> None:
    """Two logs of 2 MB with nothing in common give a bounded result that says what it left out."""
    a, b = ("".join(f"{word} w{n:x}w\n" for n in range(150_000)) for word in ("left", "right"))
    change = compared(tmp_path, [a], [b])
    (hunk,) = change.hunks
    assert len(hunk.removed) == len(hunk.added) == 40
    assert hunk.cut == 2 * (150_000 - 40)
