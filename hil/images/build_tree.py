# SPDX-License-Identifier: Apache-2.0
"""What a build directory, an install tree or a folder of loose files holds.

Every file is looked at; what it is, its content says. Then files are compared with one another: a
hash belongs to the file that it is of, a table of page hashes to its encrypted image, a raw binary
to the signed image that holds it.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from hil.errors import ImageError
from hil.images.files import MAX_IMAGE, read_bounded
from hil.images.found_image import FoundImage
from hil.images.image_roles import MCUBOOT_ROLES, ORDER, Role, role_of_name
from hil.images.recognise import PROBE, is_foreign, recognise
from hil.images.sic_table import PAGE

#: A build directory of TF-M has about 5000 files; more than this is another kind of folder.
MAX_FILES = 100_000
#: A file shorter than this is none of the images, and no hash.
_MIN_SIZE = 32
_SIGNED = MCUBOOT_ROLES | {Role.BL2}
_HASHES = {32: "sha256", 48: "sha384", 64: "sha512"}
#: Several of one role are one for each RSE; nothing follows from their differences.
_PER_RSE = frozenset({Role.CM_MESSAGE, Role.DM_MESSAGE, Role.COMBINED_MESSAGE, Role.MESSAGE})


@dataclass(frozen=True)
class BuildTree:
    """What was found below a folder.

    Attributes:
        folder: Where it was looked for.
        images: By role, then path; files with the same content once, the others in its remarks.
        findings: What is wrong between files, one sentence each.
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
    encrypted: list[tuple[Path, bytes]] = []
    count = 0
    for path in _files(folder):
        count += 1
        cut = _cut(path)
        data = None if cut else _content(path)
        if data is None:
            found += [cut] if cut else []
            continue
        image = recognise(path, data)
        if len(data) in _HASHES and (image is None or image.role is Role.BL1_2_HASH):
            hashes[data] = path
        if image is not None and image.told_by != "its name only":
            found.append(image)
            continue
        if len(data) % PAGE == 0:
            encrypted.append((path, data))
        if image is not None:
            found.append(image)
    found = _with_hashes(found, hashes)
    found = _with_tables(found, encrypted)
    found = _with_payloads(found)
    images = sorted(_once(found), key=lambda i: (ORDER[i.role], str(i.path)))
    return BuildTree(folder, tuple(images), tuple(_findings(images)), count)


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file; links to folders are not followed, so that no walk is endless."""
    if folder.is_file():
        yield folder
        return
    if not folder.is_dir():
        raise ImageError("no such folder or file", path=folder)
    count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise ImageError(f"more than {MAX_FILES} files: no build directory", path=folder)
            yield Path(place, name)


def _cut(path: Path) -> FoundImage | None:
    """Return a file that is called as a signed image and has hardly a byte, None for any other."""
    role = role_of_name(path.name, signed=True)
    if path.suffix != ".bin" or "signed" not in path.name or role not in _SIGNED:
        return None
    try:
        size = path.stat().st_size if path.is_file() else _MIN_SIZE
        data = read_bounded(path, _MIN_SIZE) if size < _MIN_SIZE else b""
    except (OSError, ImageError):
        return None
    if size >= _MIN_SIZE:
        return None
    digest, remark = hashlib.sha256(data).hexdigest(), f"DAMAGED: {size} bytes, not even a header"
    return FoundImage(path, role, size, digest, "its name only", remarks=(remark,))


def _content(path: Path) -> bytes | None:
    """Return what a file holds, None for one that is no image by its size or its beginning."""
    try:
        if not path.is_file() or not _MIN_SIZE <= path.stat().st_size <= MAX_IMAGE:
            return None
        with path.open("rb") as stream:
            if is_foreign(stream.read(PROBE)):
                return None
        return read_bounded(path)
    except (OSError, ImageError):
        return None


def _with_hashes(found: list[FoundImage], hashes: dict[bytes, Path]) -> list[FoundImage]:
    """Tell BL1_2 by the hash beside it: only the padded one has a hash file."""
    owners: dict[Path, FoundImage] = {}
    for image in found if hashes else ():
        data = _content(image.path) or b""
        digests = (hashlib.new(name, data).digest() for name in _HASHES.values())
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


def _with_tables(found: list[FoundImage], candidates: list[tuple[Path, bytes]]) -> list[FoundImage]:
    """Give each table of page hashes its encrypted image."""
    result = {image.path: image for image in found}
    for image in found:
        if image.sic is None:
            continue
        match = next(((p, d) for p, d in candidates if image.sic.is_of(d)), None)
        text = f"of {match[0].name}" if match else "its encrypted image is not here"
        result[image.path] = replace(image, remarks=(*image.remarks, text))
        if match is not None:
            path, data = match
            digest = hashlib.sha256(data).hexdigest()
            why = f"its page hashes are in {image.path.name}"
            role = Role.NS_ENCRYPTED if image.role is Role.SIC_NS else Role.S_ENCRYPTED
            result[path] = FoundImage(path, role, len(data), digest, why)
    return list(result.values())


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


def _findings(images: list[FoundImage]) -> Iterator[str]:
    """Yield what is wrong between files."""
    return chain(_same_versions(images), _same_ids(images), _wrong_bl1_2(images))


def _same_versions(images: list[FoundImage]) -> Iterator[str]:
    by_version: dict[tuple[Role, str], list[FoundImage]] = defaultdict(list)
    for image in images:
        if image.version is not None and image.role not in _PER_RSE:
            by_version[image.role, image.version].append(image)
    for (role, version), group in by_version.items():
        if len(group) > 1:
            names = " and ".join(str(image.path) for image in group)
            yield (
                f"{role}: {names} have the version {version} and different content: neither a log "
                "nor a device can tell which of them ran"
            )


def _same_ids(images: list[FoundImage]) -> Iterator[str]:
    by_id: dict[tuple[Role, int], list[FoundImage]] = defaultdict(list)
    for image in images:
        if image.rse_id is not None:
            by_id[image.role, image.rse_id].append(image)
    for (role, rse), group in by_id.items():
        if len(group) > 1:
            names = " and ".join(str(image.path) for image in group)
            yield f"{role}: {names} both give the id {rse}: two RSEs with one id wait for ever"


def _wrong_bl1_2(images: list[FoundImage]) -> Iterator[str]:
    codes = {i.sha256 for i in images if i.role is Role.BL1_2}
    if not codes:
        return
    for image in images:
        if image.values is not None and image.values.bl1_2_sha256.hex() not in codes:
            yield f"{image.role} {image.path}: its BL1_2 is none of those that are here"
