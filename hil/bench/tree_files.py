# SPDX-License-Identifier: Apache-2.0
"""Files of a build tree by what is in them, where a name of the board file does not fit.

Names differ from release to release. A file that is missing under its name is taken from wherever
exactly one image of that role is; a file whose content is another role's is never taken.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from hil.errors import ImageError
from hil.images.build_tree import BuildTree, read_tree
from hil.images.files import read_bounded
from hil.images.found_image import FoundImage
from hil.images.image_roles import Role
from hil.images.plan import SYNONYMS
from hil.images.recognise import recognise
from hil.images.stale import check_file

#: What the content of a file must be, by the name of a board's image or of a package's.
_ROLES: dict[str, Role] = {
    "bl2": Role.BL2,
    "rse-bl2": Role.BL2,
    **dict.fromkeys(("tfm_s", *SYNONYMS["tfm_s"], "rse-s"), Role.S),
    **dict.fromkeys(("tfm_ns", *SYNONYMS["tfm_ns"], "rse-ns"), Role.NS),
    "rse-sic-tables-s": Role.SIC_S,
    "rse-sic-tables-ns": Role.SIC_NS,
    "scp": Role.SCP,
    "rse-scp-bl1": Role.SCP,
    "mcp": Role.MCP,
    "lcp": Role.LCP,
    "ap_bl1": Role.AP_BL1,
    "rse-ap-bl1": Role.AP_BL1,
}
_SURE = frozenset(_ROLES.values())


class TreeFiles:
    """Looks at the files that a plan names, and for those that are missing.

    Args:
        folders: Of the build tree and of the host's images; nothing else is searched or judged.

    Attributes:
        notes: What was taken under another name, one sentence each.
        problems: Files whose content is not what it should be, one sentence each.
    """

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders
        self.notes: list[str] = []
        self.problems: list[str] = []

    def resolve(self, path: Path, name: str) -> Path:
        """Return the file for an image, the same path where nothing better is known.

        Args:
            path: What the board file says.
            name: The image's in the board file (also NAME_secondary), or in a package.
        """
        role = _ROLES.get(name.removesuffix("_secondary"))
        inside = any(path.is_relative_to(folder) for folder in self._folders)
        # A name with {id} is of several files.
        if role is None or not inside or "{id}" in path.name:
            return path
        if path.exists():
            self._judge(path, role, name)
            return path
        found = [each for tree in self._trees for each in tree.of(role) if _is_sure(each)]
        if len(found) == 1:
            why = f"{path.name} is missing, {found[0].path} is {role} ({found[0].told_by})"
            self.notes.append(f"{name}: {why}")
            self.problems += check_file(found[0].path, path.name, path.parent)
            return found[0].path
        if found:
            names = " or ".join(str(each.path) for each in found)
            self.problems.append(
                f"{path}: image {name!r}: no such file, and which of these is meant? {names}"
            )
        return path

    def _judge(self, path: Path, role: Role, name: str) -> None:
        """Note what is wrong with a file that is there under its name."""
        try:
            found = recognise(path, read_bounded(path))
        except ImageError:
            # Reading it for the plan says so too.
            return
        if found is None:
            return
        damage = [text for text in found.remarks if text.startswith("DAMAGED")]
        if damage:
            self.problems.append(f"{path}: image {name!r}: {damage[0]}")
        elif found.role is not role and _is_sure(found):
            self.problems.append(
                f"{path}: image {name!r}: expected {role}, it is {found.role} ({found.told_by})"
            )

    @cached_property
    def _trees(self) -> list[BuildTree]:
        outer = [
            folder
            for folder in dict.fromkeys(self._folders)
            if not any(folder != f and folder.is_relative_to(f) for f in self._folders)
        ]
        return [read_tree(folder) for folder in outer if folder.is_dir()]


def _is_sure(image: FoundImage) -> bool:
    """Return whether content tells the role, and it is one that boots."""
    boots = image.mcuboot is not None or image.bl2 is not None
    return boots and image.role in _SURE and image.told_by != "its name only"
