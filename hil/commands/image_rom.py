# SPDX-License-Identifier: Apache-2.0
"""`hil image rom`: the ROM image of an RSE."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.commands.options import Commands


def add(actions: Commands) -> None:
    """Add the action."""
    rom = actions.add_parser("rom", help="ROM of BL1_1 and the DMA ICS: create, info, split")
    commands = rom.add_subparsers(required=True, metavar="ACTION")

    create = commands.add_parser("create", help="write a ROM image from its two parts")
    create.add_argument("bl1_1", type=Path, metavar="BL1_1")
    create.add_argument("ics", type=Path, metavar="ROM_DMA_ICS")
    create.add_argument("--out", type=Path, required=True, metavar="FILE")
    create.set_defaults(run=_create)

    info = commands.add_parser("info", help="what a ROM image holds")
    info.add_argument("rom", type=Path, metavar="ROM")
    info.set_defaults(run=_info)

    split = commands.add_parser("split", help="write both parts to files of TF-M's names")
    split.add_argument("rom", type=Path, metavar="ROM")
    split.add_argument("--out", type=Path, required=True, metavar="DIR")
    split.add_argument("--force", action="store_true", help="write over files that are there")
    split.set_defaults(run=_split)


def _create(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.output import new_file
    from hil.images.rom import RSE_ROM, write_rom

    with (
        open_content(options.bl1_1) as bl1_1,
        open_content(options.ics) as ics,
        new_file(options.out) as output,
    ):
        write_rom(output, bl1_1, ics)
    print(f"{options.out}: {RSE_ROM.size:#x} bytes, DMA ICS at {RSE_ROM.ics_offset:#x}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.rom import parse_rom

    with open_content(options.rom) as content:
        rom = parse_rom(content)
        for name, part in (("BL1_1", rom.bl1_1), ("DMA ICS", rom.ics)):
            print(f"{name:<8} {part.start:#07x} {part.size:#7x}  sha256 {part.sha256()}")
    return 0


def _split(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.rom import parse_rom
    from hil.images.unpack import write_files

    with open_content(options.rom) as content:
        rom = parse_rom(content)
        files = {options.out / "bl1_1.bin": rom.bl1_1, options.out / "rom_dma_ics.bin": rom.ics}
        for path in write_files(files, force=options.force):
            print(path)
    return 0
