# SPDX-License-Identifier: Apache-2.0
"""The folder that a run leaves behind, written as the run goes.

    runs/<UTC time>-<board>/
        run.json        what was run, on what, with which images and tools; the verdict
        events.jsonl    what the harness did and saw, in order
        results.jsonl   one line per attempt at a test
        report.pytest.junit.xml   the same for CI systems
        uart/rse<N>.log + .idx    raw bytes of each UART and the time of each read
        attempts/<N>/   uart/ and logs/ of a bench that the lab broke, before it was built anew

Until the run has ended the verdict in `run.json` reads "killed": a run that is killed has no chance
to write that itself.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import hil
from hil.errors import UsageError
from hil.report.alive import process_started
from hil.whole_file import whole_file

FORMAT = 2


class Verdict(StrEnum):
    """How a run ended."""

    PASS = "pass"  # noqa: S105 -- a verdict
    FLAKY = "flaky"  # all passed, some only after the lab had broken an earlier attempt
    FAIL = "fail"  # the product failed
    ERROR = "error"  # the lab or the harness failed, so nothing is known about the product
    NO_TESTS = "no tests"
    INTERRUPTED = "interrupted"
    KILLED = "killed"


#: A value under a key of this kind is a secret, whatever it is.
_SECRET = re.compile(r"^(huks?|guk|kp_cm|kce_cm|kp_dm|kce_dm|krtl|seeds?|vhuk)$", re.IGNORECASE)


def without_secrets(value: Any) -> Any:
    """Return a copy of plain data with everything under a key's name taken out."""
    if isinstance(value, dict):
        return {
            k: "(not shown)" if _SECRET.match(str(k)) and _may_hold_key(v) else without_secrets(v)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(v) for v in value]
    return value


def _may_hold_key(value: Any) -> bool:
    """Tell keys from what merely has their name: a budget in seconds, nothing at all."""
    return bool(value) and not isinstance(value, int | float)


class RunRecord:
    """One run's folder; safe to use from several threads.

    A full disk does not stop the run: what could not be written is counted in `lost`, and the first
    reason is kept for the verdict. A line that was cut off so is ended before the next one begins.
    """

    def __init__(self, folder: Path, board: str) -> None:
        self.folder = folder
        self.id = folder.name
        self.lost = 0
        self.lost_reason: str | None = None
        self._lock = threading.Lock()
        self._cut: set[str] = set()
        self._watchers: list[Callable[[str, Mapping[str, Any]], None]] = []
        self._start = time.monotonic()
        self._run: dict[str, Any] = {
            "format": FORMAT,
            "id": self.id,
            "board": {"name": board},
            "verdict": Verdict.KILLED,
            "started": utc_now(),
            "finished": None,
            "pid": os.getpid(),
            "pid_started": process_started(os.getpid()),
            "host": platform.node(),
            "harness": {"name": "rse-hil", "version": hil.__version__},
            "python": platform.python_version(),
            "command": sys.argv,
        }
        (folder / "uart").mkdir(exist_ok=True)
        self.update()

    @classmethod
    def create(cls, runs: Path, board: str) -> RunRecord:
        """Make a new folder below `runs`, also when another run starts in the same second.

        Raises:
            UsageError: the folder cannot be made.
        """
        stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{board}"
        for attempt in range(1, 1000):
            folder = runs / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                folder.mkdir(parents=True)
                return cls(folder, board)
            except FileExistsError:
                if runs.exists() and not runs.is_dir():
                    raise UsageError(f"--runs {runs}: not a folder") from None
            except OSError as error:
                raise UsageError(f"--runs {runs}: {error.strerror}: {error.filename}") from None
        raise UsageError(f"--runs {runs}: {stem} to {stem}-999 exist already")

    def update(self, **values: Any) -> None:
        """Set top-level values of `run.json` and write it anew, whole or not at all."""
        with self._lock:
            self._run |= without_secrets(values)
            text = json.dumps(self._run, indent=2, default=str) + "\n"
            try:
                with whole_file(self.folder / "run.json") as stream:
                    stream.write(text.encode())
            except OSError as error:
                self._lose(error)

    def event(self, kind: str, **values: Any) -> None:
        """Append one thing that happened to `events.jsonl`."""
        entry = {"t": round(time.monotonic() - self._start, 6), "utc": utc_now(), "kind": kind}
        self._append("events.jsonl", entry | without_secrets(values))
        for watcher in self._watchers:
            watcher(kind, values)

    def watch(self, watcher: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Have `watcher` called with kind and values of every event from now on, by any thread."""
        self._watchers.append(watcher)

    def warn(self, text: str) -> None:
        """Note what a reader of the verdict must know although no test failed; once."""
        known = self.get("warnings") or []
        if text not in known:
            self.update(warnings=[*known, text])

    def result(self, values: Mapping[str, Any]) -> None:
        """Append one attempt at a test to `results.jsonl`; see `result_lines`."""
        self._append("results.jsonl", values)

    def finish(self, verdict: Verdict, **values: Any) -> None:
        """Write the verdict; the last thing a run does."""
        if self.lost:
            values["record_incomplete"] = f"{self.lost} writes failed: {self.lost_reason}"
        self.update(verdict=verdict, finished=utc_now(), **values)

    @property
    def values(self) -> dict[str, Any]:
        """All top-level values of `run.json`, as they are or would be if it could be written."""
        with self._lock:
            return dict(self._run)

    def get(self, key: str) -> Any:
        """Return a top-level value of `run.json`."""
        with self._lock:
            return self._run.get(key)

    def _append(self, name: str, entry: Mapping[str, Any]) -> None:
        line = (json.dumps(entry, default=str) + "\n").encode()
        with self._lock:
            line = b"\n" + line if name in self._cut else line
            try:
                with (self.folder / name).open("ab", buffering=0) as stream:
                    written = stream.write(line)
                if written == len(line):
                    self._cut.discard(name)
                else:
                    self._cut.add(name)
                    self._lose(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            except OSError as error:
                self._cut.add(name)
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost += 1
        self.lost_reason = self.lost_reason or f"{error.strerror or error}"


def utc_now() -> str:
    """Return the time as records write it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
