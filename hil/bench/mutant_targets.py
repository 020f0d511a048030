# SPDX-License-Identifier: Apache-2.0
"""The good images of a bench that rows of the catalogue are for, and where their second slots are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hil.bench.bench import Bench
from hil.images.files import read_bounded
from hil.images.found_image import FoundImage
from hil.images.image_roles import HOST_WINDOW, Role
from hil.images.mutant_rules import Loader, loader_of
from hil.images.mutants import Kind, Mutant
from hil.images.placement import PlacedImage
from hil.images.platforms import PLATFORMS
from hil.images.recognise import recognise
from hil.images.signing_key import SigningKey
from hil.model.releases import release_for

_SECURE_NAMES = ("tfm_s", "tfm_s_ns")
#: Kinds of images that are booted.
_KINDS = (Kind.MCUBOOT, Kind.BL2, Kind.FIP, Kind.GPT)


@dataclass(frozen=True)
class MutantTarget:
    """The good image of a kind on one RSE."""

    image: PlacedImage
    data: bytes = field(repr=False)
    #: None where the row tells: several read the image.
    loader: Loader | None
    key: SigningKey | None
    other: bytes | None = field(repr=False)
    #: Address of the other slot, None where the platform's layout is not known.
    spare: int | None
    #: What the board's image list puts there, None if nothing.
    second: PlacedImage | None

    def loader_for(self, mutant: Mutant, generation: str) -> Loader | None:
        """Return who reads what a row damages, None where nobody of that generation has a verdict."""
        return self.loader or next(iter(mutant.loaders(generation)), None)


def find_targets(bench: Bench, keys: Mapping[str, Path]) -> dict[tuple[int, Kind], MutantTarget]:
    """Return the good image of each kind on each RSE.

    Args:
        bench: The bench, with its plan.
        keys: Files of the keys that sign the images, by the image's name in the board file.
    """
    generation = release_for(bench.board.release).generation
    return {
        (rse, kind): target
        for rse in bench.board.rse_ids
        for kind in _KINDS
        if (target := _target(bench.plan.for_rse(rse), kind, keys, generation)) is not None
    }


def _target(
    plan: Sequence[PlacedImage], kind: Kind, keys: Mapping[str, Path], generation: str
) -> MutantTarget | None:
    images = [image for image in plan if image.memory == "flash"]
    found = {image.name: (image, found) for image, found in _recognised(images)}
    chosen = next((i for i, f in found.values() if _is(kind, i, f)), None)
    if chosen is None:
        return None
    other = next((i for i, f in found.values() if i is not chosen and _is_host(f)), None)
    key = keys.get(chosen.name)
    spare = None if kind is Kind.GPT else _spare(chosen, images, generation)
    second = next((image for image in images if image.address == spare), None)
    return MutantTarget(
        chosen,
        read_bounded(chosen.path),
        _loader(found[chosen.name][1]),
        SigningKey.load(key) if key else None,
        read_bounded(other.path) if other else None,
        spare,
        second,
    )


def _spare(image: PlacedImage, images: Sequence[PlacedImage], generation: str) -> int | None:
    """Return the address of the second slot, if the plan tells which platform it is."""
    found = set()
    for platform in PLATFORMS:
        base = platform.flash.start
        every = (*platform.slots, *platform.fips)
        slots = {base + slot.offset: slot for slot in every}
        if generation not in platform.generations:
            continue
        if not all(each.address in slots for each in images):
            continue
        first = slots[image.address]
        found |= {base + slot.offset for slot in every if slot.name in _seconds(first.name)}
    return found.pop() if len(found) == 1 else None


def _seconds(name: str) -> tuple[str, ...]:
    """Return the names of the slot that is looked at when the first one is of no use."""
    return ("fip_b",) if name == "fip_a" else (f"{name.removesuffix('_secondary')}_secondary",)


def _recognised(images: Sequence[PlacedImage]) -> Iterator[tuple[PlacedImage, FoundImage]]:
    for image in images:
        found = recognise(image.path, read_bounded(image.path))
        if found is not None:
            yield image, found


def _is(kind: Kind, image: PlacedImage, found: FoundImage) -> bool:
    """Return whether an image is the one of its RSE that the rows of a kind are for."""
    if kind in (Kind.FIP, Kind.GPT):
        return found.role is (Role.FIP if kind is Kind.FIP else Role.GPT)
    if kind is Kind.BL2:
        return found.bl2 is not None
    return found.mcuboot is not None and (found.role is Role.S or image.name in _SECURE_NAMES)


def _loader(found: FoundImage) -> Loader | None:
    if found.role in (Role.FIP, Role.GPT):
        return None
    return Loader.BL1_2 if found.mcuboot is None else loader_of(found.mcuboot)


def _is_host(found: FoundImage) -> bool:
    image = found.mcuboot
    return image is not None and image.ram_load and image.load_address in HOST_WINDOW
