# SPDX-License-Identifier: Apache-2.0
"""The boots in a stream of lines, and how far each of them came.

One log holds several boots: provisioning resets the chip up to five times, tests and panics reset
it, people press buttons. A boot begins

- with "Starting TF-M BL1_1"; the lines about the noise source and the self-tests that stand before
  it (from TF-M 2.3 on) belong to it;
- without BL1, or when bytes were lost, with any later stage that the boot so far had already
  reached or passed: "Starting bootloader" after "Starting bootloader", or after the runtime;
- in a build without log lines (Release), with tests that begin again: an area of tests that had
  begun before, the Secure ones after Non-secure ones, the banner of psa-arch-tests after tests;
- with the first known line, if the log begins in the middle of a boot or prints no banner at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hil.uart.events import Event
from hil.uart.framing import Line
from hil.uart.report_lines import Report
from hil.uart.suites import SuiteResults

#: All stages, in the order in which a boot reaches them.
STAGES = ("BL1_1", "provisioning", "BL1_2", "vhuk", "BL2", "runtime", "ns", "end")

PLACES = {stage: place for place, stage in enumerate(STAGES)}
#: Stages that a boot passes once, so that seeing one again means another boot.
ONCE = frozenset({"BL1_1", "BL1_2", "BL2", "runtime", "ns"})
BANNERS = ("BL1_1", "BL1_2", "BL2")
#: Rows that are printed before "Starting TF-M BL1_1".
BEFORE_BL1_1 = frozenset({"1", "2", "3", "4", "5"})
NO_TESTS = SuiteResults()
_NS_IMAGE = "1"
#: Errors and report lines kept of one boot.
MAX_KEPT = 200
#: Boots kept of one log.
MAX_BOOTS = 1000


@dataclass(frozen=True)
class StageTime:
    """A stage that was reached, when (seconds, None if unknown), and the line that says so."""

    stage: str
    t: float | None
    line: Line


@dataclass(frozen=True)
class Boot:
    """One boot, as far as it has come.

    Attributes:
        number: From 0 in its log.
        stages: Stages in the order in which they were reached, each once.
        errors: Lines of kind "error", at most MAX_KEPT.
        halt: The line after which nothing follows.
        exception: The exception or panic that it ended with.
        reports: What the reporter said.
        lcs: Life-cycle state ("DM", "SE") to which the provisioning in this boot went over.
        recovery: Provisioning began in BL1_2, because no BL2 image was good.
        chip_id: As BL2 prints it: the id of the RSE.
        tfm_version: As the runtime prints it.
        image_version: Version of image 0, as BL2 prints it.
        image: Number of the image that a boot loader looked at last; when it stops, of that one.
        slot: Slot of that image that the boot loader found not valid.
        blame: The line that says what is wrong with that image, if there is one.
        images: Numbers of all images that BL2 named.
        handed_over: BL2 jumped to the runtime.
        regression: Verdicts of tf-m-tests in this boot.
        arch: Verdicts of psa-arch-tests in this boot.
        arch_anew: psa-arch-tests began from the start, not behind a reset of their own.
        end: The firmware's own last word.
        standby: psa-arch-tests said that they end, which they also do when they cannot begin.
        reported: psa-arch-tests counted one test or more in a report of this boot.
        ordered_reset: The reset behind it was asked for by whoever ran it.
        dump: What the dump of an exception says: registers by name, "from" (where it came from).
    """

    number: int
    stages: tuple[StageTime, ...] = ()
    errors: tuple[Event, ...] = ()
    halt: Event | None = None
    exception: Event | None = None
    reports: tuple[Report, ...] = ()
    lcs: str | None = None
    recovery: bool = False
    chip_id: int | None = None
    tfm_version: str | None = None
    image_version: str | None = None
    image: str | None = None
    slot: str | None = None
    blame: Event | None = None
    images: frozenset[str] = frozenset()
    handed_over: bool = False
    regression: SuiteResults = NO_TESTS
    arch: SuiteResults = NO_TESTS
    arch_anew: bool = False
    end: Event | None = None
    standby: bool = False
    reported: bool = False
    ordered_reset: bool = False
    dump: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def furthest(self) -> str | None:
        """The last stage in boot order that was reached."""
        reached = [stage.stage for stage in self.stages]
        return max(reached, key=STAGES.index) if reached else None

    @property
    def has_ns_image(self) -> bool:
        """Whether BL2 named image 1, the non-secure application."""
        return _NS_IMAGE in self.images

    @property
    def banner(self) -> bool:
        """Whether a boot loader announced itself."""
        return any(stage.stage in BANNERS for stage in self.stages)

    @property
    def provisioned(self) -> bool:
        """Whether a provisioning step ran, so that the reset behind it is expected."""
        return self.at("provisioning") is not None

    def at(self, stage: str) -> StageTime | None:
        """Return when a stage was reached, None if it was not."""
        return next((s for s in self.stages if s.stage == stage), None)
