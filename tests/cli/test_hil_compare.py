# SPDX-License-Identifier: Apache-2.0
"""`hil compare` as a user meets it: text, Markdown, JSON, exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_up_runs import write_run

from hil.cli import main

BOOT = {0: "[INF] Starting TF-M BL1_1\r\n[INF] Starting bootloader\r\n"}


def hil(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = main(["compare", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_a_repetition_is_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs of the same: status 0, "No change"."""
    a = write_run(tmp_path, 0, {"t::a": "PASS"}, uart=BOOT, stages={"BL2": 1.0})
    b = write_run(tmp_path, 1, {"t::a": "PASS"}, uart=BOOT, stages={"BL2": 1.01})
    status, out, error = hil(capsys, a, b)
    assert (status, error) == (0, "")
    assert "\nNo change\n" in out
    assert out.endswith("no verdict differs: 1 same\n")


def test_what_changed_is_told_verdicts_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Newly failing with its reason, fixed, images, times with a caveat, the UART's new line."""
    a = write_run(tmp_path, 0, {"t::a": "PASS", "t::b": "FAIL"}, uart=BOOT, stages={"BL2": 1.0})
    new = {0: BOOT[0] + "[ERR] Unable to find bootable image\r\n"}
    b = write_run(
        tmp_path, 1, {"t::a": "FAIL", "t::b": "PASS"}, uart=new, stages={"BL2": 2.0}, image="2.4"
    )
    status, out, _ = hil(capsys, a, b)
    assert status == 1
    for told in (
        "Newly failing: 1\n  t::a: PASS -> FAIL\n    t::a said FAIL",
        "Fixed: 1\n  t::b: FAIL -> PASS",
        "tfm_s on RSE 0: 2.3.1 (322e332e3100) -> 2.4 (322e34000000)",
        "Stage times that may differ (one run on a side does not tell how much they vary): 1",
        "+1.000 s (+100 %)  RSE 0 BL2 (boot 0)",
        "line 3, after: [INF] Starting bootloader\n    + [ERR] Unable to find bootable image",
        "verdicts differ: 1 newly failing, 1 fixed",
    ):
        assert told in out
    assert out.index("Newly failing") < out.index("Images") < out.index("UART")


def test_other_images_alone_are_no_other_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 0: the verdicts agree, and the text says what else differs."""
    a = write_run(tmp_path, 0, {"t::a": "PASS"})
    b = write_run(tmp_path, 1, {"t::a": "PASS"}, image="3.0")
    status, out, _ = hil(capsys, a, b)
    assert status == 0
    assert "Images: 1" in out
    assert "No change" not in out


def test_several_runs_a_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A1 A2 -- B1 B2, and two folders: the spread of the times is known, overlaps are counted."""
    for name, base in (("a", 1.0), ("b", 1.05)):
        for n in range(3):
            stages = {"BL2": base + 0.1 * n, "runtime": 2 * base + (5 if name == "b" else 0)}
            write_run(tmp_path / name, n, {"t::a": "PASS"}, stages=stages)
    a, b = (sorted((tmp_path / name).iterdir()) for name in "ab")
    told = [hil(capsys, *a, "--", *b), hil(capsys, tmp_path / "a", tmp_path / "b")]
    assert told[0] == told[1]
    status, out, _ = told[0]
    assert status == 0
    assert "1 stage time differs no more than from run to run" in out
    assert "RSE 0 runtime (boot 0)" in out
    assert "Stage times that differ by more than from run to run: 1" in out
    options = hil(capsys, "--format", "json", a[0], a[1], "--", b[0])
    assert [len(json.loads(options[1])[name]) for name in "ab"] == [2, 1]


def test_json_and_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON with its schema's version and every aspect; Markdown that cannot be broken by names."""
    a = write_run(tmp_path, 0, {"t::a[x_1]": "PASS"}, uart=BOOT)
    b = write_run(tmp_path, 1, {"t::a[x_1]": "FAIL"}, uart=BOOT)
    status, out, _ = hil(capsys, a, b, "--json")
    told = json.loads(out)
    assert status == 1
    assert told["schema"] == 1
    assert told["verdicts_differ"] is True
    assert told["changes"] == {"newly failing": 1}
    assert told["tests"][0]["after"] == {"FAIL": 1}
    markdown = hil(capsys, a, b, "--format", "markdown")[1]
    assert "### Newly failing: 1" in markdown
    assert r"- t::a\[x\_1\]: PASS -\> FAIL" in markdown


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["{a}"], "nothing to compare with"),
        (["{a}", "--"], "nothing to compare with"),
        (["--", "{a}"], "nothing to compare with"),
        (["{a}", "{a}", "{a}"], "3 runs: which against which?"),
        (["{a}", "--", "{a}", "--", "{a}"], "-- stands once"),
        (["{a}", "/nowhere"], "no folder /nowhere"),
        (["{a}", "{broken}"], "run.json:1: not the record of a run"),
        (["{a}", "{a}", "--limit", "0"], "--limit 0: expected 1 or more"),
    ],
)
def test_wrong_usage_is_one_line(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and one line that says what was expected."""
    a = write_run(tmp_path, 0, {"t::a": "PASS"})
    broken = write_run(tmp_path, 1, {})
    (broken / "run.json").write_text("{nothing")
    status, out, error = hil(capsys, *(word.format(a=a, broken=broken) for word in words))
    assert (status, out) == (2, "")
    assert error.startswith("hil: ")
    assert reason in error
    assert error.count("\n") == 1
