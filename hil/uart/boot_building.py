# SPDX-License-Identifier: Apache-2.0
"""A boot that is being read, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from hil.uart.arch_tests import ArchTally
from hil.uart.device_tests import DeviceTest, Place, Room
from hil.uart.events import Event
from hil.uart.grammar import Match
from hil.uart.regression import RegressionTally
from hil.uart.report_lines import Report, parse_report
from hil.uart.stages import BANNERS, MAX_KEPT, NO_TESTS, ONCE, PLACES, Boot, StageTime

#: Rows that name the image at which a boot loader looks, in one of their groups.
_IMAGE_ROWS = frozenset({"42", "68", "69", "70", "71", "72", "M1", "M3", "M5", "M7"})
#: Rows that say why an image, whose header was found, cannot be used.
_BLAMES = frozenset({"72", "M8", "M9"})
#: Rows that tell something about the boot.
_FACTS = {"23": "lcs", "28": "lcs", "54": "chip_id", "91": "tfm_version", "95": "tfm_version"}


class BootBuilding:
    """A boot that is being read.

    Args:
        number: Its number, from 0.
        room: How many tests may be kept with their place.
    """

    def __init__(self, number: int, room: Room) -> None:
        self.number = number
        self.stages: dict[str, StageTime] = {}
        self.errors: list[Event] = []
        self.reports: list[Report] = []
        self.halt: Event | None = None
        self.exception: Event | None = None
        self.end: Event | None = None
        self.standby = self.reported = False
        self.recovery = False
        self.facts: dict[str, str] = {}
        self.images: set[str] = set()
        #: What went wrong with the image at which a boot loader looks, where a line says it.
        self.blame: Event | None = None
        self.dump: dict[str, str] = {}
        self.regression: RegressionTally | None = None
        self.arch: ArchTally | None = None
        #: psa-arch-tests began from the start: a suite that provoked a reset goes on instead.
        self.arch_anew = False
        #: Areas of tests that began; "" stands for tests whose area began outside the log.
        self.areas: set[str] = set()
        #: Only lines that stand before "Starting TF-M BL1_1" so far.
        self.before_banner = False
        #: Whoever ran this asked for the reset behind it.
        self.ordered_reset = False
        #: The line with which the next boot began, None while this one goes on.
        self.cut_at: Place | None = None
        self._room = room
        #: Place in the order of stages of the latest one that a boot passes once.
        self._furthest = -1

    def add(self, event: Event) -> None:
        """Take one line of this boot."""
        row, values = event.row, event.values
        kind, number = row.kind, row.number
        if kind == "test":
            self._test(event)
            return
        if kind == "stage" or (kind, row.stage) in (("end", "end"), ("report", "vhuk")):
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
            self.standby = self.standby or number == "A6"
        if number in _IMAGE_ROWS:
            self._look_at_image(event)
        if number in _BLAMES or (number == "68" and values[2] == "failed"):
            self.blame = event
        if number in _FACTS:
            self.facts[_FACTS[number]] = (values[0] or "").removeprefix("v")
        elif number == "73":
            self.facts["slot"] = values[0] or ""
        elif number == "90":
            self.facts["handed over"] = "yes"
        elif number == "89":
            self.facts["image_version"] = ".".join(v or "" for v in values)
        elif number in ("107f", "107r"):
            self._dump(number, values)

    def _look_at_image(self, event: Event) -> None:
        number = event.row.number
        image = next((value for value in event.values if value is not None), "")
        if number != "42" and len(self.images) < MAX_KEPT:
            self.images.add(image)
        if number == "69":
            # It was accepted: whatever comes next is about another one.
            self.facts.pop("image", None)
        elif image != self.facts.get("image"):
            self.facts["image"] = image
        else:
            return
        self.facts.pop("slot", None)
        self.blame = None

    def _dump(self, number: str, values: tuple[str | None, ...]) -> None:
        """Take a line of an exception dump: the first dump of a boot counts."""
        if number == "107f":
            who = " ".join(value for value in values if value)
            self.dump.setdefault("from", who)
            return
        framed, name, value, more, more_value = values
        # The stacked xPSR is the one of the code that failed.
        known = f"stacked {name}" if framed and name == "xPSR" else name
        self.dump.setdefault(known or "", value or "")
        if more:
            self.dump.setdefault(more, more_value or "")

    @property
    def only_ended(self) -> bool:
        """Whether nothing but an end marker came so far."""
        return not self.areas and self.stages.keys() <= {"end"}

    def void_end(self) -> None:
        """Forget an end marker behind which the boot went on."""
        self.end, self.standby = None, False
        self.stages.pop("end", None)

    def tests(self) -> RegressionTally:
        """Return what counts the regression tests; one more line of them came."""
        if not self.areas:
            self.areas.add("")
        if self.regression is None:
            self.regression = RegressionTally(self.number, self._room)
        return self.regression

    def _test(self, event: Event) -> None:
        number, values = event.row.number, event.values
        if number.startswith("A"):
            if number == "A5" and values[0] == "TESTS":
                self.reported = (values[1] or "").strip("0") != ""
            self.areas.add("psa-arch")
            self.arch_anew = self.arch_anew or number == "A1"
            if self.arch is None:
                # The tally of the whole log keeps the tests.
                self.arch = ArchTally(self.number, Room(0))
            self.arch.feed(number, values, event.place)
            return
        if number in ("T4", "T5") and len(self.areas) < MAX_KEPT:
            self.areas.add(values[0] or "")
        self.tests().feed(number, values, event.place)

    def restarts_tests(self, match: Match) -> bool:
        """Whether tests begin that this boot has already seen, so that there was a reset."""
        if match.row.number == "A1":
            return "psa-arch" in self.areas
        if match.row.number != "T4":
            return False
        area = match.values[0] or ""
        later = {"", "Non-secure"} if area == "Secure" else set()
        return self.end is not None or bool(self.areas & {area, *later})

    def records(self) -> Iterator[DeviceTest]:
        """Yield the regression tests that ended, and the one that a reset cut off."""
        if self.regression is not None:
            yield from self.regression.records
            if self.cut_at is not None and (cut := self.regression.cut_record(self.cut_at)):
                yield cut

    def _reach(self, event: Event) -> None:
        if event.stage == "provisioning" and "BL1_2" in self.stages:
            self.recovery = True
            return
        stage = event.row.stage
        if stage not in self.stages:
            self.stages[stage] = StageTime(stage, event.line.t, event.line)
            if stage in ONCE:
                self._furthest = max(self._furthest, PLACES[stage])

    @property
    def banner(self) -> bool:
        """Whether a boot loader announced itself."""
        return any(stage in self.stages for stage in BANNERS)

    def passed(self, stage: str) -> bool:
        """Whether this boot has reached `stage` or a later one."""
        return PLACES[stage] <= self._furthest

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
            chip_id=int(chip[:9]) if chip else None,
            tfm_version=self.facts.get("tfm_version"),
            image_version=self.facts.get("image_version"),
            image=self.facts.get("image"),
            slot=self.facts.get("slot"),
            blame=self.blame,
            images=frozenset(self.images),
            handed_over="handed over" in self.facts,
            regression=self.regression.results() if self.regression is not None else NO_TESTS,
            arch=self.arch.results() if self.arch is not None else NO_TESTS,
            arch_anew=self.arch_anew,
            end=self.end,
            standby=self.standby,
            reported=self.reported,
            ordered_reset=self.ordered_reset,
            dump=dict(self.dump),
        )
