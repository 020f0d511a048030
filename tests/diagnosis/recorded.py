# SPDX-License-Identifier: Apache-2.0
"""Labelled UART logs of the virtual RSEs, with one fault each, booted in this process."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from labelled import AGREE, Labelled

from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs
from hil.virtual import faults

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "virtual"))

from firmware_builders import Recipe, development_key, huk
from firmware_lab import Lab

NOBODY: dict[int, str] = {}
WAITS, SERVER_WAITS = "clients-wait-for-server", "server-waits-for-rse"


@dataclass(frozen=True)
class Bench:
    """Four virtual RSEs and what is wrong with them."""

    name: str
    label: str
    faults: dict[int, str]
    releases: tuple[str, ...] = ("2.2.2", "2.3.1", "fixed")
    recipe: Callable[[int], Recipe] = Recipe
    more: tuple[str, ...] = ()
    spoil: Callable[[Lab], None] = lambda _lab: None


def _flip(lab: Lab) -> None:
    lab.chips[1].memory.flash[0x40800] ^= 1


def _without_policy(number: int) -> Recipe:
    return Recipe(number, policies=0)


def _other_bl1_2(number: int) -> Recipe:
    good = Recipe(number)
    return replace(good, bl1_2=bytes(reversed(good.bl1_2))) if number == 1 else good


def _guk_in_otp(number: int) -> Recipe:
    good = Recipe(number)
    return replace(good, guk=hashlib.sha256(b"another").digest()) if number == 2 else good


OLD, NEW = ("2.2.2",), ("2.3.1",)
BENCHES = (
    Bench("as it should be", AGREE, NOBODY, ("2.3.1", "fixed")),
    Bench("as it is", "reply-encrypted-in-place", NOBODY, OLD),
    Bench("no policy bit", "handshake-skipped", NOBODY, recipe=_without_policy),
    Bench("RSE 2 never joins", SERVER_WAITS, {2: faults.NEVER_JOIN}),
    Bench("RSE 0 never joins", WAITS, {0: faults.NEVER_JOIN}),
    Bench("RSE 3 is dead", SERVER_WAITS, {3: faults.NO_BOOT}, more=("uart-silent",)),
    Bench("RSE 0 is dead", WAITS, {0: faults.NO_BOOT}, more=("uart-silent",)),
    Bench("RSE 3 dies behind the handshake", WAITS, {3: faults.DIE_IN_BL1_2}, NEW),
    Bench("RSE 3 dies behind the handshake", WAITS, {3: faults.DIE_IN_BL1_2}, OLD,
          more=("reply-encrypted-in-place",)),
    Bench("no SCP", "bl2-waits-for-host", {1: faults.HANG_IN_BL2}, ("2.3.1", "fixed")),
    Bench("crash", "crashed", {1: faults.PANIC_IN_RUNTIME}, ("2.3.1", "fixed")),
    Bench("no reporter on RSE 1", "no-reporter", {1: faults.NO_REPORT}, ("2.3.1", "fixed")),
    Bench("other GUK", "other-guk", {1: faults.OTHER_GUK}, ("2.2.2", "2.3.1", "fixed")),
    Bench("other GUK in OTP", "other-guk", NOBODY, recipe=_guk_in_otp),
    Bench("another die as RSE 0", "other-die", {0: faults.OTHER_DIE}, ("2.3.1", "fixed")),
    Bench("another die as RSE 2", AGREE, {2: faults.OTHER_DIE}, NEW),
    Bench("another die as RSE 2", "other-die", {2: faults.OTHER_DIE}, ("fixed",)),
    Bench("other BL1_2", "other-bl1-2", NOBODY, recipe=_other_bl1_2),
    Bench("one bundle on all", "same-id-twice", NOBODY, OLD + NEW, recipe=lambda _n: Recipe(0)),
    Bench("one id twice", "same-id-twice", NOBODY, OLD + NEW,
          recipe=lambda n: Recipe(1 if n == 2 else n), more=("reply-encrypted-in-place",)),
    Bench("as tagged", "no-routing-tables", dict.fromkeys(range(4), faults.STOCK_2_2_2), OLD),
    Bench("as tagged, no policy bit", "no-rse-id-mapping",
          dict.fromkeys(range(4), faults.STOCK_2_2_2), OLD, recipe=_without_policy,
          more=("handshake-skipped",)),
    Bench("damaged runtime", "image-refused", NOBODY, ("2.3.1", "fixed"), spoil=_flip),
)  # fmt: skip


def inputs_of(release: str) -> SystemInputs:
    """What the board file of these benches says."""
    bl1_2 = hashlib.sha256(Recipe(0).bl1_2).digest()
    guk = Secret(development_key("GUK"))
    rses = (RseInputs(n, Secret(huk(n)), guk, bl1_2_hash=bl1_2) for n in range(4))
    return SystemInputs(release_for(release), tuple(rses))


def recorded(folder: Path) -> Iterator[Labelled]:
    """Boot every bench of every release; each log with and without the keys."""
    for number, bench in enumerate(BENCHES):
        for release in bench.releases:
            place = folder / f"{number}-{release}"
            place.mkdir()
            lab = Lab(place, release, faults=bench.faults, recipe=bench.recipe)
            bench.spoil(lab)
            lab.run(limit=8.0)
            logs = {chip.number: chip.uart.data for chip in lab.chips}
            truth = frozenset({bench.label, *bench.more} - {AGREE})
            for known in (True, False):
                label = AGREE if bench.label == "other-die" and not known else bench.label
                keys = f"keys {'known' if known else 'unknown'}"
                yield Labelled(
                    f"recorded, {release}: {bench.name}, {keys}",
                    label,
                    truth,
                    release,
                    logs,
                    inputs_of(release) if known else None,
                )
