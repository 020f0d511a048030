# SPDX-License-Identifier: Apache-2.0
"""How the images of each platform are signed: the parameters of TF-M's build and of its platform page.

Sources: TF-M 2.2.2 and 2.3.1 bl2/ext/mcuboot/CMakeLists.txt; platform/ext/target/arm/rse region_defs.h,
flash_layout_common.h, size_defs.h of neoverse_rd/rdv3 and rdv3r1, image_size_defs.h of
automotive_rd/rd1ae, host_atu_base_address.h; docs/platform/arm/rse/readme.rst.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.errors import UsageError
from hil.images.image_roles import HOST_ADDRESSES, Role
from hil.images.signing import SignRecipe
from hil.model.releases import release_for

_HOST_IMAGES = 4
_HOST_BASE, _HOST_STEP = 0x70000000, 0x1000000
#: RSE_OTP_EMULATION_SRAM_SIZE, rse_memory_sizes_common.h.
_OTP_EMULATION = 0x4000


@dataclass(frozen=True)
class SignProfile:
    """One row; what a build chooses (key, version, counter) is not in it.

    Attributes:
        load_address: Of the newest generation.
        load_by_generation: Where others differ.
    """

    name: str
    what: str
    header_size: int
    slot_size: int
    load_address: int
    load_by_generation: Mapping[str, int] = field(default_factory=dict)
    version: str = "0.0.1"
    dependency: str | None = None
    pad: bool = False

    def recipe(
        self,
        key: Path,
        *,
        release: str = "2.3.1",
        version: str | None = None,
        security_counter: int = 1,
        load_address: int | None = None,
    ) -> SignRecipe:
        """Return the recipe for one image.

        Raises:
            ModelError: no such release.
        """
        generation = release_for(release).generation
        usual = self.load_by_generation.get(generation, self.load_address)
        return SignRecipe(
            key=key,
            version=version or self.version,
            security_counter=security_counter,
            header_size=self.header_size,
            slot_size=self.slot_size,
            load_address=usual if load_address is None else load_address,
            dependency=self.dependency,
            pad=self.pad,
        )

    def room(self, generation: str) -> range:
        """Return the addresses that BL2 of a generation lets an image be loaded to, up to its end.

        From 2.3 on it begins lower in builds with RSE_USE_OTP_EMULATION_IN_SRAM, which nothing tells.
        """
        start = self.load_by_generation.get(generation, self.load_address)
        lower = 0 if generation in self.load_by_generation else _OTP_EMULATION
        return range(start - lower, start + self.slot_size)


def profile_of(platform: str, role: Role) -> SignProfile | None:
    """Return the row for an image of a platform, None where there is none."""
    name = {Role.S: "s", Role.NS: "ns"}.get(role, role.lower().replace(" ", "-"))
    return _BY_NAME.get(f"{platform}-{name}")


def _tfm(platform: str, slot_s: int, load_s: int, slot_ns: int, load_ns: int) -> list[SignProfile]:
    """Return the rows of TF-M's own images; before 2.3 S begins VM0 and NS ends VM1."""
    return [
        SignProfile(
            f"{platform}-s",
            f"TF-M S of {platform} (2.2: at the beginning of VM0)",
            0x400,
            slot_s,
            load_s,
            dict.fromkeys(("2.1", "2.2"), 0x31000000),
            version="2.3.1",
            dependency="(1, 0.0.0+0)",
        ),
        SignProfile(
            f"{platform}-ns",
            f"TF-M NS of {platform}, where TFM_LOAD_NS_IMAGE is on",
            0x400,
            slot_ns,
            load_ns,
            dict.fromkeys(("2.1", "2.2"), 0x31100000 - slot_ns),
            version="0.0.0",
        ),
    ]


def _hosts(platform: str, slots: Mapping[Role, int]) -> list[SignProfile]:
    """Return the rows of the host's images, by the sizes of their slots."""
    return [
        SignProfile(
            f"{platform}-{role.lower().replace(' ', '-')}",
            f"{role} of {platform}",
            0x400,
            size,
            HOST_ADDRESSES[platform][role],
        )
        for role, size in slots.items()
    ]


_K64, _K512, _M1 = 0x10000, 0x80000, 0x100000
SIGN_PROFILES: tuple[SignProfile, ...] = (
    *_tfm("rdv3", 0x60000, 0x3109F400, 0x60000, 0x3103F400),
    *_hosts("rdv3", {Role.SCP: _K512, Role.MCP: _K512, Role.LCP: _K64, Role.AP_BL1: _K512}),
    *_tfm("rdv3r1", 0x60000, 0x3109F400, 0x60000, 0x3103F400),
    *_hosts("rdv3r1", {Role.SCP: _M1, Role.MCP: _K512, Role.LCP: _K64, Role.AP_BL1: _M1}),
    *_tfm("rd1ae", 0x40000, 0x310BF400, 0x60000, 0x3105F400),
    *_hosts("rd1ae", {Role.SCP: _K512, Role.AP_BL2: _K512}),
    *_hosts("rd1ae", {Role.SI_CL0: 2 * _M1, Role.SI_CL1: 4 * _M1, Role.SI_CL2: 8 * _M1}),
    *(
        SignProfile(
            f"rse-host-{number}",
            f"host image {number} as the platform page signs it (tc)",
            0x2000,
            0x80000,
            _HOST_BASE + number * _HOST_STEP,
            pad=True,
        )
        for number in range(_HOST_IMAGES)
    ),
)

_BY_NAME = {profile.name: profile for profile in SIGN_PROFILES}


def sign_profile(name: str) -> SignProfile:
    """Return a row.

    Raises:
        UsageError: no such profile; names the nearest and all others.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"no signing profile {name!r}; {hint}known: {', '.join(_BY_NAME)}")
