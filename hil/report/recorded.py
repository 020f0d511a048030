# SPDX-License-Identifier: Apache-2.0
"""The record of a run as a value: everything that shows, compares or judges runs reads this.

    run = read_record(Path("runs/20261121T122545Z-virtual-rse4"))
    [test.id for test in run.tests if test.status is Status.FAIL]

A run that was killed, or whose disk was full, is read as far as it got.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hil.errors import UsageError
from hil.report.alive import alive
from hil.report.record_lines import Lines, read_document, whole_text
from hil.report.record_values import (
    RecordedImage,
    budgets_of,
    by_rse,
    consoles_of,
    images_of,
    seconds_of,
    text_of,
    texts_of,
)
from hil.report.recorded_boots import RecordedBoot, RecordedStage, read_boots
from hil.report.result_lines import gather
from hil.report.results import GOOD, LADDER, Attempt, RecordedTest, Status, broken_test
from hil.report.run_record import Verdict

__all__ = [
    "GOOD",
    "JUNIT",
    "LADDER",
    "Attempt",
    "Excerpt",
    "RecordedBoot",
    "RecordedImage",
    "RecordedRun",
    "RecordedStage",
    "RecordedTest",
    "Status",
    "read_record",
]

#: Name of a run's JUnit file; StrictDoc takes files of this name for those of pytest.
JUNIT = "report.pytest.junit.xml"


@dataclass(frozen=True)
class Excerpt:
    """A part of a transcript: the bytes from `start` to `end` (None: to the end of the file)."""

    path: Path
    start: int
    end: int | None


#: The RSE that a test is about, in its id.
_RSE = re.compile(r"rse(\d{1,3})\]$")


@dataclass(frozen=True)
class RecordedRun:
    """One run.

    Attributes:
        folder: Where it is.
        toolchain: Compiler of the images, None if the images and the build tree do not tell.
        verdict: A `Verdict`, or "running".
        failure_class: "product", "infrastructure" or "harness"; None if nothing failed.
        finished: None for a run that goes on or was killed.
        values: The whole of `run.json`.
        fingerprints: Of the vHUK, by RSE.
        diagnosis: The last one, None without any.
        consoles: Transcripts of the last bench, by RSE; of earlier ones, see `excerpts`.
        torn: Lines that a crash or a full disk left damaged.
        under_way: Id of the test in which a killed run ended.
    """

    folder: Path
    id: str
    board: str
    release: str
    toolchain: str | None
    verdict: str
    failure_class: str | None
    started: str
    finished: str | None
    seconds: float | None
    values: Mapping[str, Any]
    tests: tuple[RecordedTest, ...]
    stages: tuple[RecordedStage, ...]
    images: tuple[RecordedImage, ...]
    fingerprints: Mapping[int, str]
    diagnosis: Mapping[str, Any] | None
    warnings: tuple[str, ...]
    reasons: tuple[str, ...]
    consoles: Mapping[int, Path]
    boots: tuple[RecordedBoot, ...] = ()
    torn: int = 0
    under_way: str | None = None
    sessions: int = 1

    @property
    def image_digest(self) -> str:
        """One SHA-256 over all images, whatever their number of RSEs; "" if none was loaded."""
        pairs = sorted({(image.name, image.sha256) for image in self.images})
        told = "".join(f"{name} {digest}\n" for name, digest in pairs)
        return hashlib.sha256(told.encode(errors="backslashreplace")).hexdigest() if pairs else ""

    @property
    def seen_on_device(self) -> bool:
        """Whether every image was seen on the device, so that the verdict is about them."""
        return bool(self.images) and all(image.seen for image in self.images)

    @property
    def executed(self) -> tuple[RecordedTest, ...]:
        """The tests, with the one in which the run ended as one that broke."""
        if not self.under_way or self.verdict == "running":
            return self.tests
        if any(test.id == self.under_way for test in self.tests):
            return self.tests  # it has its result: the run ended while it was torn down
        told = f"the run was {self.verdict} in this test"
        rse = _RSE.search(self.under_way)
        ended = broken_test(self.under_way, told, when=self.finished or "")
        return (*self.tests, replace(ended, rse=int(rse[1]) if rse else None))

    @property
    def junit(self) -> Path:
        """The run's JUnit file; a run that was killed has none."""
        return self.folder / JUNIT

    def test(self, name: str) -> RecordedTest | None:
        """Return the test of an id."""
        return next((test for test in self.tests if test.id == name), None)

    def uart(self, rse: int, session: int | None = None) -> Path:
        """Return the transcript of an RSE on a bench of this run, the last one by default.

        That of a replay lies in the run that it looked at.
        """
        if (looked_at := self.values.get("replay_of")) is not None:
            return Path(str(looked_at)) / "uart" / f"rse{rse}.log"
        last = session is None or session >= self.sessions
        folder = self.folder if last else self.folder / "attempts" / str(session)
        return folder / "uart" / f"rse{rse}.log"

    def excerpts(self, attempt: Attempt) -> dict[int, Excerpt]:
        """Return what every RSE said in the boots that an attempt looked at, by RSE."""
        spans: dict[int, tuple[int, int | None]] = dict(attempt.uart)
        if not spans:
            for boot in self.boots:
                if boot.number in attempt.boots:
                    for rse, start in boot.offsets.items():
                        first = spans[rse][0] if rse in spans else start
                        spans[rse] = (first, boot.ends.get(rse))
        return {
            rse: Excerpt(self.uart(rse, attempt.session), start, end)
            for rse, (start, end) in sorted(spans.items())
        }


def read_record(folder: Path) -> RecordedRun:
    """Return the record of a run, of today's format or of the first one.

    Raises:
        UsageError: the folder holds no run, or its `run.json` is damaged; names file and line.
    """
    path = folder / "run.json"
    values = read_document(path)
    board, verdict = values.get("board"), values.get("verdict")
    if not isinstance(board, dict) or "name" not in board or not isinstance(verdict, str):
        raise UsageError(f"{path}: not the record of a run (no board, or no verdict)")
    if verdict == Verdict.KILLED and alive(values):
        verdict = "running"
    results, events = Lines(folder / "results.jsonl"), Lines(folder / "events.jsonl")
    tests, bad_results = gather(results)
    journal = read_boots(events, budgets_of(board))
    sessions = [boot.session for boot in journal.boots]
    sessions += [attempt.session for test in tests for attempt in test.attempts]
    return RecordedRun(
        folder=folder,
        id=str(values.get("id") or whole_text(folder.name)),
        board=str(board["name"]),
        release=str(values.get("release") or ""),
        toolchain=text_of(values.get("toolchain")),
        verdict=verdict,
        failure_class=text_of(values.get("failure_class")) or _class_of(verdict, tests),
        started=str(values.get("started") or ""),
        finished=text_of(values.get("finished")),
        seconds=seconds_of(values),
        values=values,
        tests=tests,
        stages=journal.stages,
        images=images_of(values.get("images")),
        fingerprints=by_rse(values.get("fingerprints")),
        diagnosis=values["diagnosis"] if isinstance(values.get("diagnosis"), dict) else None,
        warnings=texts_of(values.get("warnings")),
        reasons=texts_of(values.get("reasons")),
        consoles=consoles_of(folder),
        boots=journal.boots,
        torn=results.torn + events.torn + bad_results + journal.bad,
        under_way=journal.under_way,
        sessions=max(sessions, default=1),
    )


def _class_of(verdict: str, tests: tuple[RecordedTest, ...]) -> str | None:
    kinds = {test.failure_class for test in tests}
    found = next((k for k in ("product", "harness", "infrastructure") if k in kinds), None)
    return found if verdict in (Verdict.FAIL, Verdict.ERROR) else None
