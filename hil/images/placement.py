# SPDX-License-Identifier: Apache-2.0
"""Building the images of a board and giving each its place; mistakes in the plan are found here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from hil.errors import UsageError
from hil.images.image_spec import (
    Bl2Recipe,
    ImageSpec,
    McubootRecipe,
    Policies,
    ProvisioningRecipe,
)
from hil.images.recipes import BuiltFile, ProvisioningValues, Workshop

__all__ = [
    "Bl2Recipe",
    "ImageSpec",
    "McubootRecipe",
    "PlacedImage",
    "Policies",
    "ProvisioningRecipe",
    "ProvisioningValues",
    "build_images",
]


@dataclass(frozen=True)
class PlacedImage:
    """One file and the place on one RSE where it belongs."""

    #: Role of the image in the board file ("bl2", "s", "provisioning", ...).
    name: str
    rse: int
    path: Path
    #: As the debugger of that RSE sees it.
    address: int
    memory: Literal["flash", "ram"]
    #: Hex digest of the whole file.
    sha256: str
    #: Bytes.
    size: int
    #: "MAJOR.MINOR.REVISION+BUILD" of MCUboot and BL2 images, None for anything else.
    version: str | None = None

    @property
    def end(self) -> int:
        """First address after the image."""
        return self.address + self.size


def build_images(
    specs: Sequence[ImageSpec],
    rse_ids: Sequence[int],
    base_dir: Path,
    out_dir: Path,
    provisioning_values: ProvisioningValues | None = None,
) -> list[PlacedImage]:
    """Build the images of a board for all its RSEs.

    Args:
        specs: The image list of the board file.
        rse_ids: Ids of all RSEs of the system.
        base_dir: Folder that relative paths of the board file start from.
        out_dir: Folder of the built files. Signed files are named by their content and used again,
            so the folder may be kept from run to run and shared by processes; only provisioning
            messages are written anew.
        provisioning_values: Keys of the board.

    Returns:
        In the order of the list, and of the ids for each image.

    Raises:
        UsageError: two images with one name, two in one place, an RSE that does not exist, a key
            that the board lacks.
        ImageError: an input or a built image is malformed or does not fit; names image and file.
    """
    _check_names(specs, rse_ids)
    workshop = Workshop(
        base_dir, out_dir, len(rse_ids), provisioning_values or ProvisioningValues()
    )
    images = [
        image for spec in specs for image in _for_its_rses(spec, workshop, spec.targets(rse_ids))
    ]
    for rse in rse_ids:
        _check_overlaps(image for image in images if image.rse == rse)
    return images


def _for_its_rses(spec: ImageSpec, workshop: Workshop, rses: Sequence[int]) -> list[PlacedImage]:
    """Build an image once, or for each RSE where it differs."""
    shared = None if spec.differs else workshop.build(spec, rses[0])
    return [_placed(spec, rse, shared or workshop.build(spec, rse)) for rse in rses]


def _placed(spec: ImageSpec, rse: int, file: BuiltFile) -> PlacedImage:
    return PlacedImage(
        spec.name, rse, file.path, spec.address, spec.memory, file.sha256, file.size, file.version
    )


def _check_names(specs: Sequence[ImageSpec], rse_ids: Sequence[int]) -> None:
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"images: two images are called {name!r}")
    for spec in specs:
        for rse in spec.targets(()):
            if rse not in rse_ids:
                known = ", ".join(map(str, rse_ids))
                raise UsageError(f"image {spec.name!r}: no RSE {rse} on this board; it has {known}")


def _check_overlaps(images: Iterable[PlacedImage]) -> None:
    """Refuse two images of one RSE in one place of one memory."""
    ordered = sorted(images, key=lambda image: (image.memory, image.address))
    for first, second in pairwise(ordered):
        if first.memory == second.memory and second.address < first.end:
            raise UsageError(
                f"images {first.name!r} ({_range(first)}) and {second.name!r} ({_range(second)}) "
                f"overlap in the {first.memory} of RSE {first.rse}"
            )


def _range(image: PlacedImage) -> str:
    return f"{image.address:#x} to {image.end - 1:#x}"
