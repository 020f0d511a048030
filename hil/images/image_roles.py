# SPDX-License-Identifier: Apache-2.0
"""What a file of a build is for: the roles, and what tells them apart.

Content decides where it can; names differ from release to release and only help where nothing else
does. Source: TF-M 2.1 to 2.3.1 build outputs; neoverse_rd flash_layout.h and host_atu_base_address.h
for the load addresses; platform/ext/target/arm/rse readme for those of tc.
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

#: Load address -> role on rdv3: host images with a header of 0x400 bytes in a window of 0x2000,
#: TF-M at the end of VM1 (2.3) or the beginning of VM0 (2.2).
LOAD_ADDRESSES = {
    0x3109F400: Role.S,
    0x31000000: Role.S,
    0x3103F400: Role.NS,
    0x310A0000: Role.NS,
    0x70001C00: Role.SCP,
    0x70083C00: Role.MCP,
    0x70105C00: Role.LCP,
    0x70117C00: Role.AP_BL1,
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
    (r"ap[_-]?bl1|(?:^|[_-])ap(?:[_.-]|$)", Role.AP_BL1),
    (r"bl2", Role.BL2),
    (r"tfm_ns|(?:^|[_-])ns(?:[_.-]|$)", Role.NS),
    (r"tfm_s|(?:^|[_-])s(?:[_.-]|$)", Role.S),
    (r"(?:^|[_-])rom(?:[_.-]|$)", Role.ROM),
)
#: Role of a signed image -> role of its file without header and signature.
_CODE = {Role.BL2: Role.BL2_CODE, Role.S: Role.S_CODE, Role.NS: Role.NS_CODE}
#: Roles of files that are MCUboot images.
MCUBOOT_ROLES = frozenset(
    {Role.S, Role.NS, Role.SIC_S, Role.SIC_NS, Role.SCP, Role.MCP, Role.LCP, Role.AP_BL1}
)


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
    if role is None:
        role, why = (named, "its name only") if named in MCUBOOT_ROLES else (None, "")
    if sic_table:
        is_ns = role in (Role.NS, Role.SIC_NS) or named is Role.SIC_NS
        return (Role.SIC_NS if is_ns else Role.SIC_S), "its payload is a table of page hashes"
    if role is None and image.ram_load and image.load_address in HOST_WINDOW:
        return Role.HOST, f"load address {image.load_address:#x} is in the host window"
    return role or Role.MCUBOOT, why


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
