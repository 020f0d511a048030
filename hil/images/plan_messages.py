# SPDX-License-Identifier: Apache-2.0
"""Whether provisioning messages ask for what the board expects of its RSEs, as far as they tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import ImageError
from hil.images.files import read_bounded
from hil.images.message_values import MessageValues
from hil.images.placement import PlacedImage
from hil.images.recognise_message import recognise_message
from hil.images.tree_walk import digests_of


@dataclass(frozen=True)
class Expected:
    """What is known beside the messages; None where it is not, or does not matter."""

    #: Whether the RSEs agree on one vHUK by their policy.
    vhuk_agreement: bool | None
    #: The padded BL1_2 of the same build.
    bl1_2: Path | None


def check_values(images: Sequence[PlacedImage], expected: Expected) -> Iterator[str]:
    """Yield what messages would write to OTP and should not.

    Args:
        images: Files that were given as they are; one made by the board's own recipe may differ on
            purpose.
        expected: What they are compared with.
    """
    for path in dict.fromkeys(image.path for image in images if image.memory == "ram"):
        try:
            found = recognise_message(path, read_bounded(path))
        except ImageError:
            continue
        if found is not None and found.values is not None:
            yield from (f"{path}: {text}" for text in _differences(found.values, expected))


def _differences(values: MessageValues, expected: Expected) -> Iterator[str]:
    if expected.vhuk_agreement not in (None, values.vhuk_agreement):
        has, effect = ("set", "agree") if values.vhuk_agreement else ("clear", "do not agree")
        yield (
            f"policy bit 0 is {has}: the RSEs {effect} on one vHUK, but "
            f"provisioning.vhuk_agreement of the board is {str(expected.vhuk_agreement).lower()}"
        )
    if expected.bl1_2 is None or not (digests := digests_of(expected.bl1_2)):
        return
    if values.bl1_2_digest not in digests:
        yield f"is out of date: its BL1_2 is not {expected.bl1_2.name}; build again"
