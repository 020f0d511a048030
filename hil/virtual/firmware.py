# SPDX-License-Identifier: Apache-2.0
"""The virtual RSE: one chip's firmware from the reset vector to the idle runtime.

It behaves as seen from outside (UART, flash, SRAM, OTP, links to the other RSEs) as TF-M's RSE
firmware on rdv3 variant 2 does: release 2.2.2 (the multi-RSE tree, see `releases`), 2.3.1, and
`fixed`. Secrets are real and stay inside: nothing prints, raises or represents them.

The host drives it: `boot()` is a generator that yields the seconds to let pass before going on.
Not going on is a halted core, dropping the generator is a reset.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from hil.errors import UsageError
from hil.virtual import faults as fault_names
from hil.virtual.bl1_1 import bl1_1
from hil.virtual.bl1_2 import bl1_2
from hil.virtual.bl2 import bl2
from hil.virtual.console import Console
from hil.virtual.ecdsa import DEV_PUBLIC_KEY, POINT_SIZE
from hil.virtual.error_codes import PlatError
from hil.virtual.host_flash import KINDS as HOST_FLASH_KINDS
from hil.virtual.host_flash import HostFlash
from hil.virtual.lifecycle import Lcm
from hil.virtual.machine import BootContext, BootEnd, Machine
from hil.virtual.otp import Otp
from hil.virtual.otp_layout import ROUTING_TABLE_SIZE, OtpMap
from hil.virtual.ports import Fabric, FlashPort, SramPort, UartPort
from hil.virtual.releases import release
from hil.virtual.runtime import runtime
from hil.virtual.suite import KNOWN as SUITES

__all__ = ["DEV_PUBLIC_KEY", "BootEnd", "FirmwareConfig", "VirtualRse"]

_STAGES = (bl1_1, bl1_2, bl2, runtime)


@dataclass(frozen=True)
class FirmwareConfig:
    """What distinguishes one virtual RSE from another.

    Attributes:
        release: "2.2.2", "2.3.1" or "fixed".
        chip: Physical chip number, also the die number of its HUK.
        rse_amount: Number of RSEs in the system (1 to 8); 1 has no handshake.
        time_scale: Factor on every delay; 0 for tests that do not wait.
        handshake_timeout: Firmware seconds until `fixed` reports a missing peer.
        rom_key: Public key that the ROM trusts: X and Y, 64 bytes.
        faults: What is wrong with this chip, see `faults.KNOWN`.
        suite: How the regression tests go, see `suite.KNOWN`; "" for firmware without tests.
        host_flash: What it boots from in the host's flash, see `host_flash.KINDS`; "" for raw slots
            in its own.

    Raises:
        UsageError: For a value outside its domain.
    """

    release: str
    chip: int
    rse_amount: int = 4
    time_scale: float = 1.0
    handshake_timeout: float = 3.0
    rom_key: bytes = DEV_PUBLIC_KEY
    faults: frozenset[str] = frozenset()
    suite: str = ""
    host_flash: str = ""

    def __post_init__(self) -> None:
        release(self.release)
        fault_names.check(self.faults)
        if self.suite and self.suite not in SUITES:
            known = ", ".join(SUITES)
            raise UsageError(f"unknown test suite {self.suite!r}; known are {known}")
        if self.host_flash and self.host_flash not in HOST_FLASH_KINDS:
            known = ", ".join(HOST_FLASH_KINDS)
            raise UsageError(
                f"unknown use of the host's flash {self.host_flash!r}; known are {known}"
            )
        if fault_names.STOCK_2_2_2 in self.faults and self.release != "2.2.2":
            raise UsageError(
                f"fault {fault_names.STOCK_2_2_2!r} is for release 2.2.2, not {self.release}"
            )
        if not 1 <= self.rse_amount <= ROUTING_TABLE_SIZE or self.chip < 0:
            raise UsageError(
                f"chip {self.chip} of {self.rse_amount} RSEs: there can be 1 to "
                f"{ROUTING_TABLE_SIZE} of them, numbered from 0"
            )
        if len(self.rom_key) != 2 * POINT_SIZE:
            raise UsageError(
                f"the ROM key has {len(self.rom_key)} bytes, expected X and Y of a P-256 point "
                f"({2 * POINT_SIZE} bytes)"
            )


class VirtualRse:
    """One RSE; keeps nothing between boots but its OTP and what the hardware latches."""

    def __init__(
        self,
        config: FirmwareConfig,
        *,
        otp: Otp,
        flash: FlashPort,
        sram: SramPort,
        uart: UartPort,
        fabric: Fabric,
    ) -> None:
        rules = release(config.release)
        console = Console(uart, rules)
        host_flash = None
        if config.host_flash:
            host_flash = HostFlash(config.host_flash, flash, rules, console)
        self._machine = Machine(
            release=rules,
            chip=config.chip,
            amount=config.rse_amount,
            rom_key=config.rom_key,
            faults=config.faults,
            time_scale=config.time_scale,
            handshake_timeout=config.handshake_timeout,
            otp=OtpMap(otp, rules),
            lcm=Lcm(otp),
            flash=flash,
            sram=sram,
            console=console,
            fabric=fabric,
            suite=config.suite,
            host_flash=host_flash,
        )

    def boot(self) -> Generator[float, None, BootEnd]:
        """One boot from the reset vector; yields (scaled) seconds to let pass before going on."""
        machine = self._machine
        machine.lcm.latch()
        if machine.has(fault_names.NO_BOOT):
            return BootEnd.HALT
        context = BootContext()
        try:
            for stage in _STAGES:
                end = yield from stage(machine, context)
                if end is not None:
                    return end
        except PlatError:
            # An error that no stage's main has a line for ends in a silent panic loop.
            return BootEnd.HALT
        return BootEnd.HALT
