# SPDX-License-Identifier: Apache-2.0
"""Images that are of another release of TF-M than the board they are for."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from hil.errors import ImageError
from hil.images.content import open_content
from hil.images.mcuboot import Version
from hil.images.placement import PlacedImage
from hil.images.plan import SYNONYMS
from hil.images.platforms import Platform
from hil.model.provisioning_fields import MessageType
from hil.model.releases import Release

#: Bytes of VM0 and VM1 together where the release's own address of a message is right.
_LARGE_BANKS = 0x100000


def check_release(
    images: Iterable[PlacedImage], release: str, tags: Sequence[str], expected: str | None
) -> Iterator[str]:
    """Yield secure images whose version is not of the board's release.

    TF-M gives its own version to the secure image (MCUBOOT_IMAGE_VERSION_S).

    Args:
        images: What is placed.
        release: The board's, for the message.
        tags: Releases of the same code generation; those without numbers say nothing.
        expected: Version that the board file gives to the image instead.
    """
    versions = {tag for tag in tags if tag[:1].isdigit()}
    if not versions:
        return
    for image in images:
        if image.name not in ("tfm_s", *SYNONYMS["tfm_s"]) or image.version is None:
            continue
        number = image.version.partition("+")[0]
        if expected is not None:
            if Version.parse(expected) != Version.parse(image.version):
                yield (
                    f"{image.path}: version {image.version}, image_version of the board is "
                    f"{expected}"
                )
        elif number not in versions:
            yield (
                f"{image.path}: version {image.version}, but the board has TF-M {release} "
                f"(expected {' or '.join(sorted(versions))}; a version of your own: image_version)"
            )


def check_messages(
    images: Iterable[PlacedImage], release: Release, platform: Platform | None
) -> Iterator[str]:
    """Yield provisioning messages that are not where the board's release looks for one.

    Only for platforms with memory banks of 512 KiB; 2.1 has bundles, which are no messages.
    """
    banks = {memory.size for memory in platform.memories} if platform else set()
    if _LARGE_BANKS not in banks:
        return
    for image in images:
        wrong = image.memory == "ram" and image.address != release.provisioning_address
        if wrong and _is_message(image):
            yield (
                f"RSE {image.rse}: {image.name} ({image.path}) at {image.address:#x}: TF-M "
                f"{release.name} looks for a provisioning message at "
                f"{release.provisioning_address:#x}"
            )


def _is_message(image: PlacedImage) -> bool:
    try:
        with open_content(image.path) as content:
            (first,) = struct.unpack("<I", content.read(0, 4, "type"))
    except ImageError:
        return False
    return first in set(MessageType)
