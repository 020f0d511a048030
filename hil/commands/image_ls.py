# SPDX-License-Identifier: Apache-2.0
"""`hil image ls`: what a build directory holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from hil.commands.image_values import printable
from hil.commands.options import Commands
from hil.commands.table import table, terminal_width

if TYPE_CHECKING:
    from hil.images.build_tree import BuildTree
    from hil.images.found_image import FoundImage

_HEADINGS = ("role", "file", "size", "version", "counter", "key", "sha256", "remarks")
_DIGEST = 12


def add(actions: Commands) -> None:
    """Add the action."""
    ls = actions.add_parser(
        "ls",
        help="what is in a TF-M build directory, install tree or folder of loose files",
        description="Recognises images by their content. Exit status 1: something between the files "
        "is wrong, or a file is damaged.",
    )
    ls.add_argument("folder", type=Path, metavar="DIR")
    ls.add_argument("--json", action="store_true", help="machine-readable, with full digests")
    ls.set_defaults(run=_ls)


def _ls(options: argparse.Namespace) -> int:
    from hil.images.build_tree import read_tree

    tree = read_tree(options.folder)
    print(json.dumps(_as_json(tree), indent=2) if options.json else _table(tree))
    damaged = any(image.damage for image in tree.images)
    return 1 if tree.findings or damaged or not tree.images else 0


def _table(tree: BuildTree) -> str:
    width = terminal_width()
    lines = [printable(f"no image among the {tree.files} files in {tree.folder}")]
    if tree.images:
        rows = (tuple(map(printable, _row(image, tree.folder))) for image in tree.images)
        lines = table([_HEADINGS, *rows], width)
    warnings = [f"! {printable(finding)}" for finding in tree.findings]
    if width:
        warnings = [line for each in warnings for line in wrap(each, width, subsequent_indent="  ")]
    return "\n".join([*lines, *([""] if warnings else []), *warnings])


def _row(image: FoundImage, folder: Path) -> tuple[str, ...]:
    from hil.images.image_roles import Role

    counter = "-" if image.security_counter is None else str(image.security_counter)
    unsure = image.told_by == "its name only" or image.role is Role.HOST
    told = [f"told by {image.told_by}"] if unsure else []
    return (
        str(image.role),
        _below(image.path, folder),
        str(image.size),
        image.version or "-",
        counter,
        image.key,
        image.sha256[:_DIGEST],
        "; ".join([*told, *image.remarks]),
    )


def _below(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path != folder else path.name


def _as_json(tree: BuildTree) -> dict[str, object]:
    return {
        "folder": str(tree.folder),
        "files": tree.files,
        "images": [
            {
                "role": str(image.role),
                "file": _below(image.path, tree.folder),
                "size": image.size,
                "version": image.version,
                "security_counter": image.security_counter,
                "key": image.key,
                "sha256": image.sha256,
                "rse": image.rse_id,
                "told_by": image.told_by,
                "remarks": list(image.remarks),
            }
            for image in tree.images
        ],
        "findings": list(tree.findings),
    }
