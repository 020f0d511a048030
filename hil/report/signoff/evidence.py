# SPDX-License-Identifier: Apache-2.0
"""What was seen: executions of tests, each on one board with one set of images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from hil.report.results import Status
from hil.report.signoff.dating import spans

#: Stands for a run's record as a whole, where this contradicts itself.
RECORD = "run::record"
#: Characters of a failure's text, and of its message, that a report keeps; all of it is in the evidence.
MAX_TEXT, MAX_MESSAGE = 2000, 400
#: Failures of one file whose text is kept.
MAX_TEXTS = 100


@dataclass(frozen=True, slots=True)
class Column:
    """What verdicts are about: a board, and the firmware that ran on it.

    Attributes:
        images: Name and SHA-256 of every image, sorted; empty if the source does not say.
    """

    board: str
    release: str
    toolchain: str | None
    images: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """One SHA-256 over all images, "" if none is known."""
        told = "".join(f"{name} {digest}\n" for name, digest in self.images)
        return hashlib.sha256(told.encode()).hexdigest() if told else ""

    def digests(self) -> Mapping[str, tuple[str, ...]]:
        """Return the digests of each image; RSEs of one system may have different ones."""
        found: dict[str, tuple[str, ...]] = {}
        for name, digest in self.images:
            found[name] = (*found.get(name, ()), digest)
        return found


@dataclass(frozen=True, eq=False)
class Source:
    """One run, or one test suite of a JUnit file.

    Attributes:
        path: What the user gave: the folder of a run, or a JUnit file.
        run: Id of the run; "" if the source does not say.
        seen: Whether every image was seen on the device.
        started: None if the source does not say.
        stages: Slowest time of every stage on every RSE: seconds since the release of reset, boot.
        remarks: What a reader must know of it.
    """

    path: Path
    run: str
    column: Column
    seen: bool
    started: datetime | None
    stages: Mapping[tuple[str, int], tuple[float, int]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    verdict: str = ""

    @property
    def name(self) -> str:
        """How a reader finds it."""
        return str(self.path)


@dataclass(frozen=True, slots=True, eq=False)
class Execution:
    """One test, executed once with all the attempts of that run.

    Attributes:
        key: Id of the test in the one form of ids.
        shown: Id as the source writes it.
        attempts: How often it was tried, from 1.
        unclean: How many of these were no clean pass.
        when: None if nobody says.
        seconds: None if nobody says.
    """

    key: str
    shown: str
    source: Source
    status: Status
    attempts: int = 1
    unclean: int = 0
    when: datetime | None = None
    req: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    message: str = ""
    text: str = ""
    seconds: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it passed, at whatever attempt."""
        return self.status is Status.PASS or self.status is Status.FLAKY


def newest_first(executions: Iterable[Execution]) -> list[Execution]:
    """Return executions of one test, newest first.

    One that did not pass and may be newer than a pass comes before it, so that no failure is taken for
    superseded that is not.
    """
    found = list(executions)
    if len(found) < 2:
        return found
    dated = zip(found, spans([one.when for one in found]), strict=True)
    keys = {
        id(one): (first if one.passed else last, not one.passed) for one, (first, last) in dated
    }
    return sorted(found, key=lambda one: keys[id(one)], reverse=True)


def without_long_tail(executions: list[Execution]) -> list[Execution]:
    """Return executions of one source, without the texts of all but the first failures.

    A board that is off makes every test of a night fail with the same page of text.
    """
    texts = 0
    out = []
    for execution in executions:
        texts += bool(execution.text)
        out.append(
            replace(execution, text="") if texts > MAX_TEXTS and execution.text else execution
        )
    return out


@dataclass(frozen=True)
class Evidence:
    """Everything that was given.

    Attributes:
        executions: Each once, however often its run and its JUnit file were given.
        sources: In the order given.
        files: Runs and JUnit files, for the bundle.
    """

    executions: tuple[Execution, ...]
    sources: tuple[Source, ...]
    files: tuple[Path, ...]
    remarks: tuple[str, ...] = ()
