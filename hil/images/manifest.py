# SPDX-License-Identifier: Apache-2.0
"""The list of what was assembled: each file with size and SHA-256, each place it goes to.

The same inputs give the same bytes: there is no time and no absolute path in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hil.errors import ImageError
from hil.images.content import open_content
from hil.images.files import read_bounded, write_atomically

NAME = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class ManifestEntry:
    """One file of the output folder."""

    #: Relative to the folder of the manifest.
    file: str
    size: int
    sha256: str
    #: What else is known: image, RSEs, memory, address, version, slot, pieces.
    more: dict[str, Any]


def write_manifest(folder: Path, head: dict[str, Any], entries: Sequence[ManifestEntry]) -> Path:
    """Write the manifest of a folder.

    Args:
        folder: Where the files are.
        head: Board, release, platform, launcher.
        entries: All files, in the order of the plan.
    """
    files = [
        {"file": each.file, "size": each.size, "sha256": each.sha256, **each.more}
        for each in entries
    ]
    text = json.dumps({"schema": SCHEMA, **head, "files": files}, indent=2)
    path = folder / NAME
    write_atomically(path, text.encode() + b"\n")
    return path


def verify_manifest(path: Path) -> int:
    """Check every file that a manifest lists; return their number.

    Raises:
        ImageError: no manifest, a file is gone, changed, or not in the folder of the manifest.
    """
    try:
        data = json.loads(read_bounded(path, 1 << 20, "manifest"))
        files = [(str(f["file"]), int(f["size"]), str(f["sha256"])) for f in data["files"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ImageError(f"no manifest: {error}", path=path) from None
    for name, size, sha256 in files:
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
            raise ImageError(f"file {name!r} is not in this folder", path=path, field="file")
        with open_content(path.parent / name, "file of the manifest") as content:
            if (content.size, content.sha256()) != (size, sha256):
                raise content.error(
                    f"is not the file of the manifest ({size} bytes, sha256 {sha256[:16]}...)",
                    0,
                    "sha256",
                )
    return len(files)
