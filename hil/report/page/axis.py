# SPDX-License-Identifier: Apache-2.0
"""The time axis of one boot: which moment stands where, in percent of the width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hil.report.page.boot_lines import BootLines
from hil.report.recorded import RecordedBoot, RecordedStage

#: How the reason of a stage begins whose budget ran out (hil.uart.stage_machine).
_RAN_OUT = "not within "
#: Width for the time that is known: room for a word behind it, more where a stage did not come,
#: and for a wait that is not drawn to scale, up to WAIT_ENDS.
_KNOWN, _STOPPED, _WAITED, WAIT_ENDS = 0.9, 0.7, 0.42, 68.0
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Scale:
    """The axis of one boot.

    Attributes:
        known: Seconds up to the last moment that is known.
        share: Part of the width for them.
    """

    known: float
    share: float

    def percent(self, value: float) -> float:
        """Return the place of a moment."""
        return round(min(max(value / self.known * self.share * 100, 0), 100), 3)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Places and words of about five round moments."""
        rough = self.known / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next((s * power for s in _STEPS if s * power >= rough), 10 * power)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        moments = [number * step for number in range(int(self.known / step * 1.001) + 1)]
        return tuple((self.percent(at), f"{at:.{digits}f} s") for at in moments)


def scale_of(
    boot: RecordedBoot,
    stages: Mapping[int, Sequence[RecordedStage]],
    lines: Mapping[int, BootLines],
) -> Scale:
    """Return the axis that all lanes of a boot share."""
    known = [s.seconds for lane in stages.values() for s in lane if s.seconds is not None]
    missed = [s for lane in stages.values() for s in lane if s.status == "missed"]
    for rse, found in lines.items():
        known += [at for at, _ in resets(boot, found)]
        if any(stage.rse == rse for stage in missed):
            known += last_word(boot, found)
    share = _KNOWN if not missed else _WAITED if any(map(ran_out, missed)) else _STOPPED
    return Scale(max([value for value in known if math.isfinite(value)] + [0.001]), share)


def resets(boot: RecordedBoot, lines: BootLines) -> list[tuple[float, int]]:
    """Return when the chip came out of reset again, and the lines that say so."""
    at = boot.at
    return [] if at is None else [(t - at, n) for t, n in lines.resets if t is not None]


def last_word(boot: RecordedBoot, lines: BootLines) -> list[float]:
    """Return when the RSE said its last line, if that is known."""
    times = lines.transcript.times[lines.span.start : lines.span.stop][-1:]
    return [t - boot.at for t in times if t is not None and boot.at is not None]


def ran_out(stage: RecordedStage) -> bool:
    """Whether a stage did not come within its budget; nothing else ended the wait."""
    return stage.status == "missed" and stage.line.startswith(_RAN_OUT)
