# SPDX-License-Identifier: Apache-2.0
"""Images that a FIP may hold, by the names of fiptool's options.

The order is that of fiptool's table, which is the order of the entries in a FIP that it writes:
the images of TF-A (TF-A include/tools_share/firmware_image_package.h), then those of the RSE. The
RSE's UUIDs are the same in all releases of TF-M, as `UUID_RSS_*` in 1.8 and 2.0 and as `UUID_RSE_*`
since 2.1 (TF-M plat_def_fip_uuid.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class FipKind:
    """One kind of image."""

    #: Option of fiptool without the dashes.
    name: str
    uuid: UUID
    title: str
    #: Other names of the same option.
    aliases: tuple[str, ...] = ()


# fmt: off
_TF_A = (
    ("scp-fwu-cfg", "65922703-2f74-e644-8dff-579ac1ff0610", "SCP Firmware Updater Configuration"),
    ("ap-fwu-cfg", "60b3eb37-c1e5-ea41-9df3-19eda11f6801", "AP Firmware Updater Configuration BL2U"),
    ("fwu", "4f511d11-2be5-4e49-b4c5-83c2f715840a", "Firmware Updater NS_BL2U"),
    ("fwu-cert", "71408ab2-18d6-874c-8b2e-c6dccd50f096", "Non-Trusted Firmware Updater certificate"),
    ("tb-fw", "5ff9ec0b-4d22-3e4d-a544-c39d81c73f0a", "Trusted Boot Firmware BL2"),
    ("scp-fw", "9766fd3d-89be-e849-ae5d-78a140608213", "SCP Firmware SCP_BL2"),
    ("soc-fw", "47d4086d-4cfe-9846-9b95-2950cbbd5a00", "EL3 Runtime Firmware BL31"),
    ("tos-fw", "05d0e189-53dc-1347-8d2b-500a4b7a3e38", "Secure Payload BL32 (Trusted OS)"),
    ("tos-fw-extra1", "0b70c29b-2a5a-7840-9f65-0a5682738288", "Secure Payload BL32 Extra1"),
    ("tos-fw-extra2", "8ea87bb1-cfa2-3f4d-85fd-e7bba50220d9", "Secure Payload BL32 Extra2"),
    ("nt-fw", "d6d0eea7-fcea-d54b-9782-9934f234b6e4", "Non-Trusted Firmware BL33"),
    ("rmm-fw", "6c0762a6-12f2-4b56-92cb-ba8f633606d9", "Realm Monitor Management Firmware"),
    ("fw-config", "5807e16a-8459-47be-8ed5-648e8dddab0e", "FW_CONFIG"),
    ("hw-config", "08b8f1d9-c9cf-9349-a962-6fbc6b7265cc", "HW_CONFIG"),
    ("tb-fw-config", "6c0458ff-af6b-7d4f-82ed-aa27bc69bfd2", "TB_FW_CONFIG"),
    ("soc-fw-config", "9979814b-0376-fb46-8c8e-8d267f7859e0", "SOC_FW_CONFIG"),
    ("tos-fw-config", "26257c1a-dbc6-7f47-8d96-c4c4b0248021", "TOS_FW_CONFIG"),
    ("nt-fw-config", "28da9815-93e8-7e44-ac66-1aaf801550f9", "NT_FW_CONFIG"),
    ("rot-cert", "862d1d72-f860-e411-920b-8be762160f24", "Root Of Trust key certificate"),
    ("trusted-key-cert", "827ee890-f860-e411-a1b4-777a21b4f94c", "Trusted key certificate"),
    ("scp-fw-key-cert", "024221a1-f860-e411-8d9b-f33c0e15a014", "SCP Firmware key certificate"),
    ("soc-fw-key-cert", "8ab8becc-f960-e411-9ad0-eb4822d8dcf8", "SoC Firmware key certificate"),
    ("tos-fw-key-cert", "9477d603-fb60-e411-85dd-b7105b8cee04", "Trusted OS Firmware key certificate"),
    ("nt-fw-key-cert", "8ad5832a-fb60-e411-8aaf-df30bbc49859", "Non-Trusted Firmware key certificate"),
    ("tb-fw-cert", "d6e269ea-5d63-e411-8d8c-9fbabe9956a5", "Trusted Boot Firmware BL2 certificate"),
    ("scp-fw-cert", "44be6f04-5e63-e411-b28b-73d8eaae9656", "SCP Firmware content certificate"),
    ("soc-fw-cert", "e2b20c20-5e63-e411-9ce8-abccf92bb666", "SoC Firmware content certificate"),
    ("tos-fw-cert", "a49f4411-5e63-e411-8728-3f05722af33d", "Trusted OS Firmware content certificate"),
    ("nt-fw-cert", "8ec4c1f3-5d63-e411-a7a9-87ee40b23fa7", "Non-Trusted Firmware certificate"),
    ("sip-sp-cert", "776dfd44-8697-4c3b-91eb-c13e025a2a6f", "SiP Secure Partition certificate"),
    ("plat-sp-cert", "ddcbbf4a-cad6-11ea-87d0-0242ac130003", "Platform Secure Partition certificate"),
    ("cca-cert", "36d83d85-761d-4daf-96f1-cd99d6569b00", "CCA Content Certificate"),
    ("core-swd-cert", "52222d31-820f-494d-8bbc-ea6825d3c35a", "Core Secure World Key Certificate"),
    ("plat-key-cert", "d43cd902-5b9f-412e-8ac6-92b6d18be60d", "Platform Key Certificate"),
)
_RSE = (
    ("rse-bl1_2", "0aa5b1be-e784-41c5-81b8-4a41cb4ad2df", "RSE BL1_2"),
    ("rse-bl2", "a3b3b30d-ebc9-4048-b480-155361c17048", "RSE BL2"),
    ("rse-scp-bl1", "bfd5098d-a707-4f15-891c-372210cb51e2", "SCP BL1, loaded by the RSE"),
    ("rse-ap-bl1", "124c50e0-f2da-45e9-85c8-dad9609b7a11", "AP BL1, loaded by the RSE"),
    ("rse-ns", "8d959f72-b8b1-4211-9ae6-4b8097475ad9", "TF-M non-secure image"),
    ("rse-s", "22ea3385-f86e-4793-968a-2fe3dd5033cc", "TF-M secure image"),
    ("rse-sic-tables-ns", "d9100072-6a28-4bec-b0d6-8cedc4157ce0", "SIC tables of the non-secure image"),
    ("rse-sic-tables-s", "c738d0de-8c26-4851-9336-f3dbe2966518", "SIC tables of the secure image"),
)
# fmt: on

KINDS: tuple[FipKind, ...] = tuple(FipKind(name, UUID(uuid), title) for name, uuid, title in _TF_A)
KINDS += tuple(
    FipKind(name, UUID(uuid), title, (name.replace("rse-", "rss-", 1),))
    for name, uuid, title in _RSE
)

BY_UUID: dict[UUID, FipKind] = {kind.uuid: kind for kind in KINDS}
BY_NAME: dict[str, FipKind] = {name: kind for kind in KINDS for name in (kind.name, *kind.aliases)}


def name_of(uuid: UUID) -> str:
    """Return the name of a kind of image, or the UUID as text where it is not known."""
    kind = BY_UUID.get(uuid)
    return kind.name if kind else str(uuid)
