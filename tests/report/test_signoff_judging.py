# SPDX-License-Identifier: Apache-2.0
"""What holds, what does not, and that nothing missing ever passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from signoff_inputs import BOTH, POLICY, Case, holds, judged, junit, run_folder, why

A0 = "tests/test_a.py::test_a[rse0]"
#: The same, but any test that bears the id will do.
MARKED = POLICY.replace(', tests: ["tests/test_a.py::test_a[rse{rse}]"]', "")


def status(*cases: str) -> list[Case]:
    """Return the two tests of the policy with these statuses."""
    return [replace(case, status=one) for case, one in zip(BOTH, cases, strict=True)]


def test_everything_that_is_asked_for_is_there(tmp_path: Path) -> None:
    """All tests of all RSEs passed on the board: the sign-off holds."""
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml"))
    assert signoff.holds
    assert holds(signoff) == "pass"


def test_a_run_is_evidence_like_its_junit_file(tmp_path: Path) -> None:
    """The folder of a run says the same as its JUnit file."""
    assert judged(tmp_path, POLICY, run_folder(tmp_path / "run")).holds


@pytest.mark.parametrize(
    ("one", "found"),
    [
        ("FAIL", "fail"),
        ("ERROR", "fail"),
        ("XFAIL", "fail"),
        ("MISS", "missing"),
        ("SKIP", "missing"),
    ],
)
def test_what_did_not_pass_does_not_hold(tmp_path: Path, one: str, found: str) -> None:
    """A failure fails; a skip and a broken lab show nothing, which is missing."""
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml", status("PASS", one)))
    assert holds(signoff) == found
    assert not signoff.holds


def test_a_test_that_was_not_executed_is_missing(tmp_path: Path) -> None:
    """The policy names the tests: that of RSE 1 is not there, and that is said."""
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml", BOTH[:1]))
    assert holds(signoff) == "missing"
    assert "tests.test_a::test_a[rse1]" in why(signoff)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"board": "other"}, "no evidence"),
        ({"release": "2.2.2"}, "TF-M 2.2.2, wanted 2.3.1"),
        ({"release": ""}, "TF-M (not said), wanted 2.3.1"),
    ],
)
def test_evidence_of_something_else_counts_nowhere(
    tmp_path: Path, values: dict[str, str], told: str
) -> None:
    """Another board or release is no evidence, and the nearest thing is named."""
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml", **values))
    assert holds(signoff) == "missing"
    assert told in why(signoff)


@pytest.mark.parametrize(
    "cases", [[], status("SKIP", "SKIP"), [replace(case, earlier=1) for case in BOTH]]
)
@pytest.mark.parametrize("policy", [POLICY, MARKED])
def test_nothing_all_skipped_and_only_flaky_do_not_pass(
    tmp_path: Path, policy: str, cases: list[Case]
) -> None:
    """Files that every ordinary reader passes show nothing here, however generous the flake limit."""
    policy += "repeats: {flake_limit: 0.9}\n"
    marked = [replace(case, req="REQ-A") for case in cases]
    signoff = judged(tmp_path, policy, junit(tmp_path / "a.xml", marked))
    assert not signoff.holds
    assert holds(signoff) == "missing"


def test_all_skips_allowed_shows_nothing_either(tmp_path: Path) -> None:
    """A column in which everything is waived has not one requirement that passes."""
    policy = POLICY + (
        "allowed_skips:\n"
        "  - {requirements: [REQ-A], owner: me, reason: none, expires: 2027-01-01}\n"
    )
    signoff = judged(tmp_path, policy, junit(tmp_path / "a.xml", status("SKIP", "SKIP")))
    assert holds(signoff) == "waived"
    assert not signoff.holds


def test_a_verdict_without_an_image_seen_on_the_device_is_missing(tmp_path: Path) -> None:
    """A test that passed with an image that nobody read back says nothing about that image."""
    for path in (
        junit(tmp_path / "a.xml", seen=False),
        junit(tmp_path / "b.xml", images={}),
        run_folder(tmp_path / "replayed", replay_of="runs/x"),
    ):
        signoff = judged(tmp_path, POLICY, path)
        assert holds(signoff) == "missing"
        assert "not seen on the device" in why(signoff)


def test_host_tests_need_no_image(tmp_path: Path) -> None:
    """A target without a device is judged by its tests alone."""
    policy = POLICY.replace("    rses: 2\n", "    rses: 2\n    device: false\n")
    assert judged(tmp_path, policy, junit(tmp_path / "a.xml", images={})).holds


@pytest.mark.parametrize(
    ("started", "found"),
    [
        ("2026-11-20T12:00:00", "pass"),
        ("2026-11-18T12:00:00", "stale"),
        ("2026-11-25T12:00:00", "stale"),
        ("", "stale"),
        ("yesterday", "stale"),
    ],
)
def test_old_evidence_is_stale(tmp_path: Path, started: str, found: str) -> None:
    """Older than the policy allows, from the future, or without a time: stale."""
    policy = POLICY + "max_age: 2d\n"
    assert holds(judged(tmp_path, policy, junit(tmp_path / "a.xml", started=started))) == found


def test_other_images_are_other_columns(tmp_path: Path) -> None:
    """A failure with one image set is not covered by a pass with another one."""
    good = junit(tmp_path / "a.xml", images={"tfm_s": "b" * 64}, started="2026-11-21T11:00:00Z")
    bad = junit(tmp_path / "b.xml", status("PASS", "FAIL"))
    signoff = judged(tmp_path, POLICY, good, bad)
    assert [holds(signoff, column=n) for n in range(2)] == ["pass", "fail"]
    assert not signoff.holds
    newest = POLICY.replace("    rses: 2\n", "    rses: 2\n    image_sets: newest\n")
    signoff = judged(tmp_path, newest, good, bad)
    assert signoff.holds
    assert len(signoff.columns) == len(signoff.others) == 1


def test_required_image_hashes_choose_the_column(tmp_path: Path) -> None:
    """Only the images of the release candidate count; the others are named as near."""
    wanted = POLICY.replace("    rses: 2\n", f"    rses: 2\n    images: {{tfm_s: {'b' * 64}}}\n")
    signoff = judged(tmp_path, wanted, junit(tmp_path / "a.xml"))
    assert holds(signoff) == "missing"
    assert "image tfm_s is aaaaaaaaaaaa, wanted bbbbbbbbbbbb" in why(signoff)
    fitting = junit(tmp_path / "b.xml", images={"tfm_s": "b" * 64})
    assert judged(tmp_path, wanted, fitting).holds


def test_a_required_toolchain_must_be_said(tmp_path: Path) -> None:
    """A run that does not say its compiler does not answer a policy that asks for one."""
    policy = POLICY.replace("    rses: 2\n", "    rses: 2\n    toolchains: [GNUARM]\n")
    signoff = judged(tmp_path, policy, junit(tmp_path / "a.xml"))
    assert "toolchain (not said), wanted GNUARM" in why(signoff)
    said = junit(tmp_path / "b.xml", more={"tfm.toolchain": "GNUARM"})
    assert judged(tmp_path, policy, said).holds
    given = policy + 'foreign: [{files: "run-*", toolchain: GNUARM}]\n'
    assert judged(tmp_path, given, run_folder(tmp_path / "run-1")).holds
    # What a run says itself counts more.
    other = run_folder(tmp_path / "run-2", toolchain="ATFE")
    assert not judged(tmp_path, given, other).holds


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("{policy: latest}", "pass"),
        ("{policy: all-must-pass, flake_limit: 0.9}", "fail"),
        ("{policy: best-of-n, n: 3, flake_limit: 0.5}", "pass"),
        ("{policy: best-of-n, n: 3, flake_limit: 0.3}", "fail"),
        ("{policy: best-of-n, n: 1}", "pass"),
    ],
)
def test_several_executions_are_judged_by_the_policy(tmp_path: Path, rule: str, found: str) -> None:
    """Failed, passed, passed: the latest passes, all do not, the best of three within its limit."""
    files = [
        junit(tmp_path / f"{n}.xml", status("PASS", one), run=f"r{n}", started=f"2026-11-2{n}")
        for n, one in enumerate(("FAIL", "PASS"))
    ]
    signoff = judged(tmp_path, POLICY + f"repeats: {rule}\n", *files)
    assert holds(signoff) == found


def test_a_flaky_pass_counts_against_the_limit(tmp_path: Path) -> None:
    """One of two tests needed a second try: refused by default, and said with numbers."""
    file = junit(tmp_path / "a.xml", [BOTH[0], replace(BOTH[1], earlier=1)])
    signoff = judged(tmp_path, POLICY, file)
    assert holds(signoff) == "fail"
    assert "1 of 2 attempts were no clean pass (50%; the policy allows 0%)" in why(signoff)
    assert judged(tmp_path, POLICY + "repeats: {flake_limit: 0.5}\n", file).holds


def test_minimal_repetitions(tmp_path: Path) -> None:
    """Three executions are asked for: two are too few, and a skipped one is none."""
    policy = POLICY + "repetitions: 3\n"
    files = [junit(tmp_path / f"{n}.xml", run=f"r{n}") for n in range(2)]
    files.append(junit(tmp_path / "s.xml", status("PASS", "SKIP"), run="s", started="2026-11-19"))
    signoff = judged(tmp_path, policy, *files)
    assert holds(signoff) == "missing"
    assert "executed 2 times of 3" in why(signoff)
    assert judged(tmp_path, policy, *files[:2], junit(tmp_path / "3.xml", run="r3")).holds


def test_one_execution_told_twice_is_one(tmp_path: Path) -> None:
    """The record of a run, its JUnit file and a copy of that make no repetition."""
    policy = POLICY + "repetitions: 2\n"
    run = run_folder(tmp_path / "run-1")
    file = junit(tmp_path / "a.xml", run="run-1")
    copy = tmp_path / "b.xml"
    copy.write_bytes(file.read_bytes())
    assert "executed 1 times of 2" in why(judged(tmp_path, policy, run, file, copy))
    nameless = junit(tmp_path / "c.xml")
    copy.write_bytes(nameless.read_bytes())
    assert "executed 1 times of 2" in why(judged(tmp_path, policy, nameless, copy))


def test_contradicting_sources_of_one_execution(tmp_path: Path) -> None:
    """A record that says FAIL is not mended by a JUnit file of the same run that says pass."""
    run = run_folder(tmp_path / "run-1", status("PASS", "FAIL"), verdict="fail")
    signoff = judged(tmp_path, POLICY, run, junit(tmp_path / "a.xml", run="run-1"))
    assert holds(signoff) == "fail"
    assert any("contradict each other" in remark for remark in signoff.remarks)


@pytest.mark.parametrize(("second", "found"), [("PASS", "fail"), ("FAIL", "fail")])
def test_a_test_that_stands_twice_is_no_clean_pass(tmp_path: Path, second: str, found: str) -> None:
    """Duplicates in a file: the worse verdict counts, and two passes count as a flake."""
    again = replace(BOTH[0], status=second)
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml", [*BOTH, again]))
    assert holds(signoff) == found
    assert "stands more than once" in why(signoff)


WAIVER = """\
expected_failures:
  - {requirements: [REQ-A], owner: me, reason: known, expires: 2026-11-21%s}
other_tests: ignore
"""
TWO = POLICY + '  - {id: REQ-B, title: b, tests: ["tests/b.py::test_b"]}\n'


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", "waived"),
        (", boards: [la*]", "waived"),
        (", boards: [else]", "fail"),
        (", releases: ['2.2.*']", "fail"),
        (', tests: ["tests/test_a.py::test_a[rse1]"]', "waived"),
        (', tests: ["tests/test_a.py::test_a[rse0]"]', "fail"),
        (", defect: known-one", "waived"),
        (", defect: another-one", "fail"),
    ],
)
def test_an_expected_failure_is_waived_where_it_is_expected(
    tmp_path: Path, more: str, found: str
) -> None:
    """A waiver covers its requirement, tests, boards, releases and defect, and nothing else."""
    cases = [
        BOTH[0],
        replace(BOTH[1], status="FAIL", defects="known-one"),
        Case("tests/b.py::test_b"),
    ]
    signoff = judged(tmp_path, TWO + WAIVER % more, junit(tmp_path / "a.xml", cases))
    assert holds(signoff) == found
    assert signoff.holds == (found == "waived")


def test_an_expired_waiver_covers_nothing(tmp_path: Path) -> None:
    """The day after, the failure is a failure again, and the report says that the waiver expired."""
    policy = TWO + (WAIVER % "").replace("2026-11-21", "2026-11-20")
    cases = [*status("PASS", "FAIL"), Case("tests/b.py::test_b")]
    signoff = judged(tmp_path, policy, junit(tmp_path / "a.xml", cases))
    assert holds(signoff) == "fail"
    assert "EXPIRED; would cover 1 results" in signoff.waivers[0]


def test_a_known_defect_refutes_a_pass(tmp_path: Path) -> None:
    """A test that passed beside a known defect does not prove what that defect takes away."""
    policy = POLICY.replace('"]}', '"], refuted_by: [only-seed-0-bound]}')
    cases = [BOTH[0], replace(BOTH[1], defects="only-seed-0-bound")]
    signoff = judged(tmp_path, policy, junit(tmp_path / "a.xml", cases))
    assert holds(signoff) == "fail"
    assert "known defect only-seed-0-bound is there" in why(signoff)


def test_stage_times_have_limits(tmp_path: Path) -> None:
    """The slowest time of a stage is judged, from a record or a JUnit file; no time is missing."""
    policy = POLICY.replace('"]}', '"], stage_limits: {BL2: 2.5}}')
    slow = run_folder(tmp_path / "slow", stages={"BL2": 3.0})
    signoff = judged(tmp_path, policy, slow, run_folder(tmp_path / "fast", stages={"BL2": 1.0}))
    assert holds(signoff) == "fail"
    assert "stage BL2 within 2.5 s: 3.000 s on RSE 1, boot 0" in why(signoff)
    assert judged(tmp_path, policy, tmp_path / "fast").holds
    assert holds(judged(tmp_path, policy, run_folder(tmp_path / "none"))) == "missing"


def test_tests_of_no_requirement_must_not_fail(tmp_path: Path) -> None:
    """A failure that no requirement is about fails too, unless the policy says to ignore it."""
    file = junit(tmp_path / "a.xml", [*BOTH, Case("tests/z.py::test_z", "FAIL")])
    assert holds(judged(tmp_path, POLICY, file), "other-tests") == "fail"
    assert judged(tmp_path, POLICY + "other_tests: ignore\n", file).holds


def test_a_waiver_of_a_requirement_holds_where_it_is_not_asked_for_too(tmp_path: Path) -> None:
    """A test of another board's requirement is waived by the id that it bears."""
    policy = TWO.replace("    rses: 2\n", "    rses: 2\n    requirements: [REQ-A]\n") + (
        "expected_failures:\n"
        "  - {requirements: [REQ-B], owner: me, reason: known, expires: 2027-01-01}\n"
    )
    for marks, found in (("REQ-B", "waived"), ("", "fail")):
        cases = [*BOTH, Case("tests/b.py::test_b", "XFAIL", req=marks)]
        signoff = judged(tmp_path, policy, junit(tmp_path / "a.xml", cases))
        assert holds(signoff, "other-tests") == found
        assert signoff.holds == (found == "waived")


def test_ids_that_the_policy_does_not_know_fail(tmp_path: Path) -> None:
    """A test that bears a new id says that the policy is behind; not_required settles it."""
    file = junit(tmp_path / "a.xml", [*BOTH, Case("tests/z.py::test_z", req="REQ-NEW")])
    assert holds(judged(tmp_path, POLICY, file), "REQ-NEW") == "fail"
    assert judged(tmp_path, POLICY + "not_required: [REQ-NEW]\n", file).holds


def test_a_killed_run_is_remarked_and_what_it_did_not_reach_is_missing(tmp_path: Path) -> None:
    """What a killed run proved counts; how it ended stands in the report."""
    run = run_folder(tmp_path / "run", BOTH[:1], verdict="killed")
    signoff = judged(tmp_path, POLICY, run)
    assert holds(signoff) == "missing"
    assert any("ended as 'killed'" in remark for remark in signoff.remarks)
