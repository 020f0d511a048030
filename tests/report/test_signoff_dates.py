# SPDX-License-Identifier: Apache-2.0
"""Times that a source does not tell, or without their zone: no failure is taken for superseded."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from junitparser import JUnitXml
from signoff_inputs import BOTH, POLICY, Case, holds, judged, junit, run_folder, why

from hil.errors import UsageError
from hil.report.signoff.junit_reports import write_merged_junit

BAD = [Case(case.id, "FAIL", message="real") for case in BOTH]
EARLIER, NOW = "2026-11-21T08:00:00Z", "2026-11-21T12:00:00"
ALL_MUST_PASS = POLICY + "repeats: {policy: all-must-pass}\n"
IN_A_WEEK = POLICY + "max_age: 7d\n"


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("policy", [POLICY, IN_A_WEEK, ALL_MUST_PASS + "max_age: 7d\n"])
@pytest.mark.parametrize("failed_at", ["", "2026-11-21T20:00:00", "2030-01-01T00:00:00Z"])
def test_a_failure_that_nobody_can_date_is_not_superseded(
    tmp_path: Path, failed_at: str, policy: str, order: int
) -> None:
    """Undated, from a wall clock far in the east, or still to come: it may be the newest."""
    files = [
        junit(tmp_path / "pass.xml", started=EARLIER, run="p"),
        junit(tmp_path / "fail.xml", BAD, started=failed_at, run="f"),
    ]
    signoff = judged(tmp_path, policy, *(files[::-1] if order else files))
    assert holds(signoff) == "fail"
    assert "real" in why(signoff)


@pytest.mark.parametrize("status", ["FAIL", "ERROR", "MISS", "SKIP", "XFAIL"])
def test_the_order_of_the_command_line_decides_nothing(tmp_path: Path, status: str) -> None:
    """Without any times, whatever did not pass counts, wherever it was named."""
    other = [Case(case.id, status, message="real") for case in BOTH]
    files = [
        junit(tmp_path / f"{n}.xml", cases, started="")
        for n, cases in enumerate((BOTH, other, BOTH))
    ]
    found = {holds(judged(tmp_path, POLICY, *some)) for some in permutations(files)}
    assert found == {"missing" if status in ("MISS", "SKIP") else "fail"}


def test_two_suites_of_one_undated_file(tmp_path: Path) -> None:
    """A test that passes in the first suite and fails in the second has failed."""
    good, bad = (
        junit(tmp_path / f"{n}.xml", cases, started="").read_text()
        for n, cases in (("a", BOTH), ("b", BAD))
    )
    both = good.replace("</testsuites>", "") + bad.replace("<testsuites>", "")
    (tmp_path / "both.xml").write_text(both)
    assert holds(judged(tmp_path, POLICY, tmp_path / "both.xml")) == "fail"


def test_a_failure_of_a_wall_clock_in_the_west_is_not_older(tmp_path: Path) -> None:
    """What a host in America dates 04:00 may be newer than what UTC has at 08:00."""
    files = [
        junit(tmp_path / "pass.xml", started=EARLIER, run="p"),
        junit(tmp_path / "fail.xml", BAD, started="2026-11-21T04:00:00", run="f"),
    ]
    assert holds(judged(tmp_path, POLICY, *files)) == "fail"
    utc = POLICY + "foreign: [{files: fail.xml, zone: UTC}]\n"
    assert judged(tmp_path, utc, *files).holds


@pytest.mark.parametrize("policy", [POLICY, IN_A_WEEK])
def test_a_pass_of_this_minute_in_the_east_is_none_of_the_future(
    tmp_path: Path, policy: str
) -> None:
    """A host in Shanghai or on Kiritimati writes a wall clock that UTC has not reached."""
    for hour in ("20:00:00", "23:59:00"):
        east = junit(tmp_path / "east.xml", started=f"2026-11-21T{hour}")
        assert judged(tmp_path, policy, east).holds
    ahead = junit(tmp_path / "ahead.xml", started="2026-11-22T04:00:00")
    assert "still to come" in why(judged(tmp_path, policy, ahead))


def test_the_policy_names_the_zone(tmp_path: Path) -> None:
    """Without it a time may be 14 h older than it looks, and the verdict says what to do."""
    policy = POLICY + "max_age: 6h\n"
    east = junit(tmp_path / "east.xml", started="2026-11-21T19:00:00")
    assert "`foreign` in the policy can" in why(judged(tmp_path, policy, east))
    named_zones = ["Asia/Shanghai"] * ("Asia/Shanghai" in available_timezones())
    for zone in (*named_zones, "+08:00"):
        named = policy + f"foreign: [{{files: 'east*', zone: '{zone}'}}]\n"
        assert judged(tmp_path, named, east).holds
    ahead = policy + "foreign: [{files: 'east*', zone: '-05:00'}]\n"
    assert "still to come" in why(judged(tmp_path, ahead, east))
    zoned = junit(tmp_path / "east2.xml", started="2026-11-21T11:00:00Z")
    assert judged(tmp_path, policy + "foreign: [{files: '*', zone: '-08:00'}]\n", zoned).holds


@pytest.mark.parametrize(
    "zone", ["Asia/Atlantis", "../../etc/passwd", "/etc/passwd", "8", "Asia", ""]
)
def test_a_zone_that_is_none_is_a_mistake_in_the_policy(tmp_path: Path, zone: str) -> None:
    """It is told with its place and what is expected."""
    policy = POLICY + f"foreign:\n  - {{files: '*', zone: '{zone}'}}\n"
    with pytest.raises(UsageError, match=r"policy.yaml:\d+: foreign.0.zone: .*UTC, \+08:00"):
        judged(tmp_path, policy, junit(tmp_path / "a.xml"))


def test_wall_clocks_of_one_lab_are_compared_as_they_stand(tmp_path: Path) -> None:
    """A failure that was executed again an hour later is superseded, zone or not."""
    fail = junit(tmp_path / "fail.xml", BAD, started="2026-11-21T09:00:00", run="f")
    again = junit(tmp_path / "again.xml", started="2026-11-21T10:00:00", run="a")
    assert judged(tmp_path, IN_A_WEEK, again, fail).holds
    assert judged(tmp_path, IN_A_WEEK, fail, again).holds


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01"])
def test_times_at_the_ends_of_the_calendar(tmp_path: Path, when: str) -> None:
    """They are compared like others."""
    for zone in ("", "foreign: [{files: '*', zone: '+09:00'}]\n"):
        odd = junit(tmp_path / "odd.xml", started=when, run="o")
        assert holds(judged(tmp_path, IN_A_WEEK + zone, odd)) == "stale"
        assert judged(tmp_path, IN_A_WEEK + zone, odd, junit(tmp_path / "a.xml", run="a")).holds


def test_the_newest_image_set_is_one_of_those_that_may_be(tmp_path: Path) -> None:
    """`image_sets: newest` looks at every image set that may be the newest, dated or not."""
    policy = POLICY.replace("rses: 2", "rses: 2\n    image_sets: newest")
    dated = junit(tmp_path / "new.xml", run="n")
    for when, wanted in (("", 2), ("2026-11-21T01:00:00", 2), ("2026-11-20T01:00:00", 1)):
        other = junit(
            tmp_path / "other.xml", BAD, started=when, images={"tfm_s": "b" * 64}, run="o"
        )
        signoff = judged(tmp_path, policy, dated, other)
        assert len(signoff.columns) == wanted, when
        assert signoff.holds == (wanted == 1)


def test_a_stage_that_was_too_slow_at_some_time_was_too_slow(tmp_path: Path) -> None:
    """A run without a date shows no time that is in the limit, but one beyond it."""
    limit = IN_A_WEEK.replace('"]}', '"], stage_limits: {vhuk: 5}}')
    fast = run_folder(tmp_path / "fast", stages={"vhuk": 1.0})
    assert judged(tmp_path, limit, fast).holds
    slow = run_folder(tmp_path / "slow", started="", stages={"vhuk": 9.0})
    assert "9.000 s on RSE" in why(judged(tmp_path, limit, fast, slow))
    undated = run_folder(tmp_path / "undated", started="", stages={"vhuk": 1.0})
    plain = run_folder(tmp_path / "plain")
    assert "no run tells its time" in why(judged(tmp_path, limit, undated, plain))


def test_the_merged_file_has_the_result_that_counts(tmp_path: Path) -> None:
    """An undated failure is the result of its testcase, and the pass of another day is not."""
    files = [
        junit(tmp_path / "pass.xml", started=EARLIER, run="p"),
        junit(tmp_path / "fail.xml", BAD, started="", run="f"),
    ]
    out = tmp_path / "merged.xml"
    write_merged_junit(out, judged(tmp_path, POLICY, *files).evidence.executions)
    assert JUnitXml.fromfile(str(out)).failures == 2
