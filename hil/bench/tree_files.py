# SPDX-License-Identifier: Apache-2.0
"""Files of a build tree by what is in them, where a name of the board file does not fit.

Names differ from release to release. A file that is missing under its name is taken from wherever
exactly one image of that role is; a file whose content is another role's is never taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from hil.errors import ImageError
from hil.images.build_tree import BuildTree, read_tree
from hil.images.files import read_bounded
from hil.images.found_image import FoundImage
from hil.images.image_roles import Role
from hil.images.package_check import role_in_package
from hil.images.placement import PlacedImage
from hil.images.plan import SYNONYMS
from hil.images.recognise import recognise
from hil.images.role_check import RoleCheck, is_sure, wrong_message
from hil.images.stale import check_file

#: What the content of a file must be, by the name of a board's image.
_ROLES: dict[str, Role] = {
    "bl2": Role.BL2,
    **dict.fromkeys(("tfm_s", *SYNONYMS["tfm_s"]), Role.S),
    **dict.fromkeys(("tfm_ns", *SYNONYMS["tfm_ns"]), Role.NS),
    "scp": Role.SCP,
    "mcp": Role.MCP,
    "lcp": Role.LCP,
    "ap_bl1": Role.AP_BL1,
    "ap_bl2": Role.AP_BL2,
    "si_cl0": Role.SI_CL0,
    "si_cl1": Role.SI_CL1,
    "si_cl2": Role.SI_CL2,
}
#: Files of several images, begun by one of this role; no other file stands for one of these.
_JOINED = {"tfm_s_ns": Role.S}
#: Of a provisioning message, by a word in its file's name; the last one is that of any other name.
_MESSAGES = (("combined", Role.COMBINED_MESSAGE), ("cm", Role.CM_MESSAGE), ("dm", Role.DM_MESSAGE),
             ("", Role.COMBINED_MESSAGE))  # fmt: skip
_MESSAGE_NAMES = ("provisioning", "message", "bundle")


class TreeFiles:
    """Looks at the files that a plan names, and for those that are missing.

    Args:
        folders: Of the build tree and of the host's images; nothing else is searched or judged.
        check: Knows the board's platform and release.

    Attributes:
        notes: What was taken under another name, one sentence each.
        problems: Files whose content is not what it should be, one sentence each.
        told: SHA-256 of those files that may be packed.
    """

    def __init__(self, folders: tuple[Path, ...], check: RoleCheck) -> None:
        self._folders = folders
        self._check = check
        #: Files that were looked at, for a name, and an RSE where it matters.
        self._judged: set[tuple[Path, str, int | None]] = set()
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.told: set[str] = set()

    def resolve(self, path: Path, name: str, beside: Iterable[str] = ()) -> Path:
        """Return the file for an image, the same path where nothing better is known.

        Args:
            path: What the board file says.
            name: The image's in the board file (also NAME_secondary), or in a package.
            beside: All names in that package.
        """
        role = role_in_package(name, beside) or _ROLES.get(name.removesuffix("_secondary"))
        inside = self._has(path)
        if inside and (first := _JOINED.get(name.removesuffix("_secondary"))) and path.exists():
            self._judge(path, first, name)
            return path
        # A name with {id} is of several files.
        if role is None or not inside or "{id}" in path.name:
            return path
        if path.exists():
            self._judge(path, role, name)
            return path
        found = [each for each in self._images if each.role is role and is_sure(each)]
        if len(found) == 1:
            why = f"{path.name} is missing, {found[0].path} is {role} ({found[0].told_by})"
            self.notes.append(f"{name}: {why}")
            self.problems += check_file(found[0].path, path.name, path.parent)
            self._judge(found[0].path, role, name)
            return found[0].path
        self._doubt(path, name, found)
        return path

    def messages(self, path: Path, name: str, rses: Sequence[int]) -> dict[int, Path] | None:
        """Return the provisioning message of each RSE, None where they are not known any better.

        Args:
            path: What the board file says, with {id} for the RSE.
            name: The image's in the board file.
            rses: Ids of those that get one.
        """
        if not self._is_message(path, name):
            return None
        role = next(role for word, role in _MESSAGES if word in path.name.lower())
        given = {rse: Path(str(path).replace("{id}", str(rse))) for rse in rses}
        chosen = {rse: self._message(file, name, role, rse) for rse, file in given.items()}
        return None if chosen == given else chosen

    def _message(self, path: Path, name: str, role: Role, rse: int) -> Path:
        """Return the message of one RSE: the named file, or the only one there is for this id."""
        if path.exists():
            self._note_message(path, name, rse)
            return path
        found = [each for each in self._images if each.role is role and each.rse_id == rse]
        if len(found) == 1:
            why = f"{found[0].path} is the {role} with the id {rse}"
            self.notes.append(f"{name}: {path.name} is missing, {why}")
            self._note_message(found[0].path, name, rse)
            return found[0].path
        self._doubt(path, name, found)
        return path

    def judge(self, image: PlacedImage) -> None:
        """Note what is wrong with an image that is going to be loaded, wherever its file is."""
        name = image.name.removesuffix("_secondary")
        role = _ROLES.get(name) or _JOINED.get(name) or role_in_package(name, ())
        if role is not None:
            self._judge(image.path, role, image.name)
        elif image.name == "provisioning":
            self._note_message(image.path, image.name, image.rse)

    def _doubt(self, path: Path, name: str, found: Sequence[FoundImage]) -> None:
        """Tell of several files that may stand for one that is missing."""
        if found:
            names = " or ".join(str(each.path) for each in found)
            self.problems.append(
                f"{path}: image {name!r}: no such file, and which of these is meant? {names}"
            )

    def _has(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self._folders)

    def _is_message(self, path: Path, name: str) -> bool:
        """Return whether a file in the folders is called as a provisioning message."""
        words = f"{name} {path.name}".lower()
        return self._has(path) and any(word in words for word in _MESSAGE_NAMES)

    def judge_message(self, path: Path, name: str, rse: int) -> None:
        """Note what is wrong with a file that is called as the message of an RSE."""
        if path.exists() and self._is_message(path, name):
            self._note_message(path, name, rse)

    def _note_message(self, path: Path, name: str, rse: int) -> None:
        if self._was_judged(path, name, rse):
            return
        try:
            found = recognise(path, read_bounded(path))
        except ImageError:
            return
        if problem := wrong_message(found, rse):
            self.problems.append(f"{path}: image {name!r}: {problem}")

    def _judge(self, path: Path, role: Role, name: str) -> None:
        """Note what is wrong with a file that is there under its name."""
        if self._was_judged(path, name, None):
            return
        try:
            data = read_bounded(path)
            found = recognise(path, data)
        except ImageError:
            # Reading it for the plan says so too, as it does of an empty file.
            return
        if data and (problem := self._check.wrong(path, data, found, role)):
            self.problems.append(f"{path}: image {name!r}: {problem}")
            self.told.add(hashlib.sha256(data).hexdigest())

    def _was_judged(self, path: Path, name: str, rse: int | None) -> bool:
        """Return whether this was asked before: a file is placed for each RSE, and found before."""
        known = (path, name, rse) in self._judged
        self._judged.add((path, name, rse))
        return known

    @cached_property
    def _images(self) -> list[FoundImage]:
        return [self._check.told(image) for tree in self._trees for image in tree.images]

    @cached_property
    def _trees(self) -> list[BuildTree]:
        outer = [
            folder
            for folder in dict.fromkeys(self._folders)
            if not any(folder != f and folder.is_relative_to(f) for f in self._folders)
        ]
        return [read_tree(folder) for folder in outer if folder.is_dir()]
