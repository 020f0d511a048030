# SPDX-License-Identifier: Apache-2.0
"""What a boot may do with a damaged image, and what decides it: the loader and the place.

Sources: MCUboot image_validate.c, loader.c, ram_load.c, tlv.c at v2.2.0 (TF-M 2.2), e2a6d0b (TF-M
2.3 on RSE) and v2.4.0 with TF-M's patch (TF-M 2.3 elsewhere), TF-M 2.3.1 keys_builtin.c; TF-M
bl1/bl1_2/main.c; TF-M rse/common/fip_parser/host_flash_atu.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hil.images.mcuboot import McubootImage
from hil.images.mcuboot_tlvs import PUBKEY


class Loader(StrEnum):
    """How a boot loader is built, as far as it decides about an image."""

    #: BL2 of the RSE: images are copied to RAM, the hash of the key is in OTP, the newest good
    #: image of two slots runs.
    RSE_BL2 = "MCUboot RAM_LOAD, key hash in OTP"
    #: BL2 of mps2/an521, Musca and others: the key is built in; a good new image in the secondary
    #: slot is copied over the primary one.
    BUILTIN_BL2 = "MCUboot OVERWRITE_ONLY, built-in keys"
    #: BL1_2 of the RSE, which loads BL2.
    BL1_2 = "BL1_2"
    #: BL1_1 (2.3: also BL1_2), which takes provisioning messages.
    PROVISIONING = "provisioning"
    #: BL1_2 where the host's flash holds packages; it looks for BL2.
    FIP_BL1_2 = "BL1_2, packages in the host's flash"
    #: The same, which has found something that it takes for BL2.
    FIP_BL1_2_FOUND = "BL1_2, an image from a package"
    #: BL2 where the host's flash holds packages; it looks for the images that it loads.
    FIP_BL2 = "BL2, packages in the host's flash"
    #: BL1_2 where the packages are partitions (RSE_GPT_SUPPORT).
    GPT = "BL1_2, partitions in the host's flash"


class Verdict(StrEnum):
    """What a boot does with an image."""

    REFUSED = "refused"
    RECOVERED = "recovered"
    ACCEPTED = "accepted"


class Place(StrEnum):
    """Where the damaged image is, and whether there is a good one."""

    #: In the only slot that holds an image.
    ALONE = "alone"
    #: In the primary slot, with a good image in the secondary one.
    WITH_SPARE = "with-spare"
    #: In the secondary slot, newer than the good image in the primary one.
    UPGRADE = "upgrade"


#: Stage that refuses, for each loader.
STAGES = {
    Loader.RSE_BL2: "BL2",
    Loader.BUILTIN_BL2: "BL2",
    Loader.BL1_2: "BL1_2",
    Loader.PROVISIONING: "provisioning",
    Loader.FIP_BL1_2: "BL1_2",
    Loader.FIP_BL1_2_FOUND: "BL1_2",
    Loader.FIP_BL2: "BL2",
    Loader.GPT: "BL1_2",
}
#: The stage that has said its name last when an image is refused: BL1_2 looks for packages before it
#: says its own.
ENDS = {
    Loader.RSE_BL2: "BL2",
    Loader.BUILTIN_BL2: "BL2",
    Loader.BL1_2: "BL1_2",
    Loader.PROVISIONING: "BL1_1",
    Loader.FIP_BL1_2: "BL1_1",
    Loader.FIP_BL1_2_FOUND: "BL1_2",
    Loader.FIP_BL2: "BL2",
    Loader.GPT: "BL1_1",
}
#: Of these a refused RSE takes no part in the handshake: its siblings wait for it.
BEFORE_HANDSHAKE = frozenset({Loader.FIP_BL1_2, Loader.GPT})
#: Places in which another, good image takes over.
_RECOVERS = {
    Loader.RSE_BL2: frozenset({Place.WITH_SPARE, Place.UPGRADE}),
    # A damaged primary slot is not mended from the secondary one unless that was marked as new.
    Loader.BUILTIN_BL2: frozenset({Place.UPGRADE}),
    Loader.BL1_2: frozenset({Place.WITH_SPARE, Place.UPGRADE}),
    Loader.PROVISIONING: frozenset[Place](),
    # Without partitions an image that one package has not is taken from the other.
    Loader.FIP_BL1_2: frozenset({Place.WITH_SPARE, Place.UPGRADE}),
    Loader.FIP_BL1_2_FOUND: frozenset({Place.WITH_SPARE, Place.UPGRADE}),
    Loader.FIP_BL2: frozenset({Place.WITH_SPARE, Place.UPGRADE}),
    # There is one table, and of the banks only the active one is looked at.
    Loader.GPT: frozenset[Place](),
}


@dataclass(frozen=True)
class Outcome:
    """What a correct boot does."""

    verdict: Verdict
    #: Where it is refused, None when it is not.
    stage: str | None = None
    #: The last stage that says its name then.
    ends: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.verdict} by {self.stage}" if self.stage else str(self.verdict)


def outcome(verdict: Verdict, loader: Loader, place: Place) -> Outcome:
    """Return what becomes of an image that the loader judges so, in a place."""
    if verdict is not Verdict.REFUSED:
        return Outcome(verdict)
    if place in _RECOVERS[loader]:
        return Outcome(Verdict.RECOVERED, STAGES[loader])
    return Outcome(Verdict.REFUSED, STAGES[loader], ENDS[loader])


def loader_of(image: McubootImage) -> Loader:
    """Return which of the loaders an image was signed for."""
    return Loader.RSE_BL2 if image.ram_load or image.all(PUBKEY) else Loader.BUILTIN_BL2
