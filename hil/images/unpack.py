# SPDX-License-Identifier: Apache-2.0
"""Taking an image apart into files, one for each image or partition, all in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip import Fip
from hil.images.output import file_name, new_file


def unpack_fip(
    fip: Fip, folder: Path, names: Iterable[str] | None = None, *, force: bool = False
) -> list[Path]:
    """Write the images of a package as NAME.bin, or UUID.bin where the kind is not known.

    Args:
        fip: The package.
        folder: Where to; it is made.
        names: Only these.
        force: Write over files that are there.

    Raises:
        ImageError: a file is there already, an image is not; nothing has been written then.
    """
    wanted = None if names is None else set(names)
    entries = [e for e in fip.entries if wanted is None or e.name in wanted]
    missing = sorted((wanted or set()) - {entry.name for entry in entries})
    if missing:
        there = ", ".join(entry.name for entry in fip.entries) or "nothing"
        raise fip.content.error(f"no image {missing[0]}; there is {there}", 0, "ToC")
    files = {folder / file_name(f"{e.name}.bin"): fip.image(e) for e in entries}
    return write_files(files, force=force)


def write_files(files: dict[Path, Content], *, force: bool) -> list[Path]:
    """Write contents to files.

    Raises:
        ImageError: one of them is there and `force` is not given; nothing has been written then.
    """
    for path in files:
        if not force and os.path.lexists(path):
            raise ImageError("is there already; --force writes over it", path=path)
    for path, content in files.items():
        with new_file(path) as output:
            output.copy(0, content)
    return list(files)
