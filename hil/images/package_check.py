# SPDX-License-Identifier: Apache-2.0
"""Whether files of several images boot: packages (FIP), flash images with a GPT, S and NS joined.

BL1_2 and BL2 of an RSE look for their images by UUID in the package of the active bank; where there
is no partition table they look in the other package for what the first has not. Source: TF-M 2.3.1
rse/common/fip_parser/host_flash_atu.c.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from hashlib import sha256
from pathlib import Path

from hil.errors import ImageError
from hil.images.content import Content, open_content
from hil.images.files import read_bounded
from hil.images.fip import NAME, Fip, parse_fip
from hil.images.found_image import FoundImage
from hil.images.gpt import is_gpt, parse_gpt
from hil.images.gpt_format import SIGNATURE
from hil.images.image_roles import Role
from hil.images.mcuboot_behind import behind
from hil.images.placement import PlacedImage
from hil.images.plan import SYNONYMS
from hil.images.platforms import Platform
from hil.images.recognise import recognise
from hil.images.role_check import ENCRYPTED, RoleCheck
from hil.images.xip import check_xip, in_package

#: Without these an RSE does not boot from a package.
_REQUIRED = ("rse-bl2", "rse-s")
_ROLES = {
    "rse-bl2": Role.BL2,
    "rse-s": Role.S,
    "rse-ns": Role.NS,
    "rse-sic-tables-s": Role.SIC_S,
    "rse-sic-tables-ns": Role.SIC_NS,
    "rse-scp-bl1": Role.SCP,
    "rse-ap-bl1": Role.AP_BL1,
}
#: In a package with the table the image itself is encrypted, and executes in place.
_IN_PLACE = {
    ("rse-s", "rse-sic-tables-s"): Role.S_ENCRYPTED,
    ("rse-ns", "rse-sic-tables-ns"): Role.NS_ENCRYPTED,
}
_BANKS = ("FIP_A", "FIP_B")
#: TF-M's RSE takes sectors for 512 bytes, and reads the first copy of the table only.
_SECTOR = 512
#: S in front, NS behind it.
_JOINED = "tfm_s_ns"
_NON_SECURE = 1


def role_in_package(name: str, beside: Iterable[str]) -> Role | None:
    """Return what an image of a package is, None where it is not for the RSE.

    Args:
        name: fiptool's.
        beside: All names in that package.
    """
    in_place = (_IN_PLACE[name, other] for other in beside if (name, other) in _IN_PLACE)
    return next(in_place, _ROLES.get(name))


def packages_in(content: Content, offsets: Iterable[int] = (0,)) -> Iterator[tuple[str, Content]]:
    """Yield the packages of a file with where they are; what is none is left out.

    Args:
        content: A flash image with a GPT, whose banks are looked at, or one without.
        offsets: Where a package may begin where there is no GPT.

    Raises:
        ImageError: no copy of the partition table is sound.
    """
    if is_gpt(content):
        gpt = parse_gpt(content)
        for part in gpt.table.partitions:
            if part.name in _BANKS and _begins(bank := gpt.read(part)):
                yield f"{part.name}, ", bank
        return
    for offset in offsets:
        rest = content.part(offset, content.size - offset) if offset < content.size else None
        if rest is not None and _begins(rest):
            yield (f"at {offset:#x}, " if offset else ""), rest


def check_packages(
    images: Sequence[PlacedImage],
    platform: Platform | None,
    check: RoleCheck,
    told: Collection[str] = (),
) -> Iterator[str]:
    """Yield why an RSE does not boot from the packages that it finds in the flash.

    Args:
        images: What is placed.
        platform: Says where packages are; nothing is checked where it has none, or there is none.
        check: Judges each image of a package.
        told: SHA-256 of images that were found wrong before they were packed.
    """
    if platform is None or not platform.fips:
        return
    places = [platform.flash.start + place.offset for place in platform.fips]
    sets = dict.fromkeys(
        tuple(
            (each.path, each.name, each.address)
            for each in images
            if each.rse == rse and each.memory == "flash" and each.address in places
        )
        for rse in dict.fromkeys(image.rse for image in images)
    )
    for files in sets:
        names: set[str] = set()
        none = [f"{path}: image {name!r}: no package (FIP) begins there" for path, name, _ in files]
        for path, name, address in files:
            what = f"{path}: image {name!r}"
            try:
                with open_content(path) as content:
                    offsets = [place - address for place in places if place >= address]
                    yield from _gpt_problems(content, what)
                    for where, package in packages_in(content, offsets):
                        none.clear()
                        fip = parse_fip(package)
                        yield from _images_of(fip, f"{what}, {where}", check, told)
                        own = {entry.name for entry in fip.entries}
                        if is_gpt(content):
                            yield from _missing(own, f"{what}, {where}".removesuffix(", "))
                            own |= set(_REQUIRED)
                        names |= own
            except ImageError as error:
                yield f"image {name!r}: {error}"
                none.clear()
                names |= set(_REQUIRED)
        yield from none
        if files and not none:
            yield from _missing(names, " and ".join(f"{p}: image {n!r}" for p, n, _ in files))


def check_joined(images: Sequence[PlacedImage]) -> Iterator[str]:
    """Yield files of S and NS without the NS that the S in front depends on.

    BL2 of two images boots neither alone. An S that is signed as the only image depends on nothing.
    """
    non_secure = ("tfm_ns", *SYNONYMS["tfm_ns"])
    for image in images:
        others = {each.name for each in images if each.rse == image.rse}
        if image.name != _JOINED or others & {f"{_JOINED}_secondary", *non_secure}:
            continue
        try:
            data = read_bounded(image.path)
        except ImageError:
            continue
        found = recognise(image.path, data)
        if found is None or found.mcuboot is None or found.damage:
            continue
        depends = any(each.image == _NON_SECURE for each in found.mcuboot.dependencies)
        if depends and not any(is_ns for is_ns in _are_ns(image, data, found)):
            yield (
                f"{image.path}: image {image.name!r}: the secure image depends on image 1, and no "
                "non-secure image is behind it"
            )


def _are_ns(image: PlacedImage, data: bytes, first: FoundImage) -> Iterator[bool]:
    if first.mcuboot is None:
        return
    for each in behind(data, first.mcuboot):
        if each.data is not None:
            found = recognise(image.path.with_name("tfm_ns_signed.bin"), each.data)
            yield found is not None and found.role is Role.NS


def _begins(content: Content) -> bool:
    return content.size >= 4 and content.read(0, 4) == NAME.to_bytes(4, "little")


def _gpt_problems(content: Content, what: str) -> Iterator[str]:
    """Yield why an RSE does not find the partitions of an image with a GPT."""
    if not is_gpt(content):
        return
    if content.read(_SECTOR, len(SIGNATURE)) != SIGNATURE:
        yield f"{what}: no GPT in sector 1 of {_SECTOR} bytes; TF-M's RSE looks nowhere else"


def _missing(names: Set[str], what: str) -> Iterator[str]:
    for missing in _REQUIRED:
        if missing not in names:
            yield f"{what}: it has no {missing}; an RSE does not boot from it"


def _images_of(fip: Fip, what: str, check: RoleCheck, told: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the images of a package."""
    names = [entry.name for entry in fip.entries]
    for entry in fip.entries:
        role = role_in_package(entry.name, names)
        if role is None or role in ENCRYPTED:
            continue
        data = b"".join(fip.image(entry).chunks())
        # In no folder: a bl2.bin beside the package may be that of TF-A.
        path = (fip.path or Path()) / f"{entry.name}_signed.bin"
        problem = check.wrong(path, data, recognise(path, data), role)
        if problem and sha256(data).hexdigest() not in told:
            yield f"{what}{entry.name}: {problem}"
    try:
        list(check_xip(in_package(fip)))
    except ImageError as error:
        yield str(error)
