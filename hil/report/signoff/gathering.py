# SPDX-License-Identifier: Apache-2.0
"""Everything on the command line, read once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hil.errors import UsageError
from hil.report.recorded import JUNIT
from hil.report.runs_view import find_runs
from hil.report.signoff.evidence import Evidence, Execution, Source
from hil.report.signoff.junit_input import read_junit
from hil.report.signoff.once import Once, content_id
from hil.report.signoff.policy import Policy
from hil.report.signoff.record_input import read_run_folder

MAX_INPUTS = 20_000


def gather(paths: Sequence[Path], policy: Policy) -> Evidence:
    """Read runs and JUnit files; a folder that is no run is searched for both, one level deep.

    Raises:
        UsageError: something given is neither, or not safe to read.
    """
    files = _files(paths)
    sources: list[Source] = []
    once = Once()
    remarks: list[str] = []
    for path in files:
        suites = _suites(path, policy)
        if not suites:
            remarks.append(f"{path}: holds no testcase")
        content = "" if path.is_dir() else content_id(path)
        for number, (source, found) in enumerate(suites):
            if not source.column.board:
                remarks.append(
                    f"{path}: says no board; {len(found)} testcases count nowhere "
                    "(`foreign` in the policy can say it)"
                )
            remarks += [f"{path}: {remark}" for remark in source.remarks]
            sources.append(source)
            for execution in found:
                once.add(execution, source.run or f"{content} {number}")
    return Evidence(once.executions, tuple(sources), tuple(files), (*remarks, *once.remarks))


def _suites(path: Path, policy: Policy) -> list[tuple[Source, list[Execution]]]:
    return (
        [read_run_folder(path, policy.foreign)]
        if path.is_dir()
        else read_junit(path, policy.foreign)
    )


def _files(paths: Sequence[Path]) -> list[Path]:
    """Return runs before JUnit files, each once: the record of a run says more than its file."""
    runs: dict[Path, Path] = {}
    files: dict[Path, Path] = {}
    for path in paths:
        if (path / "run.json").is_file():
            runs.setdefault(path.resolve(), path)
        elif path.is_dir():
            _search(path, runs, files)
        elif path.is_file():
            files.setdefault(path.resolve(), path)
        else:
            raise UsageError(f"{path}: no run and no file")
    inside = {run / JUNIT for run in runs} | {run / "junit.xml" for run in runs}
    found = [*runs.values(), *(path for real, path in files.items() if real not in inside)]
    if len(found) > MAX_INPUTS:
        raise UsageError(f"{len(found)} runs and files; at most {MAX_INPUTS} at once")
    return found


def _search(folder: Path, runs: dict[Path, Path], files: dict[Path, Path]) -> None:
    before = len(runs) + len(files)
    # As `hil runs` and `hil history add` find them: what these show may not be left out here.
    for path in find_runs(folder):
        runs.setdefault(path.resolve(), path)
    for path in sorted(folder.iterdir()):
        if path.suffix == ".xml" and path.is_file():
            files.setdefault(path.resolve(), path)
    if len(runs) + len(files) == before:
        raise UsageError(f"{folder}: no run (run.json) and no JUnit file (*.xml) in it")
