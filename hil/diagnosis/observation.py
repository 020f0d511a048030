# SPDX-License-Identifier: Apache-2.0
"""What one RSE showed, whatever it was read from: a live boot, a run record or a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hil.model.error_code_tables import LOST_2_2
from hil.model.fingerprint import PARTITION_ID
from hil.model.system_inputs import SystemInputs
from hil.uart.report_lines import StateReport


@dataclass(frozen=True)
class ErrorLine:
    """A line that reports an error, a halt or an exception.

    Attributes:
        text: The line, with the name of its code.
        code: The number in it, None if there is none.
    """

    text: str
    code: int | None = None

    @property
    def code_lost(self) -> bool:
        """Whether it has the number that BL1 of 2.2 prints whatever went wrong."""
        return self.code is not None and (self.code ^ LOST_2_2) & 0xFFFFFFFF == 0


@dataclass(frozen=True)
class Observation:
    """One RSE after a boot of the system.

    Attributes:
        rse: Its place: the id that the board file gives to this UART.
        source: Where this was read: a console or a file.
        seen: Whether there is a UART at all; False for an RSE that nobody recorded.
        silent: Whether its UART said nothing.
        gone: Why its device or console is gone, "" while it is there.
        boots: Number of boots that were seen.
        reached: Stages of the last boot, oldest first.
        ever: Stages of any boot.
        complete: Whether it came as far as it should.
        detail: Why it did not, in words, "" where nothing is known.
        fingerprints: Of the last boot, by the stage of the firmware that printed them.
        earlier: Fingerprints of boots before, by the same.
        ids: Ids that its report lines gave it.
        of: Number of RSEs that its firmware was built for, None if not told.
        seeds: Fingerprints of the seed array that it ended with, () if not told.
        state: What enters its boot state, None if not told.
        chip_id: Id that BL2 printed.
        version: TF-M version that it printed.
        errors: Error lines of all boots.
        halt: The line after which nothing followed.
        crash: The exception or panic that a boot ended with.
        last_line: The text that came last.
        notes: What is odd about the recording (report lines that cannot be read).
    """

    rse: int
    source: str = ""
    seen: bool = True
    silent: bool = False
    gone: str = ""
    boots: int = 1
    reached: tuple[str, ...] = ()
    ever: frozenset[str] = frozenset()
    complete: bool = False
    detail: str = ""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: tuple[int, ...] = ()
    of: int | None = None
    seeds: tuple[str, ...] = ()
    state: StateReport | None = None
    chip_id: int | None = None
    version: str | None = None
    errors: tuple[ErrorLine, ...] = ()
    halt: ErrorLine | None = None
    crash: ErrorLine | None = None
    last_line: str = ""
    notes: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """Stage that it stands in, "" before the first."""
        return self.reached[-1] if self.reached else ""

    @property
    def own_id(self) -> int:
        """Id that it goes by: as reported, or its place."""
        return self.ids[-1] if self.ids else self.rse


@dataclass(frozen=True)
class Case:
    """What is to be explained.

    Attributes:
        title: What this is about, for the head of the text.
        firmware: The TF-M release by the name that the user knows.
        inputs: What is known of the system; keys that are not known are None.
        observations: One for each RSE, by place from 0.
        partition_id: Client id of the runtime reporter.
        from_virgin: The boot was to provision the devices.
        reporter: Whether the firmware is expected to print fingerprints.
        state_known: Whether `inputs` says what the devices are provisioned with.
        release_known: Whether the release is told or printed, and not merely assumed.
        notes: What the reader must know about the input.
    """

    title: str
    firmware: str
    inputs: SystemInputs
    observations: tuple[Observation, ...]
    partition_id: int = PARTITION_ID
    from_virgin: bool = False
    reporter: bool = True
    state_known: bool = True
    release_known: bool = True
    notes: tuple[str, ...] = ()
