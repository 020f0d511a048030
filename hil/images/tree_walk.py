# SPDX-License-Identifier: Apache-2.0
"""Walking over the files of a build: which there are, and what is read of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import open_content
from hil.images.files import MAX_IMAGE, read_bounded
from hil.images.found_image import FoundImage
from hil.images.host_flash import MAX_FLASH
from hil.images.image_roles import MCUBOOT_ROLES, Role, role_of_name
from hil.images.recognise import PROBE, is_foreign
from hil.images.recognise_package import recognise_package

#: A build directory of TF-M has about 5000 files; more than this is another kind of folder.
MAX_FILES = 100_000
#: Digests that a build leaves in files of their own, by their length.
HASHES = {32: "sha256", 48: "sha384", 64: "sha512"}
#: A file shorter than this is none of the images, and no hash.
_MIN_SIZE = 32
_SIGNED = MCUBOOT_ROLES | {Role.BL2}
#: Ends of the names of files that are meant as images, however large they are.
_IMAGE_SUFFIXES = frozenset({".bin", ".img"})


def files_below(folder: Path, unread: list[str]) -> Iterator[Path]:
    """Yield every file; links to folders are not followed, so that no walk is endless.

    Args:
        folder: Where to look, or the only file.
        unread: Gets a sentence for each folder that cannot be read.

    Raises:
        ImageError: no such folder, one inside of a closed folder, or far too many files in it.
    """
    try:
        is_file, is_dir = folder.is_file(), folder.is_dir()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}", path=folder) from error
    if is_file:
        yield folder
        return
    if not is_dir:
        raise ImageError("no such folder or file", path=folder)
    count = 0

    def closed(error: OSError) -> None:
        unread.append(f"{error.filename}: folder cannot be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=closed):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise ImageError(f"more than {MAX_FILES} files: no build directory", path=folder)
            yield Path(place, name)


def cut_image(path: Path) -> FoundImage | None:
    """Return a file that is called as a signed image and has hardly a byte, None for any other.

    Raises:
        OSError, ImageError: it cannot be read.
    """
    role = role_of_name(path.name, signed=True)
    if path.suffix != ".bin" or "signed" not in path.name or role not in _SIGNED:
        return None
    size = path.stat().st_size if path.is_file() else _MIN_SIZE
    if size >= _MIN_SIZE:
        return None
    data = read_bounded(path, _MIN_SIZE)
    digest, remark = hashlib.sha256(data).hexdigest(), f"DAMAGED: {size} bytes, not even a header"
    return FoundImage(path, role, size, digest, "its name only", remarks=(remark,))


def large_image(path: Path) -> FoundImage | None:
    """Return a package or flash image that is too large to be read as a whole.

    Raises:
        OSError, ImageError: it cannot be read, or it is called as an image and is neither of them.
    """
    if not path.is_file() or path.stat().st_size <= MAX_IMAGE:
        return None
    with open_content(path) as content:
        if content.size <= MAX_FLASH and (image := recognise_package(path, content)) is not None:
            return image
        if path.suffix in _IMAGE_SUFFIXES and not is_foreign(content.read(0, PROBE)):
            raise ImageError(f"larger than {MAX_IMAGE} bytes: not looked at", path=path)
    return None


def content_of(path: Path) -> bytes | None:
    """Return what a file holds, None for one that is no image by its size or its beginning.

    Raises:
        OSError, ImageError: it cannot be read.
    """
    if not path.is_file() or not _MIN_SIZE <= path.stat().st_size <= MAX_IMAGE:
        return None
    with path.open("rb") as stream:
        if is_foreign(stream.read(PROBE)):
            return None
    return read_bounded(path)


def digests_of(path: Path) -> list[bytes]:
    """Return its digests of all kinds that a build writes, none where it cannot be read."""
    try:
        with open_content(path) as content:
            digests = [hashlib.new(name) for name in HASHES.values()]
            for chunk in content.chunks():
                for digest in digests:
                    digest.update(chunk)
    except ImageError:
        return []
    return [digest.digest() for digest in digests]
