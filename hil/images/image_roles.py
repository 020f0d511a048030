# SPDX-License-Identifier: Apache-2.0
"""What a file of a build is for: the roles, and what tells them apart.

Content decides where it can; names differ from release to release and only help where nothing else
does. Source: TF-M 2.1 to 2.3.1 build outputs; flash_layout.h and host_atu_base_address.h of
neoverse_rd and automotive_rd for the load addresses, in which 2.2.2 and 2.3.1 agree.
"""

from __future__ import annotations

import re
from enum import StrEnum

from hil.images.mcuboot import McubootImage
from hil.images.mcuboot_tlvs import BOOT_RECORD, software_type


class Role(StrEnum):
    """What a file is for."""

    ROM = "ROM"
    BL1_1 = "BL1_1"
    ROM_DMA_ICS = "ROM DMA ICS"
    OTP_DMA_ICS = "OTP DMA ICS"
    BL1_2 = "BL1_2"
    BL1_2_HASH = "BL1_2 hash"
    BL2 = "BL2"
    BL2_CODE = "BL2 code"
    S = "TF-M S"
    S_CODE = "TF-M S code"
    S_ENCRYPTED = "TF-M S encrypted"
    NS = "TF-M NS"
    NS_CODE = "TF-M NS code"
    NS_ENCRYPTED = "TF-M NS encrypted"
    SIC_S = "SIC tables S"
    SIC_NS = "SIC tables NS"
    SIC_TABLE = "SIC table unsigned"
    SCP = "SCP"
    MCP = "MCP"
    LCP = "LCP"
    AP_BL1 = "AP BL1"
    AP_BL2 = "AP BL2"
    SI_CL0 = "SI CL0"
    SI_CL1 = "SI CL1"
    SI_CL2 = "SI CL2"
    HOST = "host image"
    CM_MESSAGE = "CM message"
    DM_MESSAGE = "DM message"
    COMBINED_MESSAGE = "combined message"
    MESSAGE = "provisioning message"
    CM_BUNDLE = "CM bundle"
    DM_BUNDLE = "DM bundle"
    FIP = "FIP"
    GPT = "host flash (GPT)"
    MCUBOOT = "MCUboot image"


#: In the order in which `hil image ls` shows them.
ORDER = {role: number for number, role in enumerate(Role)}

#: Load address -> role of TF-M's own images: at the end of VM1 (2.3: rdv3 and rdv3r1, then rd1ae) or
#: at the beginning of VM0 (2.2).
LOAD_ADDRESSES = {
    0x3109F400: Role.S,
    0x310BF400: Role.S,
    0x31000000: Role.S,
    0x3103F400: Role.NS,
    0x3105F400: Role.NS,
    0x310A0000: Role.NS,
}
#: Where BL2 of a platform loads the images of the host: each behind the one before it, with a
#: header of 0x400 bytes at the end of a window of 0x2000, so that the sizes of a platform's slots
#: decide. On rdv3r1 (host_nrd4) a page for registers comes first.
HOST_ADDRESSES: dict[str, dict[Role, int]] = {
    "rdv3": {
        Role.SCP: 0x70001C00,
        Role.MCP: 0x70083C00,
        Role.LCP: 0x70105C00,
        Role.AP_BL1: 0x70117C00,
    },
    "rdv3r1": {
        Role.SCP: 0x70003C00,
        Role.MCP: 0x70105C00,
        Role.LCP: 0x70187C00,
        Role.AP_BL1: 0x70199C00,
    },
    "rd1ae": {
        Role.SCP: 0x70001C00,
        Role.AP_BL2: 0x70083C00,
        Role.SI_CL0: 0x70105C00,
        Role.SI_CL1: 0x70307C00,
        Role.SI_CL2: 0x70709C00,
    },
    "css-aspen": {
        Role.AP_BL2: 0x70001C00,
        Role.SI_CL0: 0x70083C00,
        Role.SI_CL1: 0x70185C00,
    },
}
#: What the RSE sees of the host; images that are loaded there are no TF-M images.
HOST_WINDOW = range(0x70000000, 0x80000000)

#: Software type of the boot record -> role.
_SOFTWARE = {"SPE": Role.S, "NSPE": Role.NS}
#: Image that a dependency is on -> role of the one that has it.
_DEPENDS_ON = {1: Role.S, 0: Role.NS}

#: First that matches a file name; `signed` says which of two roles it is.
_NAMES: tuple[tuple[str, Role], ...] = (
    (r"rom_dma_ics", Role.ROM_DMA_ICS),
    (r"otp_dma_ics", Role.OTP_DMA_ICS),
    (r"bl1_2.*hash", Role.BL1_2_HASH),
    (r"bl1_2", Role.BL1_2),
    (r"bl1_1", Role.BL1_1),
    (r"ns.*sic|sic.*ns", Role.SIC_NS),
    (r"sic", Role.SIC_S),
    (r"scp", Role.SCP),
    (r"mcp", Role.MCP),
    (r"lcp", Role.LCP),
    (r"ap[_-]?bl2", Role.AP_BL2),
    (r"si[_-]?cl0", Role.SI_CL0),
    (r"si[_-]?cl1", Role.SI_CL1),
    (r"si[_-]?cl2", Role.SI_CL2),
    (r"ap[_-]?bl1|(?:^|[_-])ap(?:[_.-]|$)", Role.AP_BL1),
    (r"bl2", Role.BL2),
    (r"tfm_ns|(?:^|[_-])ns(?:[_.-]|$)", Role.NS),
    (r"tfm_s|(?:^|[_-])s(?:[_.-]|$)", Role.S),
    (r"(?:^|[_-])rom(?:[_.-]|$)", Role.ROM),
)
#: Role of a signed image -> role of its file without header and signature.
_CODE = {Role.BL2: Role.BL2_CODE, Role.S: Role.S_CODE, Role.NS: Role.NS_CODE}
#: Roles of images that run on the host.
HOST_ROLES = frozenset(role for roles in HOST_ADDRESSES.values() for role in roles)
#: Roles of files that are MCUboot images.
MCUBOOT_ROLES = frozenset({Role.S, Role.NS, Role.SIC_S, Role.SIC_NS}) | HOST_ROLES


def role_of_name(name: str, *, signed: bool) -> Role | None:
    """Return what a file name suggests, None if nothing."""
    for pattern, role in _NAMES:
        if re.search(pattern, name.lower()):
            return role if signed else _CODE.get(role, role)
    return None


def role_of_image(image: McubootImage, name: str, *, sic_table: bool) -> tuple[Role, str]:
    """Return the role of a MCUboot image and what tells it.

    Args:
        image: Its structure.
        name: Of the file; asked last.
        sic_table: Whether its payload is an authentication table.
    """
    role, why = _evidence(image)
    named = role_of_name(name, signed=True)
    if role is None and (here := _host_roles(image)):
        role, why = _of_host(image, here, named)
    if role is None:
        role, why = (named, "its name only") if named in MCUBOOT_ROLES else (None, "")
    if sic_table:
        is_ns = role in (Role.NS, Role.SIC_NS) or named is Role.SIC_NS
        return (Role.SIC_NS if is_ns else Role.SIC_S), "its payload is a table of page hashes"
    if role is None and image.ram_load and image.load_address in HOST_WINDOW:
        return Role.HOST, f"load address {image.load_address:#x} in the host window"
    return role or Role.MCUBOOT, why


def role_on(platform: str, image: McubootImage) -> tuple[Role, str] | None:
    """Return the role of an image of the host on a platform and what tells it.

    An address that only other platforms use makes it some host image. None: it is no image of the
    host, or where the platform has those is not known.
    """
    addresses = HOST_ADDRESSES.get(platform)
    if addresses is None or not image.ram_load or image.load_address not in HOST_WINDOW:
        return None
    role = next((r for r, at in addresses.items() if at == image.load_address), Role.HOST)
    none = "" if role in addresses else ", where it has none"
    return role, f"load address {image.load_address:#x} on {platform}{none}"


def _host_roles(image: McubootImage) -> list[Role]:
    """Return what platforms load to the address of an image, in the order of `Role`."""
    if not image.ram_load:
        return []
    found = {
        role
        for addresses in HOST_ADDRESSES.values()
        for role, address in addresses.items()
        if address == image.load_address
    }
    return sorted(found, key=lambda role: ORDER[role])


def _of_host(image: McubootImage, here: list[Role], named: Role | None) -> tuple[Role, str]:
    """Tell by the address, and by the name where platforms use an address for different images."""
    why = f"load address {image.load_address:#x}"
    if len(here) == 1:
        return here[0], why
    if named in here:
        return named, f"{why} and its name"
    return Role.HOST, f"{why}: {' or '.join(here)}, depending on the platform"


def _evidence(image: McubootImage) -> tuple[Role | None, str]:
    for record in image.all(BOOT_RECORD, protected=True):
        kind = software_type(record.value)
        if kind in _SOFTWARE:
            return _SOFTWARE[kind], f"its boot record says {kind}"
    for dependency in image.dependencies:
        if dependency.image in _DEPENDS_ON:
            return _DEPENDS_ON[dependency.image], f"it depends on image {dependency.image}"
    if image.ram_load and (role := LOAD_ADDRESSES.get(image.load_address)):
        return role, f"load address {image.load_address:#x}"
    return None, ""
