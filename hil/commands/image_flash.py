# SPDX-License-Identifier: Apache-2.0
"""`hil image flash`: a whole flash from raw slots or pieces, without a board file."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from hil.commands.image_values import size
from hil.commands.options import Commands


def add(actions: Commands) -> None:
    """Add the action."""
    flash = actions.add_parser("flash", help="flash of raw slots: create, slots, extract")
    commands = flash.add_subparsers(required=True, metavar="ACTION")

    create = commands.add_parser("create", help="write a flash image, read it back and compare")
    create.add_argument("flash", type=Path, metavar="FLASH")
    create.add_argument(
        "--slot", action="append", default=[], type=_pair, metavar="NAME=FILE", help="bl2=FILE"
    )
    create.add_argument(
        "--at", action="append", default=[], type=_pair, metavar="OFFSET=FILE",
        help="from the base of the flash",
    )  # fmt: skip
    create.add_argument("--size", type=size, help="of the flash; the platform's by default")
    create.add_argument("--fill", type=_byte, default=0xFF, help="between the pieces; 0xff")
    create.set_defaults(run=_create)

    slots = commands.add_parser("slots", help="the slots of a platform")
    slots.set_defaults(run=_slots)

    extract = commands.add_parser("extract", help="write a slot of a flash image to a file")
    extract.add_argument("flash", type=Path, metavar="FLASH")
    extract.add_argument("slot", metavar="SLOT")
    extract.add_argument("--out", type=Path, required=True, metavar="FILE")
    extract.set_defaults(run=_extract)

    for parser in (create, slots, extract):
        parser.add_argument("--platform", default="rdv3", help="rdv3 (default), rdv3r1, rd1ae, ...")
        parser.add_argument("--release", default="2.3.1", help="of TF-M; 2.3.1 by default")


def _pair(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"expected NAME=FILE, got {text!r}")
    return name, Path(path)


def _byte(text: str) -> int:
    value = int(text, 0)
    if not 0 <= value <= 0xFF:
        raise argparse.ArgumentTypeError(f"expected 0 to 0xff, got {text!r}")
    return value


def _create(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.host_flash import Piece, write_flash
    from hil.images.platforms import for_release

    layout = for_release(options.platform, options.release)
    with contextlib.ExitStack() as files:
        pieces = []
        for name, path in options.slot:
            slot = layout.slot(name)
            content = files.enter_context(open_content(path))
            pieces.append(Piece(name, content, slot.offset, slot.size))
        for text, path in options.at:
            content = files.enter_context(open_content(path))
            pieces.append(Piece(path.name, content, size(text)))
        flash_size = options.size or layout.flash_size
        written = write_flash(options.flash, pieces, flash_size, options.fill)
    print(f"{written.path}: {len(pieces)} pieces, {written.size:#x} bytes, sha256 {written.sha256}")
    return 0


def _slots(options: argparse.Namespace) -> int:
    from hil.images.platforms import for_release

    layout = for_release(options.platform, options.release)
    base = layout.flash.start
    for slot in (*layout.slots, *layout.fips):
        print(f"{slot.name:<18} {slot.offset:#010x} {base + slot.offset:#010x} {slot.size:#9x}")
    return 0


def _extract(options: argparse.Namespace) -> int:
    from hil.images.content import open_content
    from hil.images.output import new_file
    from hil.images.platforms import for_release

    slot = for_release(options.platform, options.release).slot(options.slot)
    with open_content(options.flash) as content, new_file(options.out) as output:
        output.copy(0, content.part(slot.offset, slot.size, slot.name))
    print(f"{options.out}: {slot.size:#x} bytes")
    return 0
