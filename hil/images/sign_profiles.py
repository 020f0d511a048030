# SPDX-License-Identifier: Apache-2.0
"""How the images of each platform are signed: the parameters of TF-M's build and of its platform page.

Sources: TF-M 2.3.1 bl2/ext/mcuboot/CMakeLists.txt; platform/ext/target/arm/rse region_defs.h,
neoverse_rd/rdv3 size_defs.h and host_atu_base_address.h; docs/platform/arm/rse/readme.rst.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.errors import UsageError
from hil.images.signing import SignRecipe
from hil.model.releases import release_for

_HOST_IMAGES = 4
_HOST_BASE, _HOST_STEP = 0x70000000, 0x1000000


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


SIGN_PROFILES: tuple[SignProfile, ...] = (
    SignProfile(
        "rdv3-s",
        "TF-M S of rdv3 (2.2: at the beginning of VM0)",
        0x400,
        0x60000,
        0x3109F400,
        {"2.1": 0x31000000, "2.2": 0x31000000},
        version="2.3.1",
        dependency="(1, 0.0.0+0)",
    ),
    SignProfile(
        "rdv3-ns",
        "TF-M NS of rdv3, where TFM_LOAD_NS_IMAGE is on",
        0x400,
        0x60000,
        0x3103F400,
        {"2.1": 0x310A0000, "2.2": 0x310A0000},
        version="0.0.0",
    ),
    SignProfile("rdv3-scp", "SCP of rdv3", 0x400, 0x80000, 0x70001C00),
    SignProfile("rdv3-mcp", "MCP of rdv3", 0x400, 0x80000, 0x70083C00),
    SignProfile("rdv3-lcp", "LCP of rdv3", 0x400, 0x10000, 0x70105C00),
    SignProfile("rdv3-ap-bl1", "AP BL1 of rdv3", 0x400, 0x80000, 0x70117C00),
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
