# SPDX-License-Identifier: Apache-2.0
"""`hil image gpt`: flash images with a GUID partition table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, UUID, uuid5

from hil.commands.image_values import fields, size, uuid
from hil.commands.options import Commands

if TYPE_CHECKING:
    from hil.images.gpt_write import NewPartition

_PARTITION = "name=LABEL,size=SIZE[,file=FILE][,start=SECTOR][,type=UUID][,guid=UUID]"


def add(actions: Commands) -> None:
    """Add the action."""
    gpt = actions.add_parser("gpt", help="GPT: info, create, extract, patch, mend")
    commands = gpt.add_subparsers(required=True, metavar="ACTION")

    info = commands.add_parser("info", help="partitions, and whether both copies are sound")
    info.add_argument("image", type=Path, metavar="IMAGE")
    info.set_defaults(run=_info)

    create = commands.add_parser(
        "create", help="write an image; partitions are zero but for their files"
    )
    create.add_argument("image", type=Path, metavar="IMAGE")
    create.add_argument("--size", type=size, required=True, help="of the image: 64M")
    create.add_argument("--disk-guid", type=uuid, help="by default made from what is given")
    create.add_argument("--align", type=int, metavar="SECTORS", help="of partitions; 1 MiB")
    create.add_argument(
        "--partition", action="append", default=[], type=_partition, metavar=_PARTITION
    )
    create.set_defaults(run=_create)

    extract = commands.add_parser("extract", help="write a partition to a file")
    extract.add_argument("image", type=Path, metavar="IMAGE")
    extract.add_argument("partition", metavar="LABEL")
    extract.add_argument("--out", type=Path, required=True, metavar="FILE")
    extract.set_defaults(run=_extract)

    patch = commands.add_parser("patch", help="write a file into a partition")
    patch.add_argument("image", type=Path, metavar="IMAGE")
    patch.add_argument("partition", metavar="LABEL")
    patch.add_argument("file", type=Path, metavar="FILE")
    patch.add_argument("--out", type=Path, metavar="IMAGE", help="instead of changing the image")
    patch.add_argument("--keep-rest", action="store_true", help="of the partition; zero by default")
    patch.set_defaults(run=_patch)

    mend = commands.add_parser("mend", help="write a damaged copy anew from the sound one")
    mend.add_argument("image", type=Path, metavar="IMAGE")
    mend.add_argument("--out", type=Path, metavar="IMAGE", help="instead of changing the image")
    mend.set_defaults(run=_mend)

    for parser in (info, create, extract, patch, mend):
        parser.add_argument(
            "--sector-size", type=int, choices=(512, 4096), help="found by the signature by default"
        )


def _partition(text: str) -> dict[str, str]:
    given = fields(text, "name", "size", "file", "start", "type", "guid")
    if "name" not in given or "size" not in given:
        raise argparse.ArgumentTypeError(f"expected {_PARTITION}, got {text!r}")
    for name, kind in (("type", uuid), ("guid", uuid), ("size", size), ("start", int)):
        if name in given:
            try:
                kind(given[name])
            except ValueError:
                raise argparse.ArgumentTypeError(f"{name}: expected a number") from None
    return given


def _info(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.gpt import parse_gpt

    with open_content(options.image) as content:
        gpt = parse_gpt(content, options.sector_size)
    table = gpt.table
    print(
        f"GPT, {gpt.sector_size} bytes a sector, disk {table.header.disk_guid}, usable sectors "
        f"{table.header.first_usable} to {table.header.last_usable}"
    )
    for part in table.partitions:
        print(
            f"{part.number:3} {part.name:<24} {part.first_lba:>8} {part.last_lba:>8} "
            f"{part.offset:#011x} {part.size:#11x}  type {part.type_guid}  guid {part.guid}"
        )
    for problem in gpt.problems:
        print(problem, file=sys.stderr)
    return 1 if gpt.problems else 0


def _create(options: argparse.Namespace) -> int:
    from hil.errors import UsageError
    from hil.images.content import open_content
    from hil.images.gpt import parse_gpt
    from hil.images.gpt_write import MAX_DISK, NewTable, patch
    from hil.images.output import new_file

    if options.size > MAX_DISK:
        raise UsageError(f"--size: expected at most {MAX_DISK:#x} bytes, got {options.size:#x}")
    sector = options.sector_size or 512
    sectors = options.size // sector
    seed = f"{sector} {sectors} {options.partition}"
    disk = options.disk_guid or uuid5(NAMESPACE_OID, seed)
    empty = NewTable(sector, sectors, disk, ())
    align = options.align or max(1, (1 << 20) // sector)
    partitions = _placed(options.partition, sector, align, empty.first_usable, disk)
    with new_file(options.image) as output:
        NewTable(sector, sectors, disk, tuple(partitions)).write(output)
        gpt = parse_gpt(output.content(), sector)
        for given in options.partition:
            if "file" in given:
                with open_content(Path(given["file"])) as data:
                    patch(output, gpt, given["name"], data, keep_rest=True)
        digest = output.content().sha256()
    print(
        f"{options.image}: {len(partitions)} partitions, {sectors * sector:#x} bytes, "
        f"sha256 {digest}"
    )
    return 0


def _placed(
    given: list[dict[str, str]], sector: int, align: int, first: int, disk: UUID
) -> list[NewPartition]:
    """Give each partition the first aligned sector after the one before it."""
    from hil.images.gpt_write import DEFAULT_TYPE, NewPartition

    placed: list[NewPartition] = []
    for one in given:
        start = int(one["start"]) if "start" in one else -(-first // align) * align
        first = start + -(-size(one["size"]) // sector)
        guid = UUID(one["guid"]) if "guid" in one else uuid5(disk, one["name"])
        kind = UUID(one["type"]) if "type" in one else DEFAULT_TYPE
        placed.append(NewPartition(one["name"], guid, start, first - 1, kind))
    return placed


def _extract(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.gpt import parse_gpt
    from hil.images.output import new_file

    with open_content(options.image) as content:
        gpt = parse_gpt(content, options.sector_size)
        part = gpt.partition(options.partition)
        with new_file(options.out) as output:
            output.copy(0, gpt.read(part))
    print(f"{options.out}: {part.size:#x} bytes")
    return 0


def _patch(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.gpt import parse_gpt
    from hil.images.gpt_write import patch
    from hil.images.output import new_file

    target = options.out or options.image
    with open_content(options.image) as content, open_content(options.file) as data:
        gpt = parse_gpt(content, options.sector_size)
        gpt.require_sound()
        with new_file(target) as output:
            output.copy(0, content)
            patch(output, gpt, options.partition, data, keep_rest=options.keep_rest)
            parse_gpt(output.content(), gpt.sector_size).require_sound()
    print(f"{target}: {data.size:#x} bytes in {options.partition}")
    return 0


def _mend(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.gpt import parse_gpt
    from hil.images.gpt_write import has_mbr, mend
    from hil.images.output import new_file

    target = options.out or options.image
    with open_content(options.image) as content:
        gpt = parse_gpt(content, options.sector_size)
        for problem in gpt.problems:
            print(f"mended: {problem}")
        if not has_mbr(content):
            print(f"mended: {options.image}: no MBR in the first sector")
        with new_file(target) as output:
            output.copy(0, content)
            mend(output, gpt)
            parse_gpt(output.content(), gpt.sector_size).require_sound()
    print(f"{target}: both copies are sound")
    return 0
