# SPDX-License-Identifier: Apache-2.0
"""`hil image mutate`: damage an image in a way whose effect is known."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hil.commands.options import Commands

if TYPE_CHECKING:
    from hil.images.mutant_rules import Loader
    from hil.images.mutants import Kind, Mutant


def add(actions: Commands) -> None:
    """Add the action."""
    mutate = actions.add_parser(
        "mutate",
        help="write damaged copies of an image; --list says what a boot does with each",
        description="Writes copies of an image into a folder, one for each row of the catalogue "
        "that fits it, and says what a correct boot does with each when it is the only image.",
    )
    mutate.add_argument("image", nargs="?", type=Path, metavar="IMAGE")
    mutate.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the copies")
    mutate.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this row; may be repeated"
    )
    mutate.add_argument("--key", type=Path, metavar="PEM", help="for rows that are signed again")
    mutate.add_argument("--other", type=Path, metavar="IMAGE", help="image of another slot")
    mutate.add_argument("--release", default="2.3.1", help="verdicts for this release of TF-M")
    mutate.add_argument("--list", action="store_true", help="show the catalogue and end")
    mutate.set_defaults(run=_mutate)


def _mutate(options: argparse.Namespace) -> int:
    from hil.errors import UsageError
    from hil.images.files import read_bounded, write_atomically
    from hil.images.mutant_rules import Loader
    from hil.images.mutants import CATALOGUE
    from hil.images.mutations import Material, NotApplicableError
    from hil.images.signing_key import SigningKey
    from hil.model.releases import release_for

    if options.list:
        print("\n".join(map(_row, CATALOGUE)))
        return 0
    if options.image is None or options.output is None:
        raise UsageError("mutate: IMAGE and --output are needed (or --list)")
    rows = _chosen(options.only)
    generation = release_for(options.release).generation
    data = read_bounded(options.image)
    kind, readers = _kind_of(options.image, data)
    if Loader.BUILTIN_BL2 in readers and (note := _of_another_release(data, generation)):
        print(f"note: {note}; --release says which BL2 is meant", file=sys.stderr)
    key = SigningKey.load(options.key) if options.key else None
    other = read_bounded(options.other) if options.other else None
    material = Material(data, key, other)
    written = 0
    for row in rows:
        outcomes = (row.expected(reader, generation=generation) for reader in readers)
        expected = next(filter(None, outcomes), None) if row.kind is kind else None
        if expected is None:
            if options.only:
                print(f"{row.name:<28} left out: it is not for this image ({row.kind})")
            continue
        try:
            damaged = row.apply(material)
        except NotApplicableError as error:
            print(f"{row.name:<28} left out: {error.reason}")
            continue
        path = options.output / f"{options.image.stem}.{row.name}.bin"
        write_atomically(path, damaged, mode=0o600)
        written += 1
        print(f"{row.name:<28} {expected!s:<24} {path}")
    return 0 if written else 1


def _kind_of(path: Path, data: bytes) -> tuple[Kind, list[Loader]]:
    """Return the rows that an image is for, and who reads it.

    Raises:
        ImageError: there are no rows for it.
    """
    from hil.errors import ImageError
    from hil.images.content import Content
    from hil.images.gpt import is_gpt
    from hil.images.image_roles import Role
    from hil.images.mutant_rules import Loader, loader_of
    from hil.images.mutants import Kind
    from hil.images.recognise import recognise

    if is_gpt(Content.of(data, path)):
        return Kind.GPT, [Loader.GPT]
    found = recognise(path, data)
    if found is not None and found.mcuboot is not None:
        return Kind.MCUBOOT, [loader_of(found.mcuboot)]
    if found is not None and found.bl2 is not None:
        return Kind.BL2, [Loader.BL1_2]
    if found is not None and found.message is not None:
        return Kind.MESSAGE, [Loader.PROVISIONING]
    if found is not None and found.role is Role.FIP:
        return Kind.FIP, [Loader.FIP_BL1_2, Loader.FIP_BL1_2_FOUND, Loader.FIP_BL2]
    raise ImageError("is neither MCUboot nor BL2 image, message, FIP nor GPT", path=path)


def _of_another_release(data: bytes, generation: str) -> str | None:
    """Return why no BL2 of a release with built-in keys takes an image, None if one may."""
    from hil.images.mcuboot import parse_image
    from hil.images.mcuboot_tlvs import KEYHASH, KEYID

    image = parse_image(data)
    if generation == "2.3" and image.all(KEYHASH) and not image.all(KEYID):
        return "the image names its key by KEYHASH, as 2.1 and 2.2 do; BL2 of 2.3 wants a KEYID"
    if generation != "2.3" and image.all(KEYID):
        return (
            f"the image names its key by KEYID, as 2.3 does; BL2 of {generation} refuses any KEYID"
        )
    return None


def _chosen(names: list[str]) -> list[Mutant]:
    from hil.errors import UsageError
    from hil.images.mutants import CATALOGUE, find_mutant

    if not names:
        return list(CATALOGUE)
    rows = []
    for name in names:
        row = find_mutant(name)
        if row is None:
            raise UsageError(f"no mutant {name!r}; `hil image mutate --list` shows all")
        rows.append(row)
    return rows


def _row(row: Mutant) -> str:
    text = ", ".join(f"{loader.name} {verdict}" for loader, verdict in row.verdicts.items())
    for generation, verdicts in row.by_generation.items():
        does = [f"{loader.name} {verdict}" for loader, verdict in verdicts.items() if verdict]
        text += f"; TF-M {generation}: {', '.join(does) or 'no verdict'}"
    return f"{row.name:<28} {row.kind:<21} {text}\n    {row.what}"
