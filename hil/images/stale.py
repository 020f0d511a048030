# SPDX-License-Identifier: Apache-2.0
"""Files of a build tree that were made from something that is no longer there.

A file that contains its source is compared with it; of the others only the times can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import open_content
from hil.images.files import read_bounded
from hil.images.mcuboot import parse_image
from hil.images.mcuboot_tlvs import FLAG_ENCRYPTED
from hil.images.rom import RSE_ROM, parse_rom

#: Seconds by which a file may be older than its source: file systems round, and copies of a tree
#: give all files one time, more or less.
TOLERANCE = 2.0


@dataclass(frozen=True)
class Derived:
    """One file of the `bin` folder of TF-M's build tree, and what it is made from."""

    name: str
    sources: tuple[str, ...]
    #: Returns what is wrong, None when the content is right; no function: times are compared.
    compare: Callable[[Path, tuple[Path, ...]], str | None] | None = None


def check_tree(folder: Path) -> Iterator[str]:
    """Yield the files that are out of date; a file that is not there is none.

    Args:
        folder: `bin` of the build tree.
    """
    for row in _DERIVED:
        for path in sorted(folder.glob(row.name)):
            yield from _check(row, path, folder)


def check_file(path: Path, name: str, folder: Path) -> Iterator[str]:
    """Yield whether a file is out of date that stands for one of another name.

    Args:
        path: The file, anywhere.
        name: What TF-M's build calls it, and `folder` is where that would be.
        folder: `bin` of the build tree.
    """
    for row in _DERIVED:
        if row.name == name:
            yield from _check(row, path, folder)


def _check(row: Derived, path: Path, folder: Path) -> Iterator[str]:
    sources = tuple(folder / name for name in row.sources)
    if not all(source.is_file() for source in sources):
        return
    try:
        if problem := (row.compare or _older)(path, sources):
            yield f"{path}: is out of date: {problem}; build again"
    except (ImageError, OSError) as error:
        yield f"{path}: cannot be compared with its source: {error}"


def _older(path: Path, sources: tuple[Path, ...]) -> str | None:
    written = path.stat().st_mtime
    for source in sources:
        seconds = source.stat().st_mtime - written
        if seconds > TOLERANCE:
            return f"{source.name} is {seconds:.0f} s newer"
    return None


def _signed(path: Path, sources: tuple[Path, ...]) -> str | None:
    """Compare the payload of a MCUboot image with the file that was signed."""
    data = read_bounded(path)
    image = parse_image(data, path)
    if image.flags & FLAG_ENCRYPTED:
        return _older(path, sources)
    payload = data[image.header_size : image.header_size + image.image_size]
    source = read_bounded(sources[0])
    # imgtool fills the payload up to the alignment of the flash.
    same = payload.startswith(source) and not payload[len(source) :].strip(b"\0\xff")
    return None if same else f"its payload is not {sources[0].name}"


def _rom(path: Path, sources: tuple[Path, ...]) -> str | None:
    with open_content(path) as content:
        rom = parse_rom(content)
        found = (rom.bl1_1, rom.ics)
        for part, source in zip(found, sources, strict=True):
            data = part.read(0, part.size)
            if data.rstrip(b"\0") != read_bounded(source, RSE_ROM.size).rstrip(b"\0"):
                return f"it holds another {source.name}"
    return None


_DERIVED = (
    Derived("tfm_s_signed.bin", ("tfm_s.bin",), _signed),
    Derived("tfm_ns_signed.bin", ("tfm_ns.bin",), _signed),
    Derived("tfm_s_sic_tables_signed.bin", ("tfm_s_sic_tables.bin",), _signed),
    Derived("tfm_ns_sic_tables_signed.bin", ("tfm_ns_sic_tables.bin",), _signed),
    Derived("tfm_s_encrypted.bin", ("tfm_s.bin",)),
    Derived("rom.bin", ("bl1_1.bin", "rom_dma_ics.bin"), _rom),
    # Encrypted: only the times can tell.
    Derived("bl2_signed.bin", ("bl2.bin",)),
    Derived("provisioning/combined_provisioning*message.bin", ("bl1_2.bin",)),
    Derived("provisioning/cm_provisioning*message.bin", ("bl1_2.bin",)),
)
