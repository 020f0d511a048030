# SPDX-License-Identifier: Apache-2.0
"""Images that execute in place: an encrypted image and the signed table of its page hashes.

BL2 loads the table (a MCUboot image) and lets the secure I-cache fetch the code from the flash; a
page whose hash is another stops the RSE long after BL2 found everything right. Source: TF-M 2.3.1
sic_boot.c, create_xip_tables.py, tc/common/flash_layout.h.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip import Fip, FipLayout
from hil.images.fip_uuids import BY_NAME
from hil.images.mcuboot import parse_image
from hil.images.sic_table import PAGE, SicTable, find_sic_table

#: BL2 refuses an image that is not at a multiple of this in the flash.
ALIGNMENT = 0x1000
#: Most bytes of a signed table (FLASH_SIC_TABLE_SIZE).
MAX_TABLE = 0x3800
#: Most bytes of an encrypted image (FLASH_S_PARTITION_SIZE, FLASH_NS_PARTITION_SIZE).
MAX_IMAGE = 0x60000


@dataclass(frozen=True)
class XipPair:
    """An image and its table, both by name."""

    image: str
    table: str


PAIRS = (XipPair("rse-s", "rse-sic-tables-s"), XipPair("rse-ns", "rse-sic-tables-ns"))


def in_layout(layout: FipLayout) -> dict[UUID, tuple[int, Content]]:
    """Return offset and content of the images of a package that is to be written."""
    return {image.uuid: (offset, image.content) for offset, image in layout.parts}


def in_package(fip: Fip) -> dict[UUID, tuple[int, Content]]:
    """Return offset and content of the images of a package that was read."""
    return {entry.uuid: (entry.offset, fip.image(entry)) for entry in fip.entries}


def check_xip(images: Mapping[UUID, tuple[int, Content]]) -> Iterable[str]:
    """Check every table of a package with its image; return the names of the images.

    Args:
        images: Offset in the package, and content, by kind. A package without tables is fine.

    Raises:
        ImageError: a table without its image, of another image, or too large; an image at an offset
            or of a size that BL2 refuses.
    """
    checked = []
    for pair in PAIRS:
        if found := images.get(BY_NAME[pair.table].uuid):
            image = images.get(BY_NAME[pair.image].uuid)
            if image is None:
                raise found[1].error(f"the table is there, {pair.image} is not", 0, pair.table)
            _check(pair, *image, found[1])
            checked.append(pair.image)
    return checked


def _check(pair: XipPair, offset: int, image: Content, table: Content) -> None:
    if offset % ALIGNMENT:
        raise image.error(
            f"at {offset:#x} in the package, expected a multiple of {ALIGNMENT:#x} (--align 8192)",
            0,
            pair.image,
        )
    for content, limit, name in ((image, MAX_IMAGE, pair.image), (table, MAX_TABLE, pair.table)):
        if content.size > limit:
            raise content.error(
                f"expected at most {limit:#x} bytes, got {content.size:#x}", 0, name
            )
    found = _table(table, pair.table)
    data = image.read(0, image.size, pair.image)
    if not found.is_of(data):
        raise table.error(f"not of {image.path}: {_difference(found, data)}", 0, pair.table)


def _difference(table: SicTable, data: bytes) -> str:
    if len(data) != table.image_size:
        return f"it is for {table.image_size:#x} bytes, the image has {len(data):#x}"
    pages = [hashlib.sha256(data[at : at + PAGE]).digest() for at in range(0, len(data), PAGE)]
    size = len(pages[0])
    page = next(n for n, h in enumerate(pages) if table.hashes[n * size : (n + 1) * size] != h)
    return f"the hash of page {page} (at {page * PAGE:#x}) is another"


def _table(content: Content, name: str) -> SicTable:
    data = content.read(0, content.size, name)
    image = parse_image(data, content.path)
    payload = data[image.header_size : image.header_size + image.image_size]
    table = find_sic_table(payload)
    if table is None:
        raise ImageError(
            "its payload is no table of page hashes",
            path=content.path,
            offset=content.start + image.header_size,
            field=name,
        )
    return table
