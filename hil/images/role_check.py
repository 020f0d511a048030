# SPDX-License-Identifier: Apache-2.0
"""Whether a file is what a board takes it for: the image of that role, whole, for that platform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hil.images.found_image import FoundImage
from hil.images.image_roles import HOST_ADDRESSES, HOST_ROLES, MCUBOOT_ROLES, Role, role_on
from hil.images.platforms import Platform

#: Roles of images that stay encrypted, without a header.
ENCRYPTED = frozenset({Role.S_ENCRYPTED, Role.NS_ENCRYPTED})
_BOOTS = MCUBOOT_ROLES | ENCRYPTED | {Role.BL2}
_MESSAGES = frozenset(
    {
        Role.COMBINED_MESSAGE,
        Role.CM_MESSAGE,
        Role.DM_MESSAGE,
        Role.MESSAGE,
        Role.CM_BUNDLE,
        Role.DM_BUNDLE,
    }
)
_BL2_CODE = "bl2.bin"


def is_sure(image: FoundImage) -> bool:
    """Return whether content tells the role, and it is one that boots."""
    has_header = image.mcuboot is not None or image.bl2 is not None
    boots = has_header or image.role in ENCRYPTED
    return boots and image.role in _BOOTS and image.told_by != "its name only"


def wrong_message(found: FoundImage | None, rse: int) -> str | None:
    """Return why a file is no provisioning message for an RSE, None for one that may be."""
    if found is None or found.role not in _MESSAGES:
        return f"expected a provisioning message, it is {found.role if found else 'none'}"
    if found.damage:
        return found.damage[0]
    if found.rse_id not in (None, rse):
        return f"expected the message of RSE {rse}, it gives the id {found.rse_id}"
    return None


class RoleCheck:
    """Judges images by the platform that they are for.

    Args:
        platform: Of the board; None where it names none.
    """

    def __init__(self, platform: Platform | None) -> None:
        self._platform = platform
        self._host = HOST_ADDRESSES.get(platform.name, {}) if platform else {}
        #: An RSE boots BL2, which is in the format of its BL1_2 then.
        self._is_rse = platform is not None and any(m.kind == "rom" for m in platform.memories)

    def told(self, image: FoundImage) -> FoundImage:
        """Return an image with the role that its load address has on the platform."""
        if self._platform is None or image.mcuboot is None:
            return image
        told = role_on(self._platform.name, image.mcuboot)
        return image if told is None else replace(image, role=told[0], told_by=told[1])

    def wrong(self, path: Path, data: bytes, found: FoundImage | None, role: Role) -> str | None:
        """Return why a file is not the image of a role, None for one that may be.

        Args:
            path: The file; its folder may hold what it was made from.
            data: What it holds.
            found: What that is.
            role: What it is taken for.
        """
        if found is not None and found.damage:
            return found.damage[0]
        found = None if found is None else self.told(found)
        if found is not None and found.role is not role and self._excludes(found, role):
            return f"expected {role}, it is {found.role} ({found.told_by})"
        # Without a platform nobody knows what is booted: it may well be a raw binary.
        is_signed = self._platform is not None or "signed" in path.name
        if role in MCUBOOT_ROLES and is_signed and (found is None or found.mcuboot is None):
            return f"expected {role}, signed (MCUboot); it is {_content(data)}"
        if role is Role.BL2 and self._is_rse:
            return _wrong_bl2(path, data, found)
        return self._wrong_place(found, role)

    def _excludes(self, found: FoundImage, role: Role) -> bool:
        """Return whether an image of another role cannot have this one."""
        if found.role is Role.HOST:
            return role not in HOST_ROLES
        return is_sure(found) and role not in ENCRYPTED

    def _wrong_place(self, found: FoundImage | None, role: Role) -> str | None:
        """Return why BL2 of the platform does not load an image of the host."""
        image = found.mcuboot if found else None
        expected = self._host.get(role)
        if image is None or expected is None or self._platform is None:
            return None
        if image.ram_load and image.load_address == expected:
            return None
        given = f"for load address {image.load_address:#x}" if image.ram_load else "not for loading"
        return f"is signed {given}, {self._platform.name} loads {role} to {expected:#x}"


def _wrong_bl2(path: Path, data: bytes, found: FoundImage | None) -> str | None:
    """Return why BL1_2 does not take a file for BL2; of its signature only the keys tell."""
    if found is None or found.bl2 is None:
        kind = "a MCUboot image" if found and found.mcuboot else _content(data)
        return f"expected BL2, signed in the format of BL1_2; it is {kind}"
    source = path.with_name(_BL2_CODE)
    if source == path or not source.is_file():
        return None
    if found.bl2.code_size >= (size := source.stat().st_size):
        return None
    return (
        f"holds {found.bl2.code_size} bytes of code, {_BL2_CODE} beside it has {size}: it is cut, "
        "or of another build"
    )


def _content(data: bytes) -> str:
    """Return what a file holds that is no image, in a few words."""
    if len(set(data)) <= 1:
        return f"{len(data)} bytes {data[0]:02X}" if data else "empty"
    return f"a file of {len(data)} bytes that begins {data[:4].hex(' ').upper()}"
