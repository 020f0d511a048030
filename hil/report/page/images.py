# SPDX-License-Identifier: Apache-2.0
"""The images of a run as rows of a table: the same image on several RSEs once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hil.report.page.words import rses
from hil.report.recorded import RecordedImage, RecordedRun


@dataclass(frozen=True)
class ImageRow:
    """One image, and the RSEs that it was loaded on."""

    image: RecordedImage
    numbers: tuple[int, ...]

    @property
    def where(self) -> str:
        """The RSEs in words."""
        return rses(list(self.numbers)) if self.numbers else "all"

    @property
    def seen(self) -> str:
        """Whether it was seen on the device, in words."""
        image = self.image
        if image.seen:
            return image.how or "seen on the device"
        if image.sha256_on_device is None:
            return "not seen on the device"
        return "ANOTHER IMAGE is on the device"


def image_rows(run: RecordedRun) -> list[ImageRow]:
    """Return the images in the order of the record."""
    found: dict[tuple[object, ...], list[RecordedImage]] = {}
    for image in run.images:
        key = (image.name, image.address, image.sha256, image.sha256_on_device, image.how)
        found.setdefault((*key, image.version), []).append(image)
    return [
        ImageRow(same[0], tuple(sorted({i.rse for i in same if i.rse is not None})))
        for same in found.values()
    ]


def digest_of(run: RecordedRun, rse: int) -> str:
    """Return one SHA-256 over the images of one RSE, made as that of a run; "" if it has none."""
    pairs = sorted({(i.name, i.sha256) for i in run.images if i.rse in (rse, None)})
    told = "".join(f"{name} {digest}\n" for name, digest in pairs)
    return hashlib.sha256(told.encode()).hexdigest() if pairs else ""
