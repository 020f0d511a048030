# SPDX-License-Identifier: Apache-2.0
"""One virtual RSE's hardware as its firmware stages see it, and what they hand to each other."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum, auto

from hil.virtual import faults
from hil.virtual.console import Console
from hil.virtual.host_flash import HostFlash
from hil.virtual.lifecycle import Lcm
from hil.virtual.otp_layout import GUK, OtpMap
from hil.virtual.ports import Fabric, FlashPort, SramPort
from hil.virtual.releases import Release


class BootEnd(Enum):
    """How a boot ended."""

    RESET = auto()
    """The firmware asked for a reset: the host starts a new boot."""
    HALT = auto()
    """An error loop or a fault: nothing more happens until a reset from outside."""
    RUNNING = auto()
    """The TF-M runtime idles."""


#: A stage of the firmware: yields seconds to let pass; None when it hands over to the next stage.
Stage = Generator[float, None, BootEnd | None]


@dataclass
class Machine:
    """Hardware and identity of one chip.

    Attributes:
        release: The firmware on it.
        chip: Physical number.
        amount: Number of RSEs in the system.
        rom_key: Public key (X and Y) that the ROM trusts.
        faults: What is wrong with this chip.
        time_scale: Factor on every delay.
        handshake_timeout: Seconds; only `fixed` has one.
        random: The TRNG.
        staged: A provisioning message was accepted before (persistent data of 2.3).
        suite: How the regression tests go, see `suite.KNOWN`; "" for firmware without tests.
        host_flash: Where images are looked for in the host's flash; None for raw slots.
    """

    release: Release
    chip: int
    amount: int
    rom_key: bytes
    faults: frozenset[str]
    time_scale: float
    handshake_timeout: float
    otp: OtpMap
    lcm: Lcm
    flash: FlashPort
    sram: SramPort
    console: Console
    fabric: Fabric
    random: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)
    staged: bool = False
    suite: str = ""
    host_flash: HostFlash | None = None

    def has(self, fault: str) -> bool:
        """Whether this chip has that fault."""
        return fault in self.faults

    def delay(self, seconds: float) -> float:
        """Seconds of the firmware as seconds of the host, for `yield`."""
        return seconds * self.time_scale

    def guk(self) -> bytes:
        """The GUK as the KMU delivers it."""
        key = self.otp.key(GUK)
        return faults.other_guk(key) if self.has(faults.OTHER_GUK) else key


@dataclass
class BootContext:
    """What BL1_1 leaves for BL1_2, and BL1_2 for the runtime.

    Attributes:
        bl1_2_hash: SHA-256 of the 8 KiB that BL1_1 loaded.
        vhuk: The KMU's vHUK slot.
        bl2_slots: Offsets in the flash of the two slots of BL2.
    """

    bl1_2_hash: bytes = b""
    vhuk: bytes = field(default=b"", repr=False)
    bl2_slots: tuple[int, int] = (0x000000, 0x020000)
