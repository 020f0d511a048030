# SPDX-License-Identifier: Apache-2.0
"""What is put on the devices, and what was found there afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hil.images.placement import PlacedImage

__all__ = ["LoadPlan", "LoadReport", "LoadedImage", "PlacedImage"]


@dataclass(frozen=True)
class LoadPlan:
    """Everything that one load puts on all RSEs, in this order."""

    images: tuple[PlacedImage, ...]

    def for_rse(self, rse: int) -> tuple[PlacedImage, ...]:
        """Return the images of one RSE, in the order of the plan."""
        return tuple(image for image in self.images if image.rse == rse)


@dataclass(frozen=True)
class LoadedImage:
    """One image after the load."""

    image: PlacedImage
    #: Hex digest of what was read back from the device; None where the device cannot be read.
    sha256_on_device: str | None
    #: Whether the digest read back equals the digest of the file.
    verified: bool
    #: Where the digest comes from: "read-back" or "given to the model".
    how: str


@dataclass(frozen=True)
class LoadReport:
    """What one load did."""

    images: tuple[LoadedImage, ...]
    seconds: float
    #: Versions of the tools that did it, e.g. {"pyocd": "0.46.0"}.
    tools: Mapping[str, str]
