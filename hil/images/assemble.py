# SPDX-License-Identifier: Apache-2.0
"""Writing a plan to a folder: each image once, the whole flash of each RSE, and the manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hil.errors import ImageError
from hil.images.content import Content, open_content
from hil.images.host_flash import Piece, write_flash
from hil.images.manifest import ManifestEntry, write_manifest
from hil.images.output import file_name, new_file
from hil.images.placement import PlacedImage
from hil.images.plan import Placement, Plan
from hil.images.platforms import Platform
from hil.images.rom import RSE_ROM, write_rom

#: Byte of an erased NOR flash.
ERASED = 0xFF


def assemble(
    plan: Plan,
    folder: Path,
    head: Mapping[str, Any],
    platform: Platform | None = None,
    rom: tuple[Path, Path] | None = None,
) -> Path:
    """Write the images of a plan, flash images where the platform is known, and the manifest.

    Args:
        plan: Without problems.
        folder: Where to; files of the same names are written over, others stay.
        head: What the manifest says of the whole: board, release, launcher.
        platform: Whose flash is written as one file for each RSE that differs.
        rom: BL1_1 and the DMA ICS, which TF-M's build leaves as two files.

    Returns:
        The manifest.

    Raises:
        ImageError: the plan has problems (nothing has been written then), a file changed since it
            was planned, or the folder cannot be written.
    """
    if plan.problems:
        raise ImageError("\n".join(plan.problems), path=folder, field="plan")
    groups = by_content(plan.placements)
    entries = [_write(folder, placements) for placements in groups]
    if platform is not None:
        entries += _flashes(folder, plan.placements, platform)
    if rom is not None:
        entries.append(_rom(folder, *rom))
    return write_manifest(folder, dict(head), entries)


def by_content(placements: Iterable[Placement]) -> list[list[Placement]]:
    """Return the placements of one name and content together."""
    groups: dict[tuple[str, str], list[Placement]] = {}
    for each in placements:
        groups.setdefault((each.image.name, each.image.sha256), []).append(each)
    return list(groups.values())


def _write(folder: Path, placements: list[Placement]) -> ManifestEntry:
    image = placements[0].image
    rses = [each.image.rse for each in placements]
    name = file_name(f"{image.name}-rse{'_'.join(map(str, rses))}.bin")
    # A provisioning message holds keys: what nobody else may read stays so.
    mode = image.path.stat().st_mode & 0o777 if image.path.exists() else 0o644
    with open_content(image.path) as content, new_file(folder / name, mode) as output:
        output.copy(0, content)
        if output.content().sha256() != image.sha256:
            raise content.error("changed after it was planned", 0, "sha256")
    more: dict[str, Any] = {
        "image": image.name,
        "rses": rses,
        "memory": image.memory,
        "address": f"{image.address:#x}",
        "place": placements[0].place,
        "version": image.version,
    }
    return ManifestEntry(name, image.size, image.sha256, more)


def _rom(folder: Path, bl1_1: Path, ics: Path) -> ManifestEntry:
    with (
        open_content(bl1_1) as code,
        open_content(ics) as commands,
        new_file(folder / "rom.bin") as output,
    ):
        write_rom(output, code, commands)
        written = output.content()
        pieces = {bl1_1.name: "0x0", ics.name: f"{RSE_ROM.ics_offset:#x}"}
        more = {"rom": f"{RSE_ROM.base:#x}", "pieces": pieces}
        return ManifestEntry("rom.bin", written.size, written.sha256(), more)


def _flashes(
    folder: Path, placements: Iterable[Placement], platform: Platform
) -> Iterable[ManifestEntry]:
    """Write the flash of each RSE; of RSEs with the same content once."""
    contents: dict[tuple[tuple[int, str], ...], list[int]] = {}
    images: dict[int, list[PlacedImage]] = {}
    for each in placements:
        if each.image.memory == "flash":
            images.setdefault(each.image.rse, []).append(each.image)
    for rse, here in images.items():
        key = tuple(sorted((image.address, image.sha256) for image in here))
        contents.setdefault(key, []).append(rse)
    for rses in contents.values():
        here = images[rses[0]]
        name = f"flash-rse{'_'.join(map(str, rses))}.bin"
        base = platform.flash.start
        # The host's flash is large and mostly not ours: its image ends with what is in it.
        size = platform.flash_size if platform.slots else max(image.end for image in here) - base
        with contextlib.ExitStack() as files:
            pieces = [
                Piece(
                    image.name, files.enter_context(open_content(image.path)), image.address - base
                )
                for image in here
            ]
            _unchanged(pieces, here)
            written = write_flash(folder / name, pieces, size, ERASED)
        more = {
            "flash": f"{base:#x}",
            "rses": rses,
            "pieces": {piece.name: f"{piece.offset:#x}" for piece in pieces},
        }
        yield ManifestEntry(name, size, written.sha256, more)


def _unchanged(pieces: Iterable[Piece], images: Iterable[PlacedImage]) -> None:
    for piece, image in zip(pieces, images, strict=True):
        content: Content = piece.content
        if content.sha256() != image.sha256:
            raise content.error("changed after it was planned", 0, "sha256")
