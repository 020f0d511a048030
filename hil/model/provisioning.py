# SPDX-License-Identifier: Apache-2.0
"""Provisioning as a state machine: from a chip and what is loaded to its boots, one after another.

From virgin, with a combined message and the default build, five boots provision before the sixth
goes on to BL1_2: the TP mode is set, SP mode is entered, the CM part runs, SP mode is entered
again, the DM part runs; each of them ends in a reset. The number follows from the state: a chip
that has its TP mode already needs one less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hil.model.bundle_boot import boot_bundles
from hil.model.error_codes import error_codes
from hil.model.provisioning_blob import boot_message, required
from hil.model.provisioning_rules import MessageFormat
from hil.model.provisioning_state import (
    Boot,
    Build,
    Chip,
    End,
    Memory,
    Refusal,
    Required,
    Trust,
)
from hil.model.releases import Release

__all__ = [
    "Boot",
    "Build",
    "Chip",
    "End",
    "Memory",
    "Provisioning",
    "Refusal",
    "Required",
    "Trust",
    "boot",
    "provision",
    "recover",
    "required",
    "reset",
]

#: More boots than any way from virgin to SE takes; a chip that is not there by then never will be.
MOST_BOOTS = 12
_GOES_ON = ("[INF] Starting TF-M BL1_1", "[INF] Jumping to BL1_2")

_BOOT: dict[MessageFormat, Callable[[Chip, Memory, Release, Build, Trust], Boot]] = {
    MessageFormat.BUNDLES: boot_bundles,
    MessageFormat.MESSAGE: boot_message,
}


@dataclass(frozen=True)
class Provisioning:
    """The boots of a chip, up to the one that does not end in a reset.

    Attributes:
        boots: In order.
        needs: What must be loaded for it to go on, None if nothing is missing.
    """

    boots: tuple[Boot, ...]
    needs: Required | None

    @property
    def end(self) -> End:
        """How the last boot ends; a reset means that the chip goes round in circles."""
        return self.boots[-1].end

    @property
    def chip(self) -> Chip:
        """The chip at the end."""
        return self.boots[-1].after

    @property
    def starts_before_bl1_2(self) -> int:
        """How often "Starting TF-M BL1_1" stands in the log before that of the boot that goes on."""
        return sum(boot.end is not End.BOOTS for boot in self.boots)

    @property
    def lines(self) -> tuple[str, ...]:
        """What BL1_1 prints in all boots."""
        return tuple(line for boot in self.boots for line in boot.lines)


def reset(chip: Chip) -> Chip:
    """Return a chip after a reset; memory keeps what was loaded."""
    return replace(chip, lifecycle=chip.lifecycle.after_reset())


def boot(
    chip: Chip,
    memory: Memory,
    release: Release,
    build: Build | None = None,
    trust: Trust | None = None,
) -> Boot:
    """Return one boot of a chip, from its reset to its end.

    Args:
        chip: Its state after the reset.
        memory: What is loaded, by address.
        release: Rules to follow.
        build: Options of BL1_1; the defaults if not given.
        trust: Keys to verify with; without them a message is taken to verify.
    """
    build, trust = build or Build(), trust or Trust()
    if not chip.lifecycle.provisions(release.lifecycle, boot_in_dm=build.boot_in_dm):
        return Boot(chip, _GOES_ON, End.BOOTS, chip)
    return _BOOT[release.provisioning.format](chip, memory, release, build, trust)


def provision(
    chip: Chip,
    loads: Sequence[Memory],
    release: Release,
    build: Build | None = None,
    trust: Trust | None = None,
) -> Provisioning:
    """Return the boots of a chip until one does not end in a reset.

    Args:
        chip: Its state at power-on.
        loads: What is loaded: the first before power-on, each other one as soon as the chip needs
            something that is not there, at a reset or while it waits.
        release: Rules to follow.
        build: Options of BL1_1; the defaults if not given.
        trust: Keys to verify with; without them a message is taken to verify.
    """
    memory: dict[int, bytes] = {}
    waiting = list(loads)
    if waiting:
        memory |= waiting.pop(0)
    boots: list[Boot] = []
    while len(boots) < MOST_BOOTS:
        done = boot(chip, memory, release, build, trust)
        if done.end is End.WAITS and done.needs and waiting:
            # It polls: what is loaded now is found in this very boot.
            memory |= waiting.pop(0)
            continue
        boots.append(done)
        if done.wiped:
            memory[release.provisioning.address] = b""
        if not done.end.is_reset:
            break
        if done.needs and waiting:
            memory |= waiting.pop(0)
        chip = reset(done.after)
    last = boots[-1]
    return Provisioning(tuple(boots), None if last.end is End.BOOTS else last.needs)


def recover(chip: Chip, release: Release) -> Boot | None:
    """Return what BL1_2 does in a default build when no BL2 image is good.

    None for releases that have no recovery, and stop there.
    """
    if not release.recovery_stages:
        return None
    name = "TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED"
    refusal = Refusal("recovery", name, error_codes(release.error_family).number(name))
    return Boot(chip, ("[INF] Beginning RSE provisioning",), End.HALTS, chip, refusal=refusal)
