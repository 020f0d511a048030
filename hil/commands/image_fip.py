# SPDX-License-Identifier: Apache-2.0
"""`hil image fip`: firmware image packages, also inside a partition of a GPT image."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from hil.commands.image_values import fields, size, uuid
from hil.commands.options import Commands

if TYPE_CHECKING:
    from hil.images.content import Content
    from hil.images.fip import Fip, FipImage, FipLayout

_ALIGN = "power of two that offsets and size are multiples of; "


def add(actions: Commands) -> None:
    """Add the action."""
    fip = actions.add_parser("fip", help="FIP: info, check, create, update, remove, unpack")
    commands = fip.add_subparsers(required=True, metavar="ACTION")

    info = _parser(commands, "info", "what a package holds", _info)
    _add_source(info)

    check = _parser(commands, "check", "whether tables of page hashes are of their images", _verify)
    _add_source(check)

    create = _parser(commands, "create", "write a package", _create)
    create.add_argument("fip", type=Path, metavar="FIP")
    create.add_argument("--align", type=size, default=8192, help=_ALIGN + "8192 as TF-M asks for")
    create.add_argument("--plat-toc-flags", type=_flags, default=0, metavar="HEX16")
    _add_images(create, "FILE")

    update = _parser(commands, "update", "add or replace images", _update)
    _add_source(update)
    update.add_argument("--out", type=Path, metavar="FILE", help="instead of changing the file")
    update.add_argument("--align", type=size, help=_ALIGN + "by default what the package has")
    update.add_argument("--plat-toc-flags", type=_flags, metavar="HEX16")
    _add_images(update, "FILE")

    remove = _parser(commands, "remove", "take images out", _remove)
    _add_source(remove)
    remove.add_argument("--out", type=Path, metavar="FILE", help="instead of changing the file")
    remove.add_argument("--align", type=size, help=_ALIGN + "by default what the package has")
    _add_images(remove, None)

    for parser in (create, update, remove):
        parser.add_argument(
            "--unchecked",
            action="store_true",
            help="write it also when a table of page hashes is not of its image",
        )

    unpack = _parser(commands, "unpack", "write the images to files", _unpack)
    _add_source(unpack)
    unpack.add_argument("--out", type=Path, required=True, metavar="DIR")
    unpack.add_argument("--force", action="store_true", help="write over files that are there")
    _add_images(unpack, None)


def _parser(commands: Commands, name: str, text: str, run: object) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("fip", type=Path, metavar="FIP")
    parser.add_argument(
        "--partition", metavar="LABEL", help="FIP is a GPT image; the package in this partition"
    )


def _add_images(parser: argparse.ArgumentParser, value: str | None) -> None:
    """Add fiptool's option of each kind of image; with a file, or to name the kind only."""
    from hil.images.fip_uuids import KINDS

    group = parser.add_argument_group("images", "the names are fiptool's; rss- is the same as rse-")
    for kind in KINDS:
        names = [f"--{name}" for name in (kind.name, *kind.aliases)]
        if value:
            group.add_argument(
                *names, dest=f"image:{kind.uuid}", type=Path, metavar=value, help=kind.title
            )
        else:
            group.add_argument(
                *names, dest=f"image:{kind.uuid}", action="store_true", help=kind.title
            )
    group.add_argument(
        "--blob",
        action="append",
        default=[],
        type=_blob if value else _blob_uuid,
        metavar="uuid=UUID,file=FILE" if value else "uuid=UUID",
        help="any other image",
    )


def _flags(text: str) -> int:
    value = int(text, 16) if text[:1] not in ("-", "+") else -1
    if not 0 <= value <= 0xFFFF:
        raise argparse.ArgumentTypeError(f"expected 16 bits in hexadecimal, got {text!r}")
    return value


def _blob(text: str) -> tuple[UUID, Path]:
    given = fields(text, "uuid", "file")
    if len(given) < 2:
        raise argparse.ArgumentTypeError(f"expected uuid=UUID,file=FILE, got {text!r}")
    return uuid(given["uuid"]), Path(given["file"])


def _blob_uuid(text: str) -> tuple[UUID, bool]:
    return uuid(fields(text, "uuid")["uuid"]), True


def _given(options: argparse.Namespace) -> dict[UUID, Path]:
    """Return what was given for each image: a file, or that it was named."""
    named = {
        UUID(name.removeprefix("image:")): value
        for name, value in vars(options).items()
        if name.startswith("image:") and value
    }
    return named | dict(options.blob)


@contextlib.contextmanager
def _package(options: argparse.Namespace) -> Iterator[tuple[Fip, Content]]:
    """Open the package, and the file it is in."""
    from hil.images.content import open_content
    from hil.images.fip import parse_fip
    from hil.images.gpt import parse_gpt

    with open_content(options.fip) as content:
        if options.partition is None:
            yield parse_fip(content), content
        else:
            gpt = parse_gpt(content)
            yield parse_fip(gpt.read(gpt.partition(options.partition))), content


@contextlib.contextmanager
def _images(options: argparse.Namespace) -> Iterator[list[FipImage]]:
    from hil.images.content import open_content
    from hil.images.fip import FipImage

    with contextlib.ExitStack() as files:
        yield [
            FipImage(kind, files.enter_context(open_content(path)))
            for kind, path in _given(options).items()
        ]


def _info(options: argparse.Namespace) -> int:
    with _package(options) as (fip, _):
        print(
            f"FIP of {fip.size:#x} bytes, {len(fip.entries)} images, alignment {fip.alignment:#x}, "
            f"serial number {fip.serial_number:#x}, flags {fip.flags:#x}"
        )
        for e in fip.entries:
            digest = fip.image(e).sha256()
            print(f"{e.name:<20} {e.offset:#010x} {e.size:#10x}  {e.uuid}  sha256 {digest}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from hil.images.xip import check_xip, in_package

    with _package(options) as (fip, _):
        checked = check_xip(in_package(fip))
    print(f"{options.fip}: {', '.join(checked) or 'no image'} in place, page hashes are right")
    return 0


def _create(options: argparse.Namespace) -> int:
    from hil.images.fip import lay_out
    from hil.images.output import new_file

    with _images(options) as images:
        layout = lay_out(images, options.align, options.plat_toc_flags << 32)
        _check(options, layout)
        with new_file(options.fip) as output:
            output.resize(layout.size)
            layout.write(output)
    print(f"{options.fip}: {len(layout.parts)} images, {layout.size:#x} bytes")
    return 0


def _update(options: argparse.Namespace) -> int:
    from hil.images.fip import updated, with_platform_flags

    with _package(options) as (old, content), _images(options) as images:
        flags = options.plat_toc_flags
        fip = old if flags is None else with_platform_flags(old, flags)
        _write(options, content, updated(fip, images, options.align))
    return 0


def _remove(options: argparse.Namespace) -> int:
    from hil.images.fip import without

    with _package(options) as (fip, content):
        _write(options, content, without(fip, _given(options), options.align))
    return 0


def _check(options: argparse.Namespace, layout: FipLayout) -> None:
    from hil.images.xip import check_xip, in_layout

    if not options.unchecked:
        check_xip(in_layout(layout))


def _write(options: argparse.Namespace, content: Content, layout: FipLayout) -> None:
    """Write the package, or the whole image with the package in its partition."""
    from hil.images.fip_files import put_fip
    from hil.images.output import new_file

    _check(options, layout)
    path = options.out or options.fip
    with new_file(path) as output:
        if options.partition is None:
            output.resize(layout.size)
            layout.write(output)
        else:
            output.copy(0, content)
            put_fip(output, content, options.partition, layout)
    print(f"{path}: {len(layout.parts)} images, {layout.size:#x} bytes")


def _unpack(options: argparse.Namespace) -> int:
    from hil.images.fip_uuids import name_of
    from hil.images.unpack import unpack_fip

    with _package(options) as (fip, _):
        names = [name_of(kind) for kind in _given(options)] or None
        for path in unpack_fip(fip, options.out, names, force=options.force):
            print(path)
    return 0
