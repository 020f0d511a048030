# SPDX-License-Identifier: Apache-2.0
"""`--flash`, the summary of a load and its bars, as a user meets them in a lab's own repository."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hil_fixtures.loading import on_terminal

from .conftest import LIMIT, Run

ROOT = Path(__file__).resolve().parents[2]
#: One board that keeps its flash from run to run, as a real one does.
BOARD = """\
release: "2.3.1"
launcher:
  kind: pyocd
  target: rse_virtual
  user_script: {root}/boards/pyocd/virtual_rse.py
  options: {{reset.post_delay: 0.0}}
services:
  rse:
    command: [hil-virtual-board, --chip, "0", --rse-amount, "1", --release, "{{release}}",
              --state, "{{board}}/device", --fabric, "{{state}}/fabric"]
    announce: 'probe (?P<probe>\\S+) uart (?P<uart>\\S+)'
rses: [{{id: 0, probe: "{{rse.probe}}", console: {{serial: "{{rse.uart}}"}}}}]
images:
  bl2: {{memory: flash, address: 0xB0000000, file: bl2.bin}}
"""
TEST = """\
def test_it_is_loaded(loaded):
    assert all(image.verified for image in loaded.images)
"""
SIZE = 50_000


class Repository:
    """A lab's own repository, outside of this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "b.yaml").write_text(BOARD.format(root=ROOT))
        (folder / "test_it.py").write_text(TEST)
        (folder / "bl2.bin").write_bytes(os.urandom(SIZE))

    def command(self, *arguments: str) -> list[str]:
        base = [sys.executable, "-m", "pytest", "test_it.py", "-p", "no:cacheprovider"]
        return [*base, "--board", str(self.folder / "b.yaml"), *arguments]

    def environment(self) -> dict[str, str]:
        own = {"HIL_STATE": str(self.folder / "state"), "TERM": "xterm"}
        return {k: v for k, v in os.environ.items() if k != "CI"} | own

    def run(self, *arguments: str) -> Run:
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment(), capture_output=True,
            text=True, timeout=LIMIT,
        )  # fmt: skip
        *_, folder = sorted(self.folder.glob("runs/*/run.json"))
        return Run(done.returncode, done.stdout + done.stderr, folder.parent)

    def on_terminal(self, *arguments: str) -> str:
        """Run on a terminal; return all that appeared there."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments), cwd=self.folder, stdout=slave, stderr=slave,
            env=self.environment(),
        )  # fmt: skip
        os.close(slave)
        shown = bytearray()

        def read() -> None:
            try:
                while data := os.read(master, 4096):
                    shown.extend(data)
            except OSError:
                return  # the last program on the terminal has ended

        reader = threading.Thread(target=read)
        reader.start()
        assert process.wait(LIMIT) == 0
        reader.join(LIMIT)
        os.close(master)
        return shown.decode(errors="replace")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def loaded(run: Run) -> dict[str, Any]:
    events = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    [event] = [event for event in events if event["kind"] == "loaded"]
    return dict(event)


def test_what_is_written_is_decided_by_the_device(repository: Repository) -> None:
    """Never fails on a virgin device; then all is written, nothing, nothing, and all at wish."""
    first = repository.run("--flash=never")
    assert first.status != 0
    assert "image bl2: the device does not hold it: 4 of its 4 sectors differ" in first.output
    [refused] = first.recorded.tests
    assert len(refused.attempts) == 1, "what is refused is refused again"
    seen = []
    for policy in ([], ["--flash=never"]):
        run = repository.run(*policy)
        assert run.status == 0, run.output
        [board] = loaded(run)["boards"]
        [image] = loaded(run)["images"]
        assert (board["size"], board["verified"]) == (SIZE, SIZE)
        assert board["bytes_per_second"] > 0
        assert (image["written"], image["skipped"]) == (board["written"], board["skipped"])
        seen.append((board["erased"], board["written"], board["skipped"]))
        assert re.search(r"RSE 0: 48 KiB in .* kB/s\): .* erased, .* 48 KiB verified", run.output)
        assert "\x1b" not in run.output
        assert "━" not in run.output
    assert seen == [(0x10000, SIZE, 0), (0, 0, SIZE)]
    shown = repository.on_terminal("--flash=always")
    assert re.search(r"RSE 0 .*━", shown), "no bar on a terminal"
    assert "64 KiB erased, 48 KiB written, 0 B skipped, 48 KiB verified" in shown


@pytest.mark.parametrize(
    ("environment", "bars"), [({}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)]
)
def test_bars_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], bars: bool
) -> None:
    """The log of a CI job has none, though a CI system may lend its jobs a terminal."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert on_terminal() is bars
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert not on_terminal()
