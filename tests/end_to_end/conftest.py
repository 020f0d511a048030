# SPDX-License-Identifier: Apache-2.0
"""Runs `pytest testcases --board ...` as a user does, on boards that a test derives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from hil.report.junit_properties import from_output
from hil.report.recorded import JUNIT, RecordedRun, read_record

ROOT = Path(__file__).resolve().parents[2]
#: Nothing that these runs do may take longer, whatever is wrong with the devices.
LIMIT = 300


@dataclass
class Run:
    """A finished run."""

    status: int
    output: str
    folder: Path

    @property
    def record(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return loaded

    @property
    def recorded(self) -> RecordedRun:
        """The run as every reader of records sees it."""
        return read_record(self.folder)

    @property
    def cases(self) -> dict[str, Any]:
        [suite] = JUnitXml.fromfile(str(self.folder / JUNIT))
        return {case.name: case for case in suite}

    @property
    def all_cases(self) -> list[Any]:
        """The testcases in their order; those that ran on several devices have one name."""
        [suite] = JUnitXml.fromfile(str(self.folder / JUNIT))
        return list(suite)

    def properties_of(self, name: str) -> dict[str, str]:
        """What the JUnit file says of a test beside its outcome."""
        return from_output(self.cases[name].system_out)

    def text_of(self, name: str) -> str:
        """What a failed test case says."""
        [result] = self.cases[name].result
        return f"{result.message}\n{result.text}"


class Lab:
    """A folder with boards of its own, where runs are started and what they leave is looked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boards = folder / "boards"
        self.boards.mkdir()
        self.runs = folder / "runs"
        self._started: list[subprocess.Popen[str]] = []

    def board(self, text: str, name: str = "odd") -> str:
        (self.boards / f"{name}.yaml").write_text(text)
        return name

    def start(self, board: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pytest", "testcases", "-q"]
        command += ["-o", f"cache_dir={self.folder / 'cache'}"]
        command += ["--board", board, "--boards", str(self.boards), "--runs", str(self.runs)]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=os.environ | {"HIL_STATE": str(self.folder / "state")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Run:
        output, _ = process.communicate(timeout=LIMIT)
        folders = sorted(self.runs.glob("*/run.json")) if self.runs.is_dir() else []
        return Run(process.returncode, output, folders[-1].parent if folders else self.runs)

    def all_runs(self) -> list[Run]:
        """The records of all runs so far."""
        return [Run(0, "", path.parent) for path in sorted(self.runs.glob("*/run.json"))]

    def run(self, board: str, *arguments: str) -> Run:
        return self.finish(self.start(board, *arguments))

    def end(self) -> None:
        """End the runs that a failed test did not see to their end."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=LIMIT)
            except ValueError:  # its output was read already
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def processes(self, word: str = "") -> list[int]:
        """Processes whose command line names a file of this lab, and `word`."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            pid = int(path.parent.name)
            if str(self.runs) in line and word in line and pid != os.getpid():
                found.append(pid)
        return found

    def wait_for(self, text: str, name: str, limit: float = LIMIT, board: str = "") -> None:
        """Wait until a UART of the run that goes on has said something."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            ended = self._started[-1].poll() is not None
            for path in self.runs.glob(f"*{board}/uart/{name}.log"):
                if text.encode() in path.read_bytes():
                    return
            if ended:
                output, _ = self._started[-1].communicate(timeout=LIMIT)
                pytest.fail(f"the run ended before {name} said {text!r}:\n{output}")
            time.sleep(0.01)
        pytest.fail(f"{name} did not say {text!r} within {limit} s")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab; fails if a process of one of its runs is still there afterwards."""
    lab = Lab(tmp_path)
    yield lab
    lab.end()
    deadline = time.monotonic() + 30  # on a busy machine; a janitor takes a moment
    while (left := lab.processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left running: {left}"
