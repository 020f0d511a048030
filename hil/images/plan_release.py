# SPDX-License-Identifier: Apache-2.0
"""Images that are of another release of TF-M than the board they are for."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Sequence

from hil.errors import ImageError
from hil.images.content import Content, open_content
from hil.images.fip import parse_fip
from hil.images.mcuboot import HEADER_SIZE, Version, peek_version
from hil.images.package_check import packages_in
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
    for where, version in dict.fromkeys(pair for image in images for pair in _secure(image)):
        if expected is not None:
            if Version.parse(expected) != Version.parse(version):
                yield f"{where}: version {version}, image_version of the board is {expected}"
        elif version.partition("+")[0] not in versions:
            yield (
                f"{where}: version {version}, but the board has TF-M {release} "
                f"(expected {' or '.join(sorted(versions))}; a version of your own: image_version)"
            )


def _secure(image: PlacedImage) -> Iterator[tuple[str, str]]:
    """Yield place and version of the secure images that a file is or holds."""
    if image.name in ("tfm_s", "tfm_s_ns", *SYNONYMS["tfm_s"]):
        if image.version is not None:
            yield str(image.path), image.version
    elif image.memory == "flash":
        # What is wrong with a package itself the plan says elsewhere.
        with contextlib.suppress(ImageError), open_content(image.path) as content:
            for where, package in packages_in(content):
                yield from _packed(package, f"{image.path}, {where}")


def _packed(package: Content, where: str) -> Iterator[tuple[str, str]]:
    """Yield the secure image of a package, or the table that BL2 loads in its place."""
    fip = parse_fip(package)
    for entry in fip.entries:
        if entry.name in ("rse-s", "rse-sic-tables-s"):
            content = fip.image(entry)
            version = peek_version(content.read(0, min(content.size, HEADER_SIZE)))
            if version is not None:
                yield where + entry.name, str(version)


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
