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
    """Return the option of QEMU that loads an image as it is, not as ELF or hex.

    A comma in a file name is written twice, or QEMU would take it for the next property.
    """
    path = str(image.path).replace(",", ",,")
    return f"-device loader,file={path},addr={image.address:#x},force-raw=on"
