# SPDX-License-Identifier: Apache-2.0
"""Every row of the catalogue, booted by the virtual firmware, which shares no code with it."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
from firmware_builders import HOSTS, KEY_FILE, Recipe, bl2_image, message, put, secure_image
from firmware_lab import Chip, Lab, again, single

from hil.images.mcuboot_tlvs import BOOT_RECORD, DEPENDENCY, DEPENDENCY_LAYOUT
from hil.images.mutant_rules import Loader, Outcome, Place, Verdict
from hil.images.mutants import CATALOGUE, Kind, Mutant
from hil.images.mutations import Material
from hil.images.signing_key import SigningKey
from hil.virtual.firmware import BootEnd

RELEASES = ["2.2.2", "2.3.1"]
#: Both slots of BL2 and of TF-M S in the boot flash.
BL2 = (0x000000, 0x020000)
SECURE = (0x040000, 0x100000)
ERASED = b"\xff"


@pytest.fixture(params=RELEASES, scope="module")
def chip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chip:
    """A provisioned chip that has booted once; its flash is made good again before each use."""
    chip = single(tmp_path_factory.mktemp("chip"), request.param)
    assert chip.end is BootEnd.RUNNING
    return chip


@functools.cache
def _full_image(version: str = "1.2.3+4") -> bytes:
    """A secure image with every TLV that the catalogue changes."""
    plain = Material(secure_image(version), SigningKey.load(KEY_FILE))
    extra = ((DEPENDENCY, DEPENDENCY_LAYOUT.pack(1, 0, 0, 0, 0)), (BOOT_RECORD, b"\xa1\x01\x63SPE"))
    parts = plain.parts
    return plain.signed(replace(parts, protected=(*parts.protected, *extra)))


@pytest.fixture
def secure(chip: Chip) -> Material:
    """What a mutation of the secure image may use."""
    flash = bytes(chip.memory.flash)
    offset, _load = HOSTS[5]
    return Material(_full_image(), SigningKey.load(KEY_FILE), flash[offset : offset + 0x2000])


def _generation(chip: Chip) -> str:
    return chip.config.release[:3]


def _rows(kind: Kind, loader: Loader) -> list[Mutant]:
    return [row for row in CATALOGUE if row.kind is kind and row.expected(loader)]


def _boot(chip: Chip, slots: dict[int, bytes]) -> None:
    kept = bytes(chip.memory.flash)
    for offset, image in slots.items():
        put(chip.memory.flash, offset, image.ljust(0x20000, ERASED))
    again(chip)
    chip.memory.flash[:] = kept


@pytest.mark.parametrize("mutant", _rows(Kind.MCUBOOT, Loader.RSE_BL2), ids=lambda m: m.name)
@pytest.mark.parametrize("place", list(Place))
def test_bl2_does_what_the_catalogue_says(
    mutant: Mutant, place: Place, chip: Chip, secure: Material
) -> None:
    """A damaged secure image alone, with a spare, and as an upgrade: refused, recovered, accepted."""
    expected = mutant.expected(Loader.RSE_BL2, place, _generation(chip))
    assert expected is not None
    damaged = mutant.apply(secure)
    primary, secondary = {
        Place.ALONE: (damaged, ERASED),
        Place.WITH_SPARE: (damaged, secure.good),
        Place.UPGRADE: (_full_image("0.9.0"), damaged),
    }[place]
    _boot(chip, dict(zip(SECURE, (primary, secondary), strict=True)))
    assert chip.lines.count("[INF] Starting bootloader") == 1, chip.text
    if expected.verdict is Verdict.REFUSED:
        assert chip.end is BootEnd.HALT, chip.text
        assert "[ERR] Unable to find bootable image" in chip.lines
        return
    assert chip.end is BootEnd.RUNNING, chip.text
    if expected.verdict is Verdict.RECOVERED:
        good = "primary" if place is Place.UPGRADE else "secondary"
        assert f"[INF] Image 0 loaded from the {good} slot" in chip.lines


@pytest.mark.parametrize("mutant", _rows(Kind.BL2, Loader.BL1_2), ids=lambda m: m.name)
@pytest.mark.parametrize("place", [Place.ALONE, Place.WITH_SPARE])
def test_bl1_2_does_what_the_catalogue_says(mutant: Mutant, place: Place, chip: Chip) -> None:
    """A damaged BL2: refused when it is alone, else the other slot boots."""
    expected = mutant.expected(Loader.BL1_2, place, _generation(chip))
    assert expected is not None
    spare = bl2_image() if place is Place.WITH_SPARE else ERASED
    damaged = mutant.apply(Material(bl2_image()))
    _boot(chip, dict(zip(BL2, (damaged, spare), strict=True)))
    if expected.verdict is Verdict.REFUSED:
        assert chip.end is BootEnd.HALT
        assert "[INF] Starting bootloader" not in chip.lines
    else:
        assert chip.end is BootEnd.RUNNING
        assert "[INF] Attempting to boot image 1" in chip.lines


@pytest.mark.parametrize("mutant", _rows(Kind.MESSAGE, Loader.PROVISIONING), ids=lambda m: m.name)
@pytest.mark.parametrize("release", RELEASES)
def test_provisioning_does_what_the_catalogue_says(
    mutant: Mutant, release: str, tmp_path: Path
) -> None:
    """A damaged message never provisions: no chip comes to BL1_2 with it."""
    expected = mutant.expected(Loader.PROVISIONING, generation=release[:3])
    assert expected == Outcome(Verdict.REFUSED, "provisioning")
    good = message(Recipe(0, policies=0))
    lab = Lab(tmp_path, release, amount=1, recipe=lambda number: Recipe(number, policies=0))
    [chip] = lab.chips
    chip.load_message(bytes(len(good)))
    chip.load_message(mutant.apply(Material(good)))
    lab.run(limit=20.0)
    assert chip.end is not BootEnd.RUNNING, chip.text
    assert "[INF] Starting TF-M BL1_2" not in chip.lines
