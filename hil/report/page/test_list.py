# SPDX-License-Identifier: Apache-2.0
"""The tests of a run as a page lists them: by file, each with what belongs to it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hil.report.page.failures import parts
from hil.report.page.images import digest_of
from hil.report.page.transcripts import Transcript
from hil.report.page.words import KINDS, Kind, seconds
from hil.report.recorded import GOOD, Attempt, RecordedRun, RecordedTest
from hil.report.xml_text import cut

#: Tests in one block, so that a browser lays out only the blocks that are seen.
BLOCK = 100
#: Characters of one explanation, and of all together.
MAX_TEXT = 6_000
ROOM = 8_000_000


@dataclass(frozen=True)
class Excerpt:
    """Where a test's part of a UART stands: the key of the transcript, first line and end."""

    rse: int
    key: str
    first: int
    end: int


@dataclass(frozen=True)
class TestView:
    """One test.

    Attributes:
        anchor: Its name on the page, the same on every page of this test.
        name: Its id without the file.
        text: The explanation of the attempt that counts, as far as there is room.
        output: What its devices said last, by title, for a test that did not pass.
        excerpts: Where its parts of the UARTs stand.
        stages: The stages of its last boot, one line for its RSE, or for each if it did not pass.
        images: Beginning of the digest over the images of its RSE.
    """

    __test__ = False  # no test of pytest's

    test: RecordedTest
    kind: Kind
    anchor: str
    name: str
    text: str
    output: tuple[tuple[str, str], ...]
    excerpts: tuple[Excerpt, ...]
    stages: tuple[str, ...]
    images: str


@dataclass(frozen=True)
class Group:
    """The tests of one file, in blocks."""

    name: str
    number: int
    tests: tuple[RecordedTest, ...]
    views: TestViews

    @property
    def blocks(self) -> Iterator[list[TestView]]:
        """Yield the tests in blocks."""
        for first in range(0, len(self.tests), BLOCK):
            yield [self.views.view(test) for test in self.tests[first : first + BLOCK]]

    @property
    def told(self) -> list[tuple[Kind, int]]:
        """How many ended how, the worst first."""
        found = Counter(str(test.status) for test in self.tests)
        return [(kind, found[status]) for status, kind in KINDS.items() if found[status]]


def anchor_of(name: str) -> str:
    """Return the name of a test on a page; made from its id, so that links outlive a page."""
    return "t" + hashlib.sha256(name.encode(errors="replace")).hexdigest()[:12]


class TestViews:
    """Makes the views of a run's tests.

    Args:
        run: The run.
        transcripts: What its UARTs said.
    """

    __test__ = False

    def __init__(self, run: RecordedRun, transcripts: Sequence[Transcript]) -> None:
        self._run = run
        self._uarts: dict[Path, Transcript] = {uart.path: uart for uart in transcripts}
        self._room = ROOM
        self._stages: dict[tuple[int, int], list[str]] = {}
        for stage in run.stages:
            told = seconds(stage.seconds) if stage.seconds is not None else stage.status
            self._stages.setdefault((stage.boot, stage.rse), []).append(f"{stage.stage} {told}")
        self._digest = cache(lambda rse: digest_of(run, rse)[:12])

    def groups(self) -> Iterator[Group]:
        """Yield the tests by file, in the order of the run."""
        files: dict[str, list[RecordedTest]] = {}
        for test in self._run.tests:
            files.setdefault(test.id.partition("::")[0], []).append(test)
        for number, (name, tests) in enumerate(files.items()):
            yield Group(name, number, tuple(tests), self)

    def view(self, test: RecordedTest) -> TestView:
        """Return what is shown of a test."""
        last = test.last
        output = () if test.status in GOOD else tuple(parts(last.output))
        return TestView(
            test=test,
            kind=KINDS[test.status],
            anchor=anchor_of(test.id),
            name=test.id.partition("::")[2] or test.id,
            text=self._take(last.text if last.text != last.message else ""),
            output=tuple((title, self._take(told)) for title, told in output),
            excerpts=tuple(self._excerpts(test, last)),
            stages=tuple(self._stages_of(test)),
            images="" if test.rse is None else self._digest(test.rse),
        )

    def _stages_of(self, test: RecordedTest) -> Iterator[str]:
        if not test.boots or (test.rse is None and test.status in GOOD):
            return
        for (boot, rse), stages in self._stages.items():
            if boot == test.boots[-1] and rse in (test.rse, rse if test.rse is None else None):
                yield f"RSE {rse}: {' · '.join(stages)}"

    def _take(self, text: str) -> str:
        told = cut(text, min(MAX_TEXT, max(self._room, 200))) if text else ""
        self._room -= len(told)
        return told

    def _excerpts(self, test: RecordedTest, attempt: Attempt) -> Iterator[Excerpt]:
        for rse, excerpt in self._run.excerpts(attempt).items():
            uart = self._uarts.get(excerpt.path)
            if uart is not None and test.rse in (rse, None):
                span = uart.span(excerpt.start, excerpt.end)
                if span:
                    yield Excerpt(rse, uart.key, span.start, span.stop)
