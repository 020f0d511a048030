# SPDX-License-Identifier: Apache-2.0
"""What a build directory, an install tree or a folder of loose files holds.

Every file is looked at; what it is, its content says. Then files are compared with one another: a
hash belongs to the file that it is of, a table of page hashes to its encrypted image, a raw binary
to the signed image that holds it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from hil.errors import ImageError
from hil.images.files import read_bounded
from hil.images.found_image import FoundImage
from hil.images.image_roles import ORDER, Role
from hil.images.recognise import recognise
from hil.images.sic_table import PAGE, SicTable
from hil.images.tree_findings import findings_of
from hil.images.tree_walk import (
    HASHES,
    content_of,
    cut_image,
    digests_of,
    files_below,
    large_image,
)


@dataclass(frozen=True)
class BuildTree:
    """What was found below a folder.

    Attributes:
        folder: Where it was looked for.
        images: By role, then path; files with the same content once, the others in its remarks.
        findings: What is wrong between files, and what could not be read; one sentence each.
        files: How many were looked at.
    """

    folder: Path
    images: tuple[FoundImage, ...]
    findings: tuple[str, ...]
    files: int

    def of(self, role: Role) -> tuple[FoundImage, ...]:
        """Return the images of a role."""
        return tuple(image for image in self.images if image.role is role)


def read_tree(folder: Path) -> BuildTree:
    """Look at every file below a folder, or at one file.

    Raises:
        ImageError: no such folder, or far too many files in it.
    """
    found: list[FoundImage] = []
    hashes: dict[bytes, Path] = {}
    encrypted: dict[int, list[Path]] = defaultdict(list)
    unread: list[str] = []
    count = 0
    for path in files_below(folder, unread):
        count += 1
        try:
            whole = cut_image(path) or large_image(path)
            data = None if whole else content_of(path)
            image = recognise(path, data) if data else whole
        except (OSError, ImageError) as error:
            unread.append(_unread(path, error))
            continue
        if data is None:
            found += [image] if image else []
            continue
        if len(data) in HASHES and (image is None or image.role is Role.BL1_2_HASH):
            hashes[data] = path
        if image is not None and image.told_by != "its name only":
            found.append(image)
            continue
        if len(data) % PAGE == 0:
            encrypted[len(data)].append(path)
        if image is not None:
            found.append(image)
    found = _with_hashes(found, hashes)
    found = _with_tables(found, encrypted)
    found = _with_payloads(found)
    images = sorted(_once(found), key=lambda i: (ORDER[i.role], str(i.path)))
    return BuildTree(folder, tuple(images), (*unread, *findings_of(images)), count)


def _unread(path: Path, error: OSError | ImageError) -> str:
    if isinstance(error, ImageError):
        return str(error)
    return f"{path}: cannot be read: {error.strerror or error}"


def _with_hashes(found: list[FoundImage], hashes: dict[bytes, Path]) -> list[FoundImage]:
    """Tell BL1_2 by the hash beside it: only the padded one has a hash file."""
    owners: dict[Path, FoundImage] = {}
    for image in found if hashes else ():
        digests = digests_of(image.path)
        if file := next((hashes[digest] for digest in digests if digest in hashes), None):
            owners[file] = image
    by_hash = {image.path: file for file, image in owners.items()}
    told = [
        _told(image, Role.BL1_2, f"its hash is in {by_hash[image.path].name}")
        if image.path in by_hash
        else image
        for image in found
    ]
    return [_hash_of(image, owners.get(image.path)) for image in told]


def _told(image: FoundImage, role: Role, why: str) -> FoundImage:
    if image.told_by != "its name only" and image.role is not Role.BL1_2:
        return replace(image, remarks=(*image.remarks, why))
    return replace(image, role=role, told_by=why)


def _hash_of(image: FoundImage, owner: FoundImage | None) -> FoundImage:
    if image.role is not Role.BL1_2_HASH:
        return image
    if owner is None:
        return replace(image, remarks=(*image.remarks, "of no file here"))
    return replace(image, told_by=f"it is the hash of {owner.path.name}")


def _with_tables(found: list[FoundImage], candidates: dict[int, list[Path]]) -> list[FoundImage]:
    """Give each table of page hashes its encrypted image.

    Args:
        found: Images, tables among them.
        candidates: Files that may be encrypted images, by their size.
    """
    result = {image.path: image for image in found}
    for image in found:
        if image.sic is None:
            continue
        match = _page_owner(image.sic, candidates)
        text = f"of {match[0].name}" if match else "its encrypted image is not here"
        result[image.path] = replace(image, remarks=(*image.remarks, text))
        if match is not None:
            path, data = match
            digest = hashlib.sha256(data).hexdigest()
            why = f"its page hashes are in {image.path.name}"
            role = Role.NS_ENCRYPTED if image.role is Role.SIC_NS else Role.S_ENCRYPTED
            result[path] = FoundImage(path, role, len(data), digest, why)
    return list(result.values())


def _page_owner(table: SicTable, candidates: dict[int, list[Path]]) -> tuple[Path, bytes] | None:
    """Return the file that a table is of; read anew, for not all of them fit into memory at once."""
    for path in candidates.get(table.image_size, ()):
        try:
            data = read_bounded(path)
        except ImageError:
            continue
        if table.is_of(data):
            return path, data
    return None


def _with_payloads(found: list[FoundImage]) -> list[FoundImage]:
    """Tell raw binaries by the signed image that holds them."""
    holders = {i.payload_sha256: i for i in found if i.payload_sha256}
    code = {Role.S: Role.S_CODE, Role.NS: Role.NS_CODE}

    def told(image: FoundImage) -> FoundImage:
        holder = holders.get(image.sha256)
        if holder is None or image.mcuboot is not None:
            return image
        role = code.get(holder.role, image.role)
        return replace(image, role=role, told_by=f"it is the payload of {holder.path.name}")

    return [told(image) for image in found]


def _once(found: Iterable[FoundImage]) -> list[FoundImage]:
    """Leave files with the same content and role out, naming them in the remarks of the first."""
    groups: dict[tuple[Role, str], list[FoundImage]] = defaultdict(list)
    for image in found:
        groups[image.role, image.sha256].append(image)
    result = []
    for group in groups.values():
        first, *copies = sorted(group, key=lambda i: (len(i.path.parts), str(i.path)))
        text = [f"{len(copies)} more with the same content"] if copies else []
        result.append(replace(first, remarks=(*first.remarks, *text)))
    return result
