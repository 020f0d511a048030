# SPDX-License-Identifier: Apache-2.0
"""How the boots before the last one ended.

Provisioning resets the chip and says so. Any other boot that is followed by one was reset by
somebody, by a test, or by a panic: the secure side prints nothing when it panics and resets the
chip, unless it was built to halt. The log of such a boot looks well, so it is told.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hil.uart.device_tests import resets_the_chip
from hil.uart.stages import STAGES, Boot

#: "panicked": an exception; "resets": nothing says why it went no further; "provoked": by a test
#: that does so on purpose; "told": worth a word.
Weight = Literal["panicked", "resets", "provoked", "told"]

#: Ways in which boots ended, and boots of one way, that a sentence names.
_SHOWN = 5


class Ending(NamedTuple):
    """How a boot ended that another one followed."""

    weight: Weight
    text: str


def ending_of(boot: Boot, following: Boot) -> Ending | None:
    """Return how a boot ended that another one followed, None if nothing is odd about it."""
    # A suite of psa-arch-tests that provoked the reset goes on behind it, without its banner.
    cut = boot.arch.under_way
    on_purpose = None if following.arch_anew else cut
    if boot.exception is not None:
        # psa-arch-tests provoke panics, and count for themselves what came of them.
        return Ending("provoked" if on_purpose else "panicked", f"died: {boot.exception.text}")
    if boot.ordered_reset:
        return None
    if boot.halt is not None:
        return Ending("told", f"stopped at {boot.halt.text!r}")
    # A boot that went on after its provisioning was not reset by it.
    provisioning = boot.furthest == "provisioning" or (boot.recovery and boot.furthest == "BL1_2")
    if provisioning or tests_ended(boot) or boot.end is not None:
        return None
    if on_purpose:
        return Ending("provoked", f"reset in psa-arch {on_purpose}")
    if cut:
        return Ending("resets", f"reset in psa-arch {cut}, which began anew")
    if boot.regression.running is not None and resets_the_chip(boot.regression.running):
        return Ending("told", f"reset by test {boot.regression.running}, as it should")
    if boot.regression.under_way:
        return Ending("resets", f"reset in {boot.regression.under_way}")
    error = f" after {boot.errors[-1].text!r}" if boot.errors else " without a word"
    stage = boot.furthest
    if boot.handed_over or (stage and STAGES.index(stage) >= STAGES.index("runtime")):
        where = "the hand-over to the runtime" if stage == "BL2" else f"stage {stage}"
        return Ending("resets", f"reset after {where}{error}")
    if boot.regression.total or boot.regression.areas:
        return Ending("resets", f"reset between tests{error}")
    return Ending("told", f"reset without provisioning after stage {stage}") if stage else None


def tests_ended(boot: Boot) -> bool:
    """Whether the tests of a boot ended and nothing more was to come, not even an end marker."""
    tests = boot.regression
    if tests.under_way is not None:
        return False
    return "Non-secure" in tests.areas or nothing_follows(boot)


def nothing_follows(boot: Boot) -> bool:
    """Whether the secure tests ended on an RSE that has no non-secure application.

    That has to show: BL2 names the images that it loads, and image 1 is not among them. A build
    without log lines does not show it, and on platforms without BL1 image 0 can hold both.
    """
    tests = boot.regression
    rse = boot.chip_id is not None or boot.at("BL1_1") or boot.at("BL1_2")
    ended = "Secure" in tests.areas and tests.under_way is None and boot.at("ns") is None
    return bool(ended and rse and boot.images and not boot.has_ns_image)


def told(endings: list[tuple[Boot, Ending]]) -> str:
    """Return in words how boots ended."""
    by_text: dict[str, list[str]] = {}
    for boot, ending in endings:
        by_text.setdefault(ending.text, []).append(str(boot.number + 1))
    parts = [f"{_boots(numbers)} {text}" for text, numbers in by_text.items()]
    more = f"; and {len(parts) - _SHOWN} more ways" if len(parts) > _SHOWN else ""
    return "; ".join(parts[:_SHOWN]) + more


def _boots(numbers: list[str]) -> str:
    if len(numbers) == 1:
        return f"boot {numbers[0]}"
    shown = ", ".join(numbers[:_SHOWN])
    return f"{len(numbers)} boots ({shown}{', ...' if len(numbers) > _SHOWN else ''})"
