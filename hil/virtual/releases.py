# SPDX-License-Identifier: Apache-2.0
"""What differs between the firmware releases that a virtual RSE can be, as data.

There are two code generations, 2.2 and 2.3; `fixed` is TF-M 2.3.1 with a handshake that does what
it promises. Our 2.2.2 is not the stock tree: as tagged, rdv3's handshake is dead code and BL2
stops at "Platform post init failed"; the virtual one is the tree with the RSE-id and routing
patches that make multi-RSE testable, but without the fix of the in-place re-encryption defect.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from hil.errors import UsageError


@dataclass(frozen=True)
class Release:
    """One release's numbers and manners.

    Attributes:
        name: As the board file writes it.
        generation: "2.2" or "2.3"; selects error codes, OTP header and log framing.
        version: What the TF-M banner says.
        message_address: Where BL1 looks for the provisioning message.
        message_region: Size of that region; zeroed when provisioning fails.
        device_status: OTP offset of the device status word.
        krtl_counter: OTP offset of the KRTL usage counter (64 bits).
        dma_ics: OTP offset of the DMA ICS.
        counter_align: Bit counters in the dynamic area are padded to this many bytes.
        soc_area_size: Size of the SoC area that the CM blob announces at the end of the OTP.
        most_code: Room for the code of a provisioning blob: the ITCM, from 2.3 on half of it.
        most_data: Room for its data.
        most_secrets: Room for its secret values.
        crypto_library: Name that the crypto partition prints.
    """

    name: str
    generation: str
    version: str
    message_address: int
    message_region: int
    device_status: int
    krtl_counter: int
    dma_ics: int
    counter_align: int
    soc_area_size: int
    most_code: int
    most_data: int
    most_secrets: int
    crypto_library: str

    @property
    def old(self) -> bool:
        """Whether this is generation 2.2."""
        return self.generation == "2.2"


_2_2_2 = Release(
    name="2.2.2",
    generation="2.2",
    version="v2.2.2",
    message_address=0x31000400,
    message_region=0x31080000 - 0x31000400,
    device_status=0x120,
    krtl_counter=0x124,
    dma_ics=0x16C,
    counter_align=8,
    soc_area_size=28 + 0x12D4,
    most_code=0x8000,
    most_data=0x80000,
    most_secrets=(0x8000 - 0x600) // 2,
    crypto_library="Mbed TLS 3.6.5",
)
_2_3_1 = Release(
    name="2.3.1",
    generation="2.3",
    version="v2.3.1",
    message_address=0x310E0000,
    message_region=0x31100000 - 0x310E0000 - 0xC00,
    device_status=0x168,
    krtl_counter=0x120,
    dma_ics=0x170,
    counter_align=4,
    soc_area_size=48 + 0x12D4,
    most_code=0x8000 // 2,
    most_data=0x5000,
    most_secrets=0x1000,
    crypto_library="TF-PSA-Crypto 1.1.1",
)
_FIXED = replace(_2_3_1, name="fixed", version="v2.3.1+fixed")

RELEASES: dict[str, Release] = {row.name: row for row in (_2_2_2, _2_3_1, _FIXED)}


def release(name: str) -> Release:
    """The release of that name.

    Raises:
        UsageError: If there is none.
    """
    if name not in RELEASES:
        near = difflib.get_close_matches(name, RELEASES, n=1)
        guess = f", did you mean {near[0]!r}" if near else ""
        known = ", ".join(RELEASES)
        raise UsageError(f"no virtual RSE firmware {name!r}{guess}; there is {known}")
    return RELEASES[name]
