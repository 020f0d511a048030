# SPDX-License-Identifier: Apache-2.0
"""Which image of the host an image is: by its load address, its name and the platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.images.image_roles import HOST_ADDRESSES, Role, role_of_image, role_of_name, role_on
from hil.images.mcuboot import HEADER, MAGIC, TLV_HEAD, McubootImage, parse_image
from hil.images.platforms import PLATFORMS
from hil.images.sign_profiles import SIGN_PROFILES, sign_profile
from hil.images.signing import sign

RAM_LOAD = 0x20


def _image(address: int, flags: int = RAM_LOAD) -> McubootImage:
    header = HEADER.pack(MAGIC, address, 0x20, 0, 4, flags, 0, 0, 1, 0)
    return parse_image(header.ljust(0x20, b"\0") + b"code" + TLV_HEAD.pack(0x6907, 4))


@pytest.mark.parametrize(
    ("address", "name", "role", "why"),
    [
        (0x70083C00, "signed_mcp.bin", Role.MCP, "load address 0x70083c00 and its name"),
        (0x70083C00, "signed_ap_bl2.bin", Role.AP_BL2, "load address 0x70083c00 and its name"),
        (0x70105C00, "mcp.bin", Role.MCP, "load address 0x70105c00 and its name"),
        (0x70105C00, "lcp.bin", Role.LCP, "load address 0x70105c00 and its name"),
        (0x70105C00, "si-cl0.bin", Role.SI_CL0, "load address 0x70105c00 and its name"),
        (
            0x70105C00,
            "scp.bin",
            Role.HOST,
            "load address 0x70105c00: MCP or LCP or SI CL0, depending on the platform",
        ),
        (0x70187C00, "scp.bin", Role.LCP, "load address 0x70187c00"),
        (0x70709C00, "x", Role.SI_CL2, "load address 0x70709c00"),
        (0x72000000, "x", Role.HOST, "load address 0x72000000 in the host window"),
        (0x72000000, "scp.bin", Role.SCP, "its name only"),
    ],
)
def test_an_address_that_platforms_share_decides_only_with_a_name(
    address: int, name: str, role: Role, why: str
) -> None:
    """MCP of rdv3 and AP BL2 of rd1ae load to one address; neither is claimed without more."""
    assert role_of_image(_image(address), name, sic_table=False) == (role, why)


@pytest.mark.parametrize(
    ("platform", "address", "role"),
    [
        ("rdv3", 0x70105C00, Role.LCP),
        ("rdv3r1", 0x70105C00, Role.MCP),
        ("rd1ae", 0x70105C00, Role.SI_CL0),
        ("css-aspen", 0x70001C00, Role.AP_BL2),
        ("rdv3r1", 0x70001C00, Role.HOST),
    ],
)
def test_the_platform_decides_what_an_address_means(
    platform: str, address: int, role: Role
) -> None:
    """One address, four images."""
    told = role_on(platform, _image(address))
    assert told is not None
    assert told[0] is role
    assert platform in told[1]


def test_a_platform_says_nothing_of_other_images() -> None:
    """TF-M's own images, those that are not loaded, platforms without a table."""
    assert role_on("rdv3", _image(0x3109F400)) is None
    assert role_on("rdv3", _image(0x70001C00, flags=0)) is None
    assert role_on("tc", _image(0x70000000)) is None


def test_names_of_ap_bl2_are_no_names_of_ap_bl1_or_bl2() -> None:
    """Each of the names has `ap` and `bl2` in it."""
    assert role_of_name("signed_ap_bl2.bin", signed=True) is Role.AP_BL2
    assert role_of_name("ap_bl1.bin", signed=True) is Role.AP_BL1
    assert role_of_name("ap_signed.bin", signed=True) is Role.AP_BL1
    assert role_of_name("bl2_signed.bin", signed=True) is Role.BL2


@pytest.mark.parametrize("platform", ["rdv3", "rdv3r1", "rd1ae"])
def test_profiles_fill_the_slots_of_their_platform(platform: str) -> None:
    """Slot by slot: its size, and the address that BL2 loads it to."""
    (layout,) = [row for row in PLATFORMS if row.name == platform]
    sizes = {
        slot.name.replace("tfm_", "").replace("_", "-"): slot.size
        for slot in layout.slots
        if not slot.name.endswith("_secondary") and slot.name != "bl2"
    }
    profiles = {
        profile.name.removeprefix(f"{platform}-"): profile
        for profile in SIGN_PROFILES
        if profile.name.startswith(f"{platform}-")
    }
    assert {name: profiles[name].slot_size for name in sizes} == sizes
    # AP BL2 of rd1ae is in the flash of the application processor.
    assert set(profiles) - set(sizes) == ({"ap-bl2"} if platform == "rd1ae" else set())
    for role, address in HOST_ADDRESSES[platform].items():
        assert profiles[role.lower().replace(" ", "-")].load_address == address


def test_tfm_of_rd1ae_moves_with_the_release() -> None:
    """Its slot is smaller than that of rdv3, so that it is loaded to another address."""
    assert sign_profile("rd1ae-s").recipe(Path("k")).load_address == 0x310BF400
    assert sign_profile("rd1ae-s").recipe(Path("k"), release="2.2.2").load_address == 0x31000000
    assert sign_profile("rd1ae-ns").recipe(Path("k"), release="2.2.2").load_address == 0x310A0000


def test_an_scp_that_only_rdv3r1_has_room_for_is_signed(dev_key_path: Path, tmp_path: Path) -> None:
    """600 KB: more than the slot of rdv3."""
    payload = tmp_path / "scp.bin"
    payload.write_bytes(bytes(600_000))
    made = sign(payload, sign_profile("rdv3r1-scp").recipe(dev_key_path), tmp_path / "cache")
    assert made.image.load_address == 0x70003C00
    assert made.image.image_size == 600_000
