# SPDX-License-Identifier: Apache-2.0
"""The same placement in the words of each launcher."""

from __future__ import annotations

from hil.images.placement import PlacedImage


def flash_region(image: PlacedImage, target: str) -> str:
    """Return what pyOCD does with an image: flash by its algorithm, RAM by plain writes.

    Args:
        image: What is placed.
        target: pyOCD's target type, whose memory map has the region.
    """
    steps = "erase, program" if image.memory == "flash" else "write"
    return f"pyocd {target}: {image.memory}: {steps}, read back"


def data_option(image: PlacedImage, instance: str) -> str:
    """Return the option of an FVP that loads an image.

    Args:
        image: What is placed.
        instance: Of the model, whose bus the address belongs to.
    """
    return f"--data {instance}={image.path}@{image.address:#x}"


def loader_device(image: PlacedImage) -> str:
    """Return the option of QEMU that loads an image, as one text."""
    return f"-device {loader_value(image)}"


def loader_value(image: PlacedImage) -> str:
    """Return the value of `-device` that makes QEMU load an image as it is, not as ELF or hex.

    A comma in a file name is written twice, or QEMU would take it for the next property.
    """
    path = str(image.path).replace(",", ",,")
    return f"loader,file={path},addr={image.address:#x},force-raw=on"


def written_once(image: PlacedImage, region: str) -> str:
    """Return how QEMU gets an image that lies in memory which is kept.

    Args:
        image: What is placed.
        region: Of `launcher.nvm`.
    """
    return f"written once to {image.address:#x}, as it lies in launcher.nvm.regions.{region}"
