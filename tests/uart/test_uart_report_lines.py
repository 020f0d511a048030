# SPDX-License-Identifier: Apache-2.0
"""The reporter's lines as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.uart.report_lines import (
    MalformedReport,
    SeedsReport,
    StateReport,
    VhukReport,
    parse_report,
)

FP = "00112233445566778899aabbccddeeff"


def test_good_lines() -> None:
    """Each of the three lines gives its values."""
    assert parse_report(f"[HIL1] vhuk rse=3 of=4 src=runtime fp={FP}") == VhukReport(
        3, 4, "runtime", FP
    )
    assert parse_report("[HIL1] seeds rse=0 fp=00000000,ffffffff") == SeedsReport(
        0, ("00000000", "ffffffff")
    )
    assert parse_report(
        "[HIL1] state rse=1 lcs=3 tp=111155aa reprov=0 bl1_2=9f1dcbc3 policy=11"
    ) == StateReport(1, 3, 0x111155AA, 0, "9f1dcbc3", 0x11)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[HIL1] vhuk rse=1 of=4 src=bl1_2 fp=0011", "32 lower-case"),
        (f"[HIL1] vhuk rse=1 of=4 src=bl1_2 fp={FP.upper()}", "32 lower-case"),
        (f"[HIL1] vhuk rse=1 of=4 src=bl2 fp={FP}", "bl1_2 or runtime"),
        (f"[HIL1] vhuk of=4 rse=1 src=bl1_2 fp={FP}", "in this order"),
        (f"[HIL1] vhuk rse=x of=4 src=bl1_2 fp={FP}", "rse=x: expected a decimal"),
        (f"[HIL1] vhuk rse=\u0663 of=4 src=bl1_2 fp={FP}", "expected a decimal"),
        ("[HIL1] seeds rse=1 fp=00000000,,ffffffff", "expected 8"),
        ("[HIL1] state rse=1 lcs=0x3 tp=0 reprov=0 bl1_2=9f1dcbc3 policy=0", "lcs=0x3"),
        ("[HIL1] huk rse=1", "unknown; expected one of vhuk, seeds, state"),
        (f"[HIL2] vhuk rse=1 of=4 src=bl1_2 fp={FP}", "version 2"),
        ("[HIL", "expected `[HIL1]"),
    ],
)
def test_malformed_lines(line: str, why: str) -> None:
    """A wrong line says what is wrong with it."""
    report = parse_report(line)
    assert isinstance(report, MalformedReport)
    assert report.text == line
    assert why in report.why


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_nothing_raises(text: str) -> None:
    """Whatever stands in a line, it is a finding and no error."""
    assert isinstance(parse_report(f"[HIL1] {text}"), MalformedReport)
