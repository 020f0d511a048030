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

from dataclasses import dataclass

from hil.uart.events import Event
from hil.uart.framing import Line
from hil.uart.grammar import Match
from hil.uart.report_lines import Report, parse_report
from hil.uart.suites import ArchTally, RegressionTally, SuiteResults

#: All stages, in the order in which a boot reaches them.
STAGES = ("BL1_1", "provisioning", "BL1_2", "vhuk", "BL2", "runtime", "ns", "end")

#: Stages that a boot passes once, so that seeing one again means another boot.
_ONCE = ("BL1_1", "BL1_2", "BL2", "runtime", "ns")
_BANNERS = ("BL1_1", "BL1_2", "BL2")
#: Rows that name the image at which a boot loader looks, in one of their groups.
_IMAGE_ROWS = frozenset({"42", "68", "69", "70", "71", "72", "M1", "M3"})
_NS_IMAGE = "1"
_NO_TESTS = SuiteResults()
#: Rows that are printed before "Starting TF-M BL1_1".
_BEFORE_BL1_1 = frozenset({"1", "2", "3", "4", "5"})
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
        images: Numbers of all images that BL2 named.
        handed_over: BL2 jumped to the runtime.
        regression: Verdicts of tf-m-tests in this boot.
        arch: Verdicts of psa-arch-tests in this boot.
        end: The firmware's own last word.
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
    images: frozenset[str] = frozenset()
    handed_over: bool = False
    regression: SuiteResults = _NO_TESTS
    arch: SuiteResults = _NO_TESTS
    end: Event | None = None

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
        return any(stage.stage in _BANNERS for stage in self.stages)

    @property
    def provisioned(self) -> bool:
        """Whether a provisioning step ran, so that the reset behind it is expected."""
        return self.at("provisioning") is not None

    def at(self, stage: str) -> StageTime | None:
        """Return when a stage was reached, None if it was not."""
        return next((s for s in self.stages if s.stage == stage), None)


class _Building:
    """A boot that is being read."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.stages: dict[str, StageTime] = {}
        self.errors: list[Event] = []
        self.reports: list[Report] = []
        self.halt: Event | None = None
        self.exception: Event | None = None
        self.end: Event | None = None
        self.recovery = False
        self.facts: dict[str, str] = {}
        self.images: set[str] = set()
        self.regression = RegressionTally()
        self.arch = ArchTally()
        #: Areas of tests that began; "" stands for tests whose area began outside the log.
        self.areas: set[str] = set()
        #: Only lines that stand before "Starting TF-M BL1_1" so far.
        self.before_banner = False

    def add(self, event: Event) -> None:
        """Take one line of this boot."""
        kind, number, values = event.kind, event.row.number, event.values
        if kind == "stage" or (kind, event.stage) in (("end", "end"), ("report", "vhuk")):
            self._reach(event)
        if kind == "error" and len(self.errors) < MAX_KEPT:
            self.errors.append(event)
        elif kind == "halt":
            self.halt = self.halt or event
        elif kind == "exception":
            self.exception = self.exception or event
        elif kind == "report" and len(self.reports) < MAX_KEPT:
            self.reports.append(parse_report(event.text))
        elif kind == "end":
            self.end = event
        elif kind == "test":
            self._test(event)
        if number in _IMAGE_ROWS:
            self._look_at_image(event)
        elif number == "73":
            self.facts["slot"] = values[0] or ""
        elif number == "90":
            self.facts["handed over"] = "yes"
        elif number in ("23", "28"):
            self.facts["lcs"] = values[0] or ""
        elif number == "54":
            self.facts["chip_id"] = values[0] or ""
        elif number == "89":
            self.facts["image_version"] = ".".join(v or "" for v in values)
        elif number in ("91", "95"):
            self.facts["tfm_version"] = (values[0] or "").removeprefix("v")

    def _look_at_image(self, event: Event) -> None:
        number = event.row.number
        image = next((value for value in event.values if value is not None), "")
        if number != "42":
            self.images.add(image)
        if number == "69":
            # It was accepted: whatever comes next is about another one.
            self.facts.pop("image", None)
        elif image != self.facts.get("image"):
            self.facts["image"] = image
        else:
            return
        self.facts.pop("slot", None)

    def _test(self, event: Event) -> None:
        number = event.row.number
        if number.startswith("A"):
            self.areas.add("psa-arch")
            self.arch.feed(event)
            return
        if number in ("T4", "T5"):
            self.areas.add(event.values[0] or "")
        elif not self.areas:
            self.areas.add("")
        self.regression.feed(event)

    def restarts_tests(self, match: Match) -> bool:
        """Whether tests begin that this boot has already seen, so that there was a reset."""
        if match.row.number == "A1":
            return "psa-arch" in self.areas
        if match.row.number != "T4":
            return False
        area = match.values[0] or ""
        later = {"", "Non-secure"} if area == "Secure" else set()
        return self.end is not None or bool(self.areas & {area, *later})

    def _reach(self, event: Event) -> None:
        if event.stage == "provisioning" and "BL1_2" in self.stages:
            self.recovery = True
            return
        self.stages.setdefault(event.stage, StageTime(event.stage, event.t, event.line))

    def passed(self, stage: str) -> bool:
        """Whether this boot has reached `stage` or a later one."""
        place = STAGES.index(stage)
        return any(STAGES.index(s) >= place for s in self.stages if s in _ONCE)

    def snapshot(self) -> Boot:
        """Return what is known so far."""
        chip = self.facts.get("chip_id")
        return Boot(
            number=self.number,
            stages=tuple(self.stages.values()),
            errors=tuple(self.errors),
            halt=self.halt,
            exception=self.exception,
            reports=tuple(self.reports),
            lcs=self.facts.get("lcs"),
            recovery=self.recovery,
            chip_id=int(chip) if chip else None,
            tfm_version=self.facts.get("tfm_version"),
            image_version=self.facts.get("image_version"),
            image=self.facts.get("image"),
            slot=self.facts.get("slot"),
            images=frozenset(self.images),
            handed_over="handed over" in self.facts,
            regression=self.regression.results(),
            arch=self.arch.results(),
            end=self.end,
        )


class BootTracker:
    """Sorts lines into boots as they come."""

    def __init__(self) -> None:
        self._past: list[_Building] = []
        self._current: _Building | None = None

    @property
    def boots(self) -> tuple[Boot, ...]:
        """The boots so far, at most MAX_BOOTS (the first and the latest); the last may go on."""
        last = [self._current] if self._current else []
        return tuple(building.snapshot() for building in self._past + last)

    @property
    def current(self) -> Boot | None:
        """The boot that is going on."""
        return self._current.snapshot() if self._current else None

    @property
    def count(self) -> int:
        """Number of boots so far."""
        return self._current.number + 1 if self._current else 0

    def feed(self, match: Match, line: Line) -> Event:
        """Take a line; return it with the boot to which it belongs."""
        building = self._boot_of(match)
        event = Event(match.row, match.text, match.values, line, building.number)
        building.add(event)
        return event

    def _boot_of(self, match: Match) -> _Building:
        current, row = self._current, match.row
        if row.number in _BEFORE_BL1_1:
            if current is None or current.halt or current.passed("BL1_1"):
                current = self._begin()
                current.before_banner = True
            return current
        if current is None:
            return self._begin()
        if row.kind == "test" and current.restarts_tests(match):
            return self._begin()
        if row.kind != "stage" or row.stage not in _ONCE:
            return current
        if current.before_banner:
            current.before_banner = False
            if row.stage != "BL1_1" and self._past and not current.halt:
                current = self._undo_begin()
            elif not current.halt:
                return current
        no_stage_yet = not current.stages and row.stage in _BANNERS
        if current.halt or current.passed(row.stage) or no_stage_yet:
            return self._begin()
        return current

    def _begin(self) -> _Building:
        number = 0
        if self._current is not None:
            self._past.append(self._current)
            number = self._current.number + 1
        if len(self._past) >= MAX_BOOTS:
            del self._past[1]
        self._current = _Building(number)
        return self._current

    def _undo_begin(self) -> _Building:
        """Give lines that did not begin a boot after all back to the boot before."""
        assert self._current is not None
        mistaken, self._current = self._current, self._past.pop()
        self._current.errors += mistaken.errors
        return self._current
