# SPDX-License-Identifier: Apache-2.0
"""The shipped pipelines: valid for their CI systems, and every command in them is one that exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hil import cli
from hil.bench.board_file import find_board, load_board

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY, SIGNOFF = ROOT / "ci/github/nightly.yml", ROOT / "ci/github/signoff.yml"
GITLAB, JENKINS = ROOT / "ci/gitlab-ci.yml", ROOT / "ci/Jenkinsfile"
ALL = (NIGHTLY, SIGNOFF, GITLAB, JENKINS)


@dataclass(frozen=True)
class Step:
    """A shell text of a pipeline."""

    pipeline: Path
    text: str


def github(path: Path) -> Iterator[str]:
    """Yield the shell texts of a workflow."""
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


def gitlab(path: Path) -> Iterator[str]:
    """Yield the shell texts of a GitLab pipeline."""
    for job in yaml.safe_load(path.read_text()).values():
        if isinstance(job, dict):
            for key in ("before_script", "script", "after_script"):
                yield from job.get(key, ())


def jenkins(path: Path) -> Iterator[str]:
    """Yield the shell texts of a Jenkinsfile."""
    yield from re.findall(r"\bsh '([^'\n]*)'", path.read_text())


def steps() -> list[Step]:
    """Return the shell texts of all pipelines."""
    found = [Step(path, text) for path in (NIGHTLY, SIGNOFF) for text in github(path)]
    found += [Step(GITLAB, text) for text in gitlab(GITLAB)]
    return found + [Step(JENKINS, text) for text in jenkins(JENKINS)]


def boards(path: Path) -> list[str]:
    """Return the boards that a pipeline runs."""
    text = path.read_text()
    (listed,) = re.findall(r"(?:board: \[|BOARD: \[|values )([^\]\n]*)", text)
    return [name.strip(" '") for name in listed.split(",")]


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Return every call of a program in `.venv/bin`, as the shell would split it."""
    found = []
    for step in steps():
        board = boards(step.pipeline)[0]
        for line in step.text.splitlines():
            match = re.search(rf"\.venv/bin/{program}\b(.*)", line)
            if match is None:
                continue
            text = match[1].partition(" || ")[0].partition(" >> ")[0].partition(";")[0]
            text = re.sub(r"\$\{SIGNOFF_KEY:\+(.*)\}", r"\1", text)
            text = text.replace('"${run%/run.json}"', "runs/one")
            for name, value in (("BOARD", board), ("POLICY", "ci/signoff.yaml"), ("key", "k")):
                text = text.replace(f'"${name}"', value)
            text = text.replace('"$SIGNOFF_KEY"', "key.pem")
            assert "$" not in text, f"{step.pipeline.name}: {line}"
            found.append((f"{step.pipeline.name}: {line.strip()}", shlex.split(text)))
    return found


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-workflows", NIGHTLY),
        ("vendor.github-workflows", SIGNOFF),
        ("vendor.gitlab-ci", GITLAB),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_github_and_gitlab_take_their_files(schema: str, path: Path) -> None:
    """Each file is valid against the schema of its CI system."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schemas_refuse_mistakes(tmp_path: Path) -> None:
    """A misspelt key of a workflow is found, so that the check above can fail."""
    bad = tmp_path / "bad.yml"
    bad.write_text(NIGHTLY.read_text().replace("    steps:", "    stepz:", 1))
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(bad)]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == 1


def test_the_jenkinsfile_is_whole() -> None:
    """Brackets and quotes close in order, and each section stands where Jenkins takes it."""
    text = re.sub(r"(?m)^\s*//.*$", "", JENKINS.read_text())
    text = re.sub(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", "''", text)
    assert text.count("'") % 2 == 0
    assert '"' not in text
    stack: list[str] = []
    inside: dict[str, set[str]] = {}
    for match in re.finditer(r"(?:(\w+)\s*(?:\([^(){}]*\))?\s*)?([{\[(])|([}\])])", text):
        word, opened, closed = match.groups()
        if opened:
            if opened == "{":
                name = word or ""
                around = next((w for w in reversed(stack) if w[0] == "{"), "{")[1:]
                inside.setdefault(around, set()).add(name)
            stack.append(opened + (word or "" if opened == "{" else ""))
        else:
            assert stack, "a bracket too many"
            assert stack.pop()[0] + closed in {"{}", "[]", "()"}
    assert stack == []
    assert inside[""] == {"pipeline"}
    top = {"agent", "triggers", "options", "parameters", "environment", "stages", "post"}
    assert inside["pipeline"] <= top
    assert {"agent", "stages", "post"} <= inside["pipeline"]
    assert inside["stage"] <= {"steps", "when", "matrix", "options", "stages"}


@pytest.mark.parametrize(
    "step", steps(), ids=lambda step: f"{step.pipeline.name}: {step.text[:50]}"
)
def test_shell_texts_are_shell(step: Step) -> None:
    """Each shell text parses."""
    done = subprocess.run(["bash", "-n"], input=step.text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("line", "arguments"), commands("hil"), ids=lambda value: str(value)[:70])
def test_every_hil_command_is_one(
    line: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The sub-command and all its options are what `hil` takes today."""
    try:
        options: Any = cli._parser().parse_args(arguments)
    except SystemExit:
        pytest.fail(f"{line}: {capsys.readouterr().err}")
    assert callable(options.run)
    for word in arguments:
        if word.startswith("ci/"):
            assert (ROOT / word).is_file()


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_each_pipeline_tests_judges_and_verifies(path: Path) -> None:
    """Test on every board, sign-off by the policy, check of the archive: all three, in all four."""
    mine = [line for line, _ in commands("hil") if line.startswith(f"{path.name}: ")]
    assert any("hil signoff verify signoff/evidence.zip" in line for line in mine)
    assert any(
        re.search(r'hil signoff (ci/signoff.yaml|"\$POLICY") runs -o signoff', m) for m in mine
    )
    assert [a for line, a in commands("pytest") if line.startswith(f"{path.name}: ")]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_the_boards_are_those_of_the_policy(path: Path) -> None:
    """A pipeline runs every board that the shipped policy asks for, and all of them are shipped."""
    policy = yaml.safe_load((ROOT / "ci/signoff.yaml").read_text())
    assert boards(path) == [name for target in policy["targets"] for name in target["boards"]]
    for name in boards(path):
        assert load_board(find_board(name)).board.name == name


def test_the_pytest_command_collects_on_a_board() -> None:
    """All pipelines call pytest in one way, which finds the testcases with a board."""
    calls = {tuple(arguments) for _, arguments in commands("pytest")}
    (call,) = calls
    command = [
        sys.executable,
        "-m",
        "pytest",
        *call,
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert "testcases/vhuk/test_agreement.py" in done.stdout


def test_scripts_of_the_repository_exist() -> None:
    """`python3 ci/x.py` calls a file that is there."""
    called = {word for step in steps() for word in re.findall(r"python3 (\S+)", step.text)}
    assert called
    assert all((ROOT / word).is_file() for word in called)


def test_no_input_of_a_workflow_stands_in_a_shell_text() -> None:
    """What somebody types into a form reaches the shell by environment, never as its text."""
    for path in (NIGHTLY, SIGNOFF):
        for text in github(path):
            assert "${{" not in text


def test_the_policy_names_every_test() -> None:
    """No pattern of the shipped policy is content with a part of the tests that `pytest -k` left."""
    policy = yaml.safe_load((ROOT / "ci/signoff.yaml").read_text())
    assert not [t for r in policy["requirements"] for t in r["tests"] if "*" in t]


def test_the_end_of_the_jenkinsfile_keeps_what_there_is() -> None:
    """Results and artefacts come before every command that can fail, and no such ends the others."""
    end = JENKINS.read_text().partition("post {")[2]
    first = end.index("sh '")
    assert end.index("junit testResults") < first
    assert end.index("archiveArtifacts") < first
    outside = re.sub(r"catchError\([^)]*\) \{.*?\n            \}", "", end, flags=re.DOTALL)
    assert "sh '" not in outside


def test_the_end_of_the_gitlab_job_comes_to_its_end(tmp_path: Path) -> None:
    """A command that fails, as where no run was kept, does not keep the others from running."""
    job = yaml.safe_load(GITLAB.read_text())["signoff"]
    program = tmp_path / ".venv/bin/hil"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$1 $2" >> called\nexit 1\n')
    program.chmod(0o755)
    text = "set -eo pipefail\n" + "\n".join(job["after_script"])
    subprocess.run(["bash", "-c", text], cwd=tmp_path, timeout=60, check=False)
    called = (tmp_path / "called").read_text().split("\n")
    assert called == ["history add", "history show", "history flaky", ""]
    assert job["script"][-1].endswith("hil signoff verify signoff/evidence.zip")


def test_a_night_that_failed_is_in_the_history() -> None:
    """`actions/cache` saves nothing in a job that failed; and one damaged record loses no night."""
    steps = [
        s for job in yaml.safe_load(NIGHTLY.read_text())["jobs"].values() for s in job["steps"]
    ]
    used = [step.get("uses", "") for step in steps]
    assert not [name for name in used if name.startswith("actions/cache@")]
    [save] = [step for step in steps if step.get("uses", "").startswith("actions/cache/save@")]
    assert save["if"] == "${{ !cancelled() }}"
    [add] = [step["run"] for step in steps if "hil history add" in step.get("run", "")]
    assert re.search(r"hil history add [^\n]* \|\| true\n", add)


def test_tests_end_before_their_job_does() -> None:
    """A job that runs out of time keeps no record: the tests have a limit of their own."""
    for path in (NIGHTLY, SIGNOFF, GITLAB):
        text = path.read_text()
        [(killed, limit)] = re.findall(
            r"timeout --kill-after=(\d+)m (\d+)m \.venv/bin/pytest testcases", text
        )
        jobs = [int(m) for m in re.findall(r"timeout(?:-minutes)?: (\d+)", text)]
        assert jobs
        assert int(killed) + int(limit) < max(jobs), path.name
