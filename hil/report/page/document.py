# SPDX-License-Identifier: Apache-2.0
"""Everything that a page shows of a run, gathered from its record and its transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hil.report.page.agreement import Agreement, agreement_of
from hil.report.page.boot_lines import BootLines, read_boot_lines
from hil.report.page.environment import board_text, environment_of
from hil.report.page.failures import Cause, Failure, causes_of, failures_of
from hil.report.page.images import ImageRow, image_rows
from hil.report.page.test_list import Group, TestViews
from hil.report.page.timeline import BootView, boot_view
from hil.report.page.transcripts import ROOM, Transcript, read_transcripts
from hil.report.page.trust import Point, trust
from hil.report.page.words import Kind, counts, sentence, verdict_kind
from hil.report.recorded import RecordedRun

#: Boots that are drawn; a soak has thousands.
MAX_BOOTS = 200


@dataclass
class Document:
    """A run as a page shows it.

    Args:
        run: The run.
        room: Raw bytes of UART output that the page may hold.
    """

    run: RecordedRun
    room: int = ROOM

    @property
    def kind(self) -> Kind:
        """How the verdict is shown."""
        return verdict_kind(self.run)

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return sentence(self.run)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many tests ended in each status, the worst first."""
        return counts(self.run)

    @cached_property
    def trust(self) -> list[Point]:
        """What a reader must know before believing the verdict."""
        return trust(self.run)

    @cached_property
    def failures(self) -> list[Failure]:
        """What went wrong, each thing once."""
        return failures_of(self.run)

    @cached_property
    def causes(self) -> list[Cause]:
        """What the diagnosis found, most certain first."""
        return causes_of(self.run.diagnosis)

    @cached_property
    def transcripts(self) -> list[Transcript]:
        """What the UARTs said, as far as there is room."""
        return read_transcripts(self.run, self.room)

    @cached_property
    def origin(self) -> float:
        """The moment from which the page counts, in seconds of the monotonic clock."""
        let_go = [boot.at for boot in self.run.boots if boot.at is not None]
        first = [t for uart in self.transcripts for t in uart.times[:1] if t is not None]
        return min(let_go or first, default=0.0)

    @cached_property
    def boot_lines(self) -> dict[int, dict[int, BootLines]]:
        """What the UARTs say of each boot, by its number and the RSE."""
        found: dict[int, dict[int, BootLines]] = {}
        wanted: dict[tuple[int, int], set[str]] = {}
        for stage in self.run.stages:
            if stage.line:
                wanted.setdefault((stage.boot, stage.rse), set()).add(stage.line)
        for boot in self.run.boots:
            found[boot.number] = {
                uart.rse: lines
                for uart in self.transcripts
                if (lines := read_boot_lines(uart, boot, wanted.get((boot.number, uart.rse), ())))
            }
        return found

    @cached_property
    def boots(self) -> list[BootView]:
        """The boots as they are drawn; see MAX_BOOTS."""
        return [
            boot_view(self.run, boot, self.boot_lines[boot.number], first=place == 0)
            for place, boot in enumerate(self.run.boots[:MAX_BOOTS])
        ]

    @property
    def boots_left_out(self) -> int:
        """How many boots are not drawn."""
        return max(0, len(self.run.boots) - MAX_BOOTS)

    @cached_property
    def agreement(self) -> Agreement:
        """Who agrees with whom."""
        return agreement_of(self.run, self.boot_lines)

    @cached_property
    def images(self) -> list[ImageRow]:
        """The images, equal ones once."""
        return image_rows(self.run)

    @cached_property
    def test_views(self) -> TestViews:
        """What is shown of each test."""
        return TestViews(self.run, self.transcripts)

    @property
    def groups(self) -> Iterator[Group]:
        """The tests by the files in which they stand."""
        return self.test_views.groups()

    @property
    def environment(self) -> list[tuple[str, str]]:
        """Where, with what and how the run was made."""
        return environment_of(self.run)

    @property
    def board_text(self) -> str:
        """The board as it was used."""
        return board_text(self.run)

    @property
    def files(self) -> list[str]:
        """The files of the run that a reader may want next, as far as they are there."""
        names = ["run.json", self.run.junit.name, "results.jsonl", "events.jsonl"]
        return [name for name in names if (self.run.folder / name).is_file()]

    def inside(self, path: Path) -> str:
        """Return the name of a file within the run's folder."""
        return path.relative_to(self.run.folder).as_posix()
