# SPDX-License-Identifier: Apache-2.0
"""What stands in a file behind its first MCUboot image.

Some builds put the images of two slots into one file (tfm_s_ns_signed.bin), and a dump of flash holds
whatever was written: hash and signature of the first image say nothing of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hil.errors import ImageError
from hil.images.mcuboot import MAGIC, TRAILER_MAGIC, McubootImage, parse_image

_WRITTEN = re.compile(rb"[^\x00\xff]")
#: What imgtool writes at the end of a slot: flags of one byte each, erased flash between them, and the
#: magic, whose second form begins with the alignment.
_TRAILER = re.compile(
    rb"(?:\x01[\x00\xff]{7,255}){0,3}"
    rb"(?:"
    + re.escape(TRAILER_MAGIC)
    + rb"|[\x00-\xff]{1,2}\x2d\xe1\x5d\x29\x41\x0b\x8d\x77\x67\x9c\x11\x0f\x1f\x8a)"
)
#: More images than any file holds.
_MAX_IMAGES = 64


@dataclass(frozen=True)
class Behind:
    """Something behind an image."""

    #: In the file.
    offset: int
    #: The file from there on where an image begins, None for bytes that are none.
    data: bytes | None = field(repr=False)


def behind(data: bytes, image: McubootImage) -> Iterator[Behind]:
    """Yield what follows an image; padding and trailers of slots are left out.

    What is no image, or a damaged one, is the last: where the next one begins is not known then.

    Args:
        data: The whole file.
        image: Its first image.
    """
    at = image.end
    for _ in range(_MAX_IMAGES):
        start = _next(data, at)
        if start is None:
            return
        is_image = data.startswith(MAGIC, start)
        found = Behind(start, data[start:] if is_image else None)
        yield found
        if found.data is None:
            return
        try:
            at = start + parse_image(found.data).end
        except ImageError:
            return


def _next(data: bytes, at: int) -> int | None:
    """Return where the next byte stands that is neither padding nor part of a trailer."""
    while (found := _WRITTEN.search(data, at)) is not None:
        trailer = _TRAILER.match(data, found.start())
        if trailer is None:
            return found.start()
        at = trailer.end()
    return None
