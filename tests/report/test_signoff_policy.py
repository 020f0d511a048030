# SPDX-License-Identifier: Apache-2.0
"""Policies: the shipped one holds together, and mistakes are named by file and line."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from signoff_inputs import POLICY

from hil.bench.board_file import find_board, load_board
from hil.bench.yaml_source import read_yaml
from hil.errors import UsageError
from hil.report.requirements import requirements
from hil.report.signoff.policy import wanted
from hil.report.signoff.policy_file import load_policy, policy_schema

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "ci" / "signoff.yaml"


def test_the_shipped_policy_requires_every_requirement() -> None:
    """The ids of the testcases and those of the policy are the same list."""
    policy = load_policy(SHIPPED)
    assert [r.id for r in policy.requirements] == [r.id for r in requirements()]
    asked = {name for target in policy.targets for name in target.requirements}
    assert asked == {r.id for r in policy.requirements}


def test_the_shipped_policy_names_boards_that_exist() -> None:
    """Its boards are shipped ones, with the release and the number of RSEs that it says."""
    for want in wanted(load_policy(SHIPPED)):
        board = load_board(find_board(want.board)).board
        assert want.release == board.release
        assert want.target.rses == len(board.rses)


def test_the_shipped_policy_names_tests_that_exist() -> None:
    """Each test that it expects is a function in the file that it names."""
    for requirement in load_policy(SHIPPED).requirements:
        assert requirement.tests
        for test in requirement.tests:
            file, _, name = test.partition("::")
            tree = ast.parse((ROOT / file).read_text())
            names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert name.partition("[")[0] in names, test


def test_the_shipped_waiver_is_about_a_known_defect() -> None:
    """That not every seed is bound is waived by the id of the defect, in the releases that have it."""
    known = tomllib.loads((ROOT / "hil/diagnosis/known_defects.toml").read_text())["defect"]
    policy = load_policy(SHIPPED)
    (seeds,) = [r for r in policy.requirements if r.id == "RSE-VHUK-SEEDS"]
    (waiver,) = policy.expected_failures
    assert waiver.requirements == (seeds.id,)
    assert (waiver.defect,) == seeds.refuted_by
    assert waiver.defect in {defect["id"] for defect in known}


def test_the_schema_takes_the_shipped_policy() -> None:
    """The printed schema is a schema, and the shipped policy is valid against it."""
    Draft202012Validator.check_schema(policy_schema())
    data = read_yaml(SHIPPED).data
    # YAML reads a bare date as one; in JSON it is text.
    for waiver in data["allowed_skips"] + data["expected_failures"]:
        waiver["expires"] = str(waiver["expires"])
    Draft202012Validator(policy_schema()).validate(data)


LINES = POLICY.count("\n")
MISTAKES = [
    ("repeatz: {}", f":{LINES + 1}: repeatz: unknown key; did you mean 'repeats'?"),
    ("repeats: {policy: newest}", "repeats.policy: input should be 'latest', 'all-must-pass' or"),
    ("repeats: {flake_limit: 1.5}", "flake_limit: input should be less than 1, got 1.5"),
    ("max_age: soon", f":{LINES + 1}: max_age: expected an age like 36h, 14d or 4w, got 'soon'"),
    ("max_age: 14", "max_age: expected an age like"),
    (
        "expected_failures:\n  - {requirements: [REQ-B], owner: a, reason: b, expires: 2027-01-01}",
        "no requirement 'REQ-B'; did you mean 'REQ-A'?",
    ),
    (
        "allowed_skips:\n  - {requirements: [REQ-A], owner: a, reason: b}",
        f":{LINES + 2}: allowed_skips.0.expires: is missing",
    ),
    ("allowed_skips:\n  - {owner: a, reason: b, expires: 2027-01-01}", "what this is about"),
    (
        "allowed_skips:\n  - {tests: [a], owner: a, reason: b, expires: never}",
        "expires: expected a day like 2027-12-31",
    ),
    (
        "allowed_skips:\n  - {tests: [a], owner: a, reason: b, expires: 4102444800}",
        "expires: expected a day like 2027-12-31, got 4102444800",
    ),
    (
        "allowed_skips:\n  - {tests: [a], owner: ' ', reason: b, expires: 2027-01-01}",
        "owner: string",
    ),
    (
        "  - {id: REQ-C, title: c, stage_limits: {vhuk: .inf}}",
        "stage_limits.vhuk: input should be a finite number",
    ),
    ("foreign: [{board: a}]", "foreign.0.files: is missing"),
    ("name: again", "stands twice"),
]


@pytest.mark.parametrize(("more", "told"), MISTAKES)
def test_mistakes_are_named_with_their_line(tmp_path: Path, more: str, told: str) -> None:
    """Every mistake is `file:line: key: what was expected`."""
    path = tmp_path / "p.yaml"
    path.write_text(POLICY + more + "\n")
    with pytest.raises(UsageError) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}:")
    assert told in str(error.value)


def test_digests_are_asked_for_by_name(tmp_path: Path) -> None:
    """A bare list of digests is refused in the words of a policy, not of a programmer."""
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.replace("    rses: 2\n", f"    rses: 2\n    images: [{'a' * 64}]\n"))
    with pytest.raises(UsageError, match=r":6: targets\.0\.images: expected `key: value` lines"):
        load_policy(path)


@pytest.mark.parametrize(
    "requirement",
    ['tests: ["tests/a.py::test_a[rse{rse}]"]', "stage_limits: {vhuk: 30}"],
)
def test_the_number_of_rses_is_never_guessed(tmp_path: Path, requirement: str) -> None:
    """Without it the tests of all RSEs but the first could be missing, and nobody would see."""
    text = "name: a\ntargets:\n  - {boards: [lab], releases: ['2.3.1']}\nrequirements:\n"
    path = tmp_path / "p.yaml"
    path.write_text(f"{text}  - {{id: REQ-A, title: a, {requirement}}}\n")
    with pytest.raises(UsageError, match=r":3: targets\.0\.rses: is missing"):
        load_policy(path)
    path.write_text(text + "  - {id: REQ-A, title: a, tests: [tests/a.py::test_a]}\n")
    assert load_policy(path).targets[0].rses == 1


def test_ids_must_be_one_of_a_kind(tmp_path: Path) -> None:
    """A requirement twice, a target twice and a target that asks for an unknown id are refused."""
    path = tmp_path / "p.yaml"
    path.write_text(
        POLICY.replace("    rses: 2\n", "    rses: 2\n    requirements: [REQ-C]\n").replace(
            "targets:\n", 'targets:\n  - {boards: [lab], releases: ["2.3.1"]}\n'
        )
        + "  - {id: REQ-A, title: again}\n"
    )
    with pytest.raises(UsageError) as error:
        load_policy(path)
    lines = str(error.value).splitlines()
    assert any("'REQ-A' stands twice" in line for line in lines)
    assert any("no requirement 'REQ-C'; did you mean 'REQ-A'?" in line for line in lines)
    assert any("lab TF-M 2.3.1 is required 2 times" in line for line in lines)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "more than 50000 values"),
        ("a: &a [*a]", "nested too deeply|unhashable|not YAML|unknown key"),
        ("a: " + "[" * 5000, "not YAML"),
        ("x: " + "y" * (2 << 20), "larger than"),
        ("name: !!python/object/apply:os.system [id]", "line|constructor|:1"),
        ("\x00", "not YAML"),
        ("- a", "expected `key: value` lines"),
        ("", "expected `key: value` lines"),
    ],
)
def test_hostile_policies_are_one_clear_error(tmp_path: Path, text: str, told: str) -> None:
    """Alias bombs, deep nesting, huge files and tags of Python objects are refused by name."""
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told) as error:
        load_policy(path)
    assert str(path) in str(error.value)
