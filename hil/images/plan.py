# SPDX-License-Identifier: Apache-2.0
"""What goes where, and everything that is wrong with it, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import open_content
from hil.images.gpt import is_gpt
from hil.images.placement import PlacedImage
from hil.images.platforms import Memory, Platform, Slot

#: Names that boards give to the images of a slot, besides the name of the slot.
SYNONYMS = {"tfm_s": ("s", "tfm_s_signed"), "tfm_ns": ("ns", "tfm_ns_signed")}


@dataclass(frozen=True)
class Placement:
    """One image in the plan."""

    image: PlacedImage
    #: Slot of the platform's flash, or name of its memory; empty where the board names no platform.
    place: str
    #: What the launcher is told, in its own words.
    how: str


@dataclass(frozen=True)
class ParameterFile:
    """A file that a model is given by the name of a parameter, not by an address."""

    parameter: str
    path: Path


@dataclass(frozen=True)
class Plan:
    """All images of a board, and what is wrong."""

    placements: tuple[Placement, ...]
    parameters: tuple[ParameterFile, ...]
    #: One line each; nothing may be loaded or written while there is one.
    problems: tuple[str, ...]
    #: Files that were taken though they have another name than the board file says, one line each.
    notes: tuple[str, ...] = ()


def place_of(image: PlacedImage, platform: Platform | None) -> str:
    """Return the slot, or else the memory, in which an image begins."""
    if platform is None:
        return ""
    slot = _slot(image, platform)
    memory = _memory(image, platform)
    return slot.name if slot else memory.name if memory else ""


def check_places(
    images: Sequence[PlacedImage], rses: Iterable[int], platform: Platform | None
) -> Iterator[str]:
    """Yield what is wrong with the places: overlaps, out of range, beside its slot, holes."""
    yield from _overlaps(images)
    if platform is None:
        return
    for image in images:
        yield from _range_of(image, platform)
    for rse in rses:
        here = [image for image in images if image.rse == rse and image.memory == "flash"]
        if here:
            yield from _holes(here, rse, platform)


def _overlaps(images: Sequence[PlacedImage]) -> Iterator[str]:
    ordered = sorted(images, key=lambda image: (image.rse, image.memory, image.address))
    for first, second in pairwise(ordered):
        same = (first.rse, first.memory) == (second.rse, second.memory)
        if same and second.address < first.end:
            yield (
                f"RSE {first.rse}: {second.name} ({second.path}) at {second.address:#x} overlaps "
                f"{first.name} ({first.path}), {first.address:#x} to {first.end - 1:#x}"
            )


def _range_of(image: PlacedImage, platform: Platform) -> Iterator[str]:
    """Yield what is wrong with the memory or the slot of one image."""
    where = f"RSE {image.rse}: {image.name} ({image.path}) at {image.address:#x}"
    memory = _memory(image, platform)
    if memory is None:
        ranges = ", ".join(
            f"{each.name} {each.start:#x} to {each.end - 1:#x}"
            for each in platform.memories
            if each.kind == image.memory
        )
        yield f"{where}: no {image.memory} of {platform.name} is there; it has {ranges}"
        return
    if image.end > memory.end:
        yield f"{where}: ends at {image.end - 1:#x}, {memory.name} ends at {memory.end - 1:#x}"
    slot = _slot(image, platform)
    if slot is None:
        return
    start = platform.flash.start + slot.offset
    if image.address != start:
        yield f"{where}: leaves a hole at the start of slot {slot.name}, {start:#x}"
    elif image.end > start + slot.size:
        yield (
            f"{where}: ends at {image.end - 1:#x}, slot {slot.name} ends at "
            f"{start + slot.size - 1:#x}"
        )
    others = {each.image for each in platform.slots} - {slot.image}
    if meant := next((name for name in others if image.name in _names(name)), None):
        yield f"{where}: is in slot {slot.name}, expected in a slot of {meant}"


def _holes(images: Sequence[PlacedImage], rse: int, platform: Platform) -> Iterator[str]:
    """Yield the images without which an RSE does not boot."""
    filled = {slot.image for image in images if (slot := _slot(image, platform))}
    for slot in platform.slots:
        if slot.required and slot.image not in filled:
            start = platform.flash.start + slot.offset
            yield (
                f"RSE {rse}: nothing in slot {slot.name}, {start:#x} to {start + slot.size - 1:#x}, "
                "nor in the secondary one; it would not boot"
            )


def _names(slot_image: str) -> tuple[str, ...]:
    names = (slot_image, *SYNONYMS.get(slot_image, ()))
    return (*names, *(f"{name}_secondary" for name in names))


def _memory(image: PlacedImage, platform: Platform) -> Memory | None:
    return next(
        (
            memory
            for memory in platform.memories
            if memory.kind == image.memory and memory.start <= image.address < memory.end
        ),
        None,
    )


def _slot(image: PlacedImage, platform: Platform) -> Slot | None:
    if image.memory != "flash":
        return None
    offset = image.address - platform.flash.start
    # Where there is a partition table it is what says where packages are.
    fips = () if platform.fips and _has_table(image) else platform.fips
    slots = (*platform.slots, *fips)
    return next((slot for slot in slots if slot.offset <= offset < slot.end), None)


def _has_table(image: PlacedImage) -> bool:
    try:
        with open_content(image.path) as content:
            return is_gpt(content)
    except ImageError:
        return False
