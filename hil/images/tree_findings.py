# SPDX-License-Identifier: Apache-2.0
"""What is wrong between the files of a build, though each of them may be sound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from hil.images.found_image import HASH_WRONG, FoundImage
from hil.images.image_roles import Role
from hil.images.mcuboot_tlvs import HASHES
from hil.images.tree_walk import digests_of

#: Several of one role are one for each RSE; nothing follows from their differences.
_PER_RSE = frozenset({Role.CM_MESSAGE, Role.DM_MESSAGE, Role.COMBINED_MESSAGE, Role.MESSAGE})
#: Roles of more than one image: those that load elsewhere are others.
_GENERAL = frozenset({Role.HOST, Role.MCUBOOT})


def findings_of(images: Sequence[FoundImage]) -> Iterator[str]:
    """Yield what is wrong between files, one sentence each."""
    return chain(_same_versions(images), _same_ids(images), _wrong_bl1_2(images))


def _same_versions(images: Sequence[FoundImage]) -> Iterator[str]:
    by_version: dict[tuple[Role, str, int], list[FoundImage]] = defaultdict(list)
    for image in images:
        if image.version is not None and image.role not in _PER_RSE:
            place = image.mcuboot.load_address if image.mcuboot and image.role in _GENERAL else 0
            by_version[image.role, image.version, place].append(image)
    for (role, version, _), group in by_version.items():
        if len({_signed_part(image) for image in group}) > 1:
            names = " and ".join(str(image.path) for image in group)
            yield (
                f"{role}: {names} have the version {version} and different content: neither a log "
                "nor a device can tell which of them ran"
            )


def _signed_part(image: FoundImage) -> bytes | str:
    """Return what tells an image apart, whatever follows it in its file (tfm_s_ns_signed.bin)."""
    if image.mcuboot is None or HASH_WRONG in image.remarks:
        return image.sha256
    return next((tlv.value for tlv in image.mcuboot.tlvs if tlv.type in HASHES), image.sha256)


def _same_ids(images: Sequence[FoundImage]) -> Iterator[str]:
    by_id: dict[tuple[Role, int], list[FoundImage]] = defaultdict(list)
    for image in images:
        if image.rse_id is not None:
            by_id[image.role, image.rse_id].append(image)
    for (role, rse), group in by_id.items():
        if len(group) > 1:
            names = " and ".join(str(image.path) for image in group)
            yield f"{role}: {names} both give the id {rse}: two RSEs with one id wait for ever"


def _wrong_bl1_2(images: Sequence[FoundImage]) -> Iterator[str]:
    codes = {d for i in images if i.role is Role.BL1_2 for d in digests_of(i.path)}
    if not codes:
        return
    for image in images:
        if image.values is not None and image.values.bl1_2_digest not in codes:
            yield f"{image.role} {image.path}: its BL1_2 is none of those that are here"
