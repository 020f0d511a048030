# SPDX-License-Identifier: Apache-2.0
"""Whether a file is what a board takes it for: the image of that role, whole, for that platform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hil.images.found_image import FoundImage
from hil.images.image_roles import HOST_ADDRESSES, HOST_ROLES, MCUBOOT_ROLES, Role, role_on
from hil.images.mcuboot import McubootImage
from hil.images.mcuboot_tlvs import KEYHASH, KEYID, PUBKEY
from hil.images.platforms import Platform
from hil.images.recognise import is_foreign
from hil.images.sign_profiles import profile_of

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
        generation: Of TF-M on the board; None where that is not known.
    """

    def __init__(self, platform: Platform | None, generation: str | None = None) -> None:
        self._platform = platform
        self._generation = generation
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
        if role is Role.BL2 and self._platform and (len(set(data)) <= 1 or is_foreign(data)):
            return f"expected BL2, a raw binary; it is {_content(data)}"
        if self._is_rse and role in MCUBOOT_ROLES and found is not None and found.mcuboot:
            refused = _refused(found.mcuboot, self._generation)
            return refused or self._wrong_place(found, role)
        return self._wrong_place(found, role)

    def _excludes(self, found: FoundImage, role: Role) -> bool:
        """Return whether an image of another role cannot have this one."""
        if found.role is Role.HOST:
            return role not in HOST_ROLES
        return is_sure(found) and role not in ENCRYPTED

    def _wrong_place(self, found: FoundImage | None, role: Role) -> str | None:
        """Return why BL2 of the platform does not load an image, or what it loads does not run."""
        image = found.mcuboot if found else None
        if image is None or self._platform is None:
            return None
        name, profile = self._platform.name, profile_of(self._platform.name, role)
        given = f"for load address {image.load_address:#x}" if image.ram_load else "not for loading"
        if (expected := self._host.get(role)) is not None:
            if not image.ram_load or image.load_address != expected:
                return f"is signed {given}, {name} loads {role} to {expected:#x}"
            # It is the address of the header; the host begins where a header of this size ends.
            if profile is not None and image.header_size != profile.header_size:
                return (
                    f"has a header of {image.header_size:#x} bytes, expected {profile.header_size:#x}: "
                    f"its code would be at {expected + image.header_size:#x}, the host of {name} "
                    f"begins at {expected + profile.header_size:#x}"
                )
        elif profile is not None and self._generation is not None:
            room = profile.room(self._generation)
            if image.load_address not in room or image.load_address + image.end > room.stop:
                return (
                    f"is signed {given}, BL2 of {name} (TF-M {self._generation}) loads {role} to "
                    f"{room.start:#x} to {room.stop - 1:#x} only"
                )
        return None


def _refused(image: McubootImage, generation: str | None) -> str | None:
    """Return why BL2 of an RSE does not take an image that is sound in itself.

    TF-M builds it with RAM_LOAD, HW_ROLLBACK_PROT and a key in OTP (HW_KEY, or from 2.3 on
    BUILTIN_KEY, by its number). Up to 2.2 a build with BUILTIN_KEY takes an image by KEYHASH.
    """
    if not image.ram_load:
        return "is not for loading to RAM; sign it with --load-addr"
    names = (PUBKEY, KEYID) if generation == "2.3" else (PUBKEY, KEYHASH)
    if generation is not None and not any(image.all(name) for name in names):
        return "does not hold the key that BL2 looks for; sign it with --public-key-format full"
    if image.security_counter is None:
        return "has no security counter; sign it with --security-counter"
    return None


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
