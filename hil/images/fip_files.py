# SPDX-License-Identifier: Apache-2.0
"""From files to a package, or to a GPT image with the package in its partitions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import UUID

from hil.images.content import Content, open_content
from hil.images.fip import FipImage, FipLayout, lay_out
from hil.images.gpt import parse_gpt
from hil.images.output import Output, new_file
from hil.images.xip import check_xip, in_layout


def write_fip(
    path: Path,
    files: Mapping[UUID, Path],
    align: int,
    gpt: Path | None = None,
    partitions: Iterable[str] = (),
) -> tuple[int, str]:
    """Write a package of files; return size and SHA-256 of what was written.

    Args:
        path: The file to write.
        files: By kind of image.
        align: Power of two that offsets and size are multiples of.
        gpt: Image whose partitions get the package; the package itself is written without it.
        partitions: Names of those partitions.

    Raises:
        ImageError: a file is missing or empty, an image in place is not that of its table, the
            package does not fit a partition, or the GPT is damaged.
    """
    with contextlib.ExitStack() as opened:
        images = [
            FipImage(kind, opened.enter_context(open_content(f))) for kind, f in files.items()
        ]
        layout = lay_out(images, align)
        check_xip(in_layout(layout))
        with new_file(path) as output:
            if gpt is None:
                output.resize(layout.size)
                layout.write(output)
            else:
                whole = opened.enter_context(open_content(gpt, "GPT image"))
                output.copy(0, whole)
                for name in partitions:
                    put_fip(output, whole, name, layout)
            written = output.content()
            return written.size, written.sha256()


def put_fip(output: Output, gpt_image: Content, name: str, layout: FipLayout) -> None:
    """Write a package into a partition of an image that is being written; its rest becomes zero.

    Raises:
        ImageError: a copy of the GPT is damaged, no such partition, or one that is too small.
    """
    gpt = parse_gpt(gpt_image)
    gpt.require_sound()
    part = gpt.partition(name)
    if layout.size > part.size:
        raise gpt_image.error(
            f"the package needs {layout.size:#x} bytes, the partition has {part.size:#x}",
            part.offset,
            f"partition {part.name!r}",
        )
    output.fill(part.offset, part.offset + part.size, 0)
    layout.write(output, part.offset)
