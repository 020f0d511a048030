# SPDX-License-Identifier: Apache-2.0
"""Runs compared: verdicts, stage times with their spread, images, settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_runs import write_run

from hil.errors import UsageError
from hil.report.compare.comparison import compare
from hil.report.compare.sides import Side, read_side
from hil.report.compare.times import StageChange, compare_times
from hil.report.compare.verdicts import Change, compare_tests
from hil.report.recorded import read_record


def side(folder: Path, *runs: dict[str, object]) -> Side:
    """One side of some runs; each is what `write_run` takes by name."""
    found = []
    for number, values in enumerate(runs):
        tests = values.pop("tests", {"t::a": "PASS"})
        found.append(read_record(write_run(folder, number, tests, **values)))  # type: ignore[arg-type]
    return Side(tuple(found))


#: Statuses in the runs of A and of B ("": not in that run), and what that is called.
VERDICTS = [
    (["PASS"], ["FAIL"], Change.NEWLY_FAILING),
    (["PASS"], ["ERROR"], Change.NEWLY_FAILING),
    (["FLAKY"], ["FAIL"], Change.NEWLY_FAILING),
    (["SKIP"], ["FAIL"], Change.NEWLY_FAILING),
    (["FAIL"], ["PASS"], Change.FIXED),
    (["FAIL"], ["FAIL"], Change.STILL_FAILING),
    (["FAIL"], ["ERROR"], Change.STILL_FAILING),
    (["PASS"], ["FLAKY"], Change.FLAKY),
    (["PASS", "PASS"], ["PASS", "FAIL"], Change.FLAKY),
    (["PASS", "FAIL"], ["PASS", "FAIL"], Change.STILL_FLAKY),
    (["PASS", "FAIL"], ["PASS", "PASS"], Change.FIXED),
    (["PASS"], ["MISS"], Change.OTHER),
    (["PASS", "MISS"], ["PASS", "PASS"], Change.SAME),
    (["PASS"], ["SKIP"], Change.OTHER),
    (["XFAIL"], ["PASS"], Change.FIXED),
    ([""], ["PASS"], Change.NEW),
    ([""], ["FAIL"], Change.NEW),
    (["FAIL"], [""], Change.GONE),
    (["", "PASS"], ["PASS", "PASS"], Change.SAME),
    (["PASS"], ["PASS"], Change.SAME),
]


@pytest.mark.parametrize(("before", "after", "change"), VERDICTS)
def test_verdicts_have_their_names(
    before: list[str], after: list[str], change: Change, tmp_path: Path
) -> None:
    """Every pair of outcomes, of one run or of several, is called what it is."""

    def runs(statuses: list[str]) -> list[dict[str, object]]:
        told = {"FLAKY": ["MISS", "PASS"]}
        return [{"tests": {"t::a": told.get(s, s)} if s else {}} for s in statuses]

    a, b = side(tmp_path / "a", *runs(before)), side(tmp_path / "b", *runs(after))
    (found,) = compare_tests(a, b)
    assert found.change is change


def test_another_reason_of_a_failure_is_told(tmp_path: Path) -> None:
    """A test that fails on both sides, with other messages, keeps both."""
    a = side(tmp_path / "a", {"tests": {"t::a": "FAIL"}})
    b = side(tmp_path / "b", {"tests": {"t::a": ["FAIL", "MISS"], "t::b": "PASS"}})
    found = compare_tests(a, b)[0]
    assert (found.message_before, found.message) == ("t::a said FAIL", "t::a said MISS")


def times(tmp_path: Path, a: list[float], b: list[float]) -> StageChange:
    sides = [
        side(tmp_path / name, *({"stages": {"BL2": value}} for value in values))
        for name, values in (("a", a), ("b", b))
    ]
    (found,) = compare_times(*sides)
    return found


def test_a_difference_within_the_spread_is_none(tmp_path: Path) -> None:
    """Sides whose times overlap do not differ, however far their medians are apart."""
    found = times(tmp_path, [1.0, 1.1, 1.9], [1.5, 1.8, 2.0])
    assert found.within_spread is True
    assert not found.differs


def test_a_difference_beyond_the_spread_counts(tmp_path: Path) -> None:
    """Sides that do not overlap differ, if by enough to matter."""
    found = times(tmp_path / "1", [1.0, 1.1, 1.2], [1.5, 1.6, 1.7])
    assert found.within_spread is False
    assert found.differs
    assert found.difference == pytest.approx(0.5)
    assert not times(tmp_path / "2", [1.0, 1.01], [1.02, 1.03]).differs
    assert not times(tmp_path / "3", [0.001, 0.001], [0.004, 0.005]).differs


def test_single_runs_have_no_spread(tmp_path: Path) -> None:
    """Of one run each nobody can say whether a difference is one; a large one is suspicious."""
    found = times(tmp_path, [1.0], [1.5])
    assert found.within_spread is None
    assert (found.suspicious, found.differs) == (True, False)
    assert not times(tmp_path / "small", [0.30], [0.25]).suspicious


def test_a_stage_that_does_not_come_any_more_is_told(tmp_path: Path) -> None:
    """Reached in A, missed in B: no time to compare, but the most important difference."""
    found = times(tmp_path, [1.0, 1.0], [-1.0, 1.0])
    assert found.reach_changed
    assert found.lost == (0, 1)
    assert not times(tmp_path / "same", [1.0], [1.0]).reach_changed


def test_stages_are_compared_by_what_each_takes(tmp_path: Path) -> None:
    """A slow BL2 does not make the runtime behind it look slow."""
    a = side(tmp_path / "a", {"stages": {"BL2": 1.0, "runtime": 1.5}})
    b = side(tmp_path / "b", {"stages": {"BL2": 2.0, "runtime": 2.5}})
    assert [(t.stage, t.suspicious) for t in compare_times(a, b)] == [
        ("BL2", True),
        ("runtime", False),
    ]


def test_images_and_settings_that_differ_are_named(tmp_path: Path) -> None:
    """Version and digest of an image, a tool's version, a value of the board file, the toolchain."""
    a = side(tmp_path / "a", {"fingerprints": {"0": "aa"}, "pid": 1, "command": ["x"]})
    b = side(
        tmp_path / "b",
        {
            "image": "2.4",
            "tools": {"pyocd": "0.47.0"},
            "toolchain": "gcc 14",
            "fingerprints": {"0": "bb"},
            "board_values": {"budgets": {"BL2": 9}},
            "pid": 2,
            "command": ["y"],
        },
    )
    found = compare(a, b)
    (image,) = found.images
    assert (image.name, image.rses) == ("tfm_s", (0,))
    assert (image.before[0][0], image.after[0][0]) == ("2.3.1", "2.4")
    assert [(v.name, v.before, v.after) for v in found.environment] == [
        ("toolchain", ("not known",), ("gcc 14",)),
        ("tools.pyocd", ("0.46.0",), ("0.47.0",)),
        ("board.values.budgets.BL2", (), ("9",)),
    ]
    assert [(v.name, v.after) for v in found.fingerprints] == [("RSE 0", ("bb",))]
    assert not found.same
    assert not found.verdicts_differ


def test_repetitions_of_one_run_are_the_same(tmp_path: Path) -> None:
    """Another id, day, process and slightly other times: no change in any aspect."""
    uart = {0: "[INF] Starting TF-M BL1_1\n[    1.5] took 3 ms\n"}
    probes = {"0": "remote:127.0.0.1:36955"}
    a = side(tmp_path / "a", {"stages": {"BL2": 1.0}, "uart": uart, "pid": 1, "probes": probes})
    later = {0: uart[0].replace("3 ms", "4 ms").replace("1.5", "1.75")}
    probes = {"0": "remote:127.0.0.1:42477"}
    other = {"stages": {"BL2": 1.05}, "uart": later, "pid": 2, "probes": probes}
    b = side(tmp_path / "b", {"tests": {}}, other)
    assert compare(a, Side(b.runs[1:])).same


def test_a_side_may_be_a_folder_of_runs(tmp_path: Path) -> None:
    """All runs below it, oldest first; a folder without any is an error."""
    for number in (2, 0, 1):
        write_run(tmp_path / "runs", number, {"t::a": "PASS"})
    found = read_side([tmp_path / "runs"])
    assert [run.id[:8] for run in found.runs] == ["20260101", "20260102", "20260103"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no run in .*empty"):
        read_side([tmp_path / "empty"])


def test_a_test_that_killed_the_run_is_newly_failing(tmp_path: Path) -> None:
    """It is not merely gone, as those behind it are."""
    tests = {"t::a": "PASS", "t::b": "PASS", "t::c": "PASS"}
    good = read_record(write_run(tmp_path / "a", 0, tests))
    killed = write_run(tmp_path / "b", 0, {"t::a": "PASS"}, verdict="killed")
    (killed / "events.jsonl").write_text('{"kind": "test begins", "id": "t::b"}\n')
    found = compare_tests(Side((good,)), Side((read_record(killed),)))
    changes = {one.test: one.change for one in found}
    assert changes == {"t::a": Change.SAME, "t::b": Change.NEWLY_FAILING, "t::c": Change.GONE}
    # One that was being torn down has its result already.
    torn = write_run(tmp_path / "c", 0, {"t::a": "PASS", "t::b": "PASS"}, verdict="interrupted")
    (torn / "events.jsonl").write_text('{"kind": "test begins", "id": "t::b"}\n')
    found = compare_tests(Side((good,)), Side((read_record(torn),)))
    assert {one.test: one.change for one in found}["t::b"] is Change.SAME
