# SPDX-License-Identifier: Apache-2.0
"""A virtual board: one RSE with its memories, flash, UART, debug probe and MHU links.

Address map as the debugger sees it: boot ROM 0x11000000, ITCM 0x10000000, DTCM 0x30000000,
VM0 0x31000000, VM1 0x31080000, LCM 0x500A0000 with the OTP at +0x1000, UART0 0x58101000,
flash controller 0x58200000, boot flash 0xB0000000 or the host's flash 0x70000000.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from hil.errors import UsageError
from hil.virtual import host_flash
from hil.virtual.board_faults import FaultPlan
from hil.virtual.board_lock import ChipLock
from hil.virtual.board_loop import Loop
from hil.virtual.board_power import PowerSupply
from hil.virtual.board_reset_line import ResetLine
from hil.virtual.board_uart import PtyUart, UartRegisters
from hil.virtual.boot_rom import ROM_BASE, ROM_SIZE, FirmwareHost, rom_image
from hil.virtual.bus import Bus
from hil.virtual.chip_windows import LCM_BASE, LCM_SIZE, OTP_BASE, LcmWindow, OtpWindow
from hil.virtual.core_debug import Core
from hil.virtual.debug_port import DebugPort
from hil.virtual.fabric_tcp import FabricTcp
from hil.virtual.firmware import FirmwareConfig, VirtualRse
from hil.virtual.mem_ap import MemAp
from hil.virtual.nor import FlashController, NorFlash
from hil.virtual.otp import OTP_SIZE, Otp
from hil.virtual.probe_server import Probe, ProbeServer

FLASH_BASE = 0xB0000000
UART_BASE, FLASH_CONTROLLER_BASE = 0x58101000, 0x58200000
PPB_BASE, PPB_SIZE = 0xE0000000, 0x100000

_RAMS = {0x10000000: 0x10000, 0x30000000: 0x10000, 0x31000000: 0x80000, 0x31080000: 0x80000}

#: Offset in the flash of the byte that `reset-spoils-flash` clears.
_SPOILT = 0x50

#: Seconds between two slices of code that nobody waits for, and instructions in each.
_IDLE_INTERVAL, _IDLE_SLICE = 0.02, 4000


@dataclass(frozen=True)
class BoardConfig:
    """Everything that the command line says about a board."""

    firmware: FirmwareConfig
    #: Folder for OTP and flash images.
    state: Path
    #: Folder where the boards of one system find each other.
    fabric: Path
    probe_port: int
    faults: FaultPlan
    #: Address of the vector table at reset; None: the boot ROM.
    vectors: int | None = None
    #: Seconds that the probe takes for each request, as one behind USB does.
    probe_delay: float = 0.0


class Board:
    """One board, powered on as soon as it is made.

    Args:
        config: See `BoardConfig`.

    Raises:
        UsageError: A folder is in use by another board of the same number, or the vectors lie
            where no memory is.
        OSError: A folder, port or pty is not to be had.
    """

    def __init__(self, config: BoardConfig) -> None:
        self.chip = chip = config.firmware.chip
        faults = config.faults
        self._locks = [
            ChipLock(config.state, chip, "state"),
            ChipLock(config.fabric, chip, "fabric"),
        ]
        self.loop = Loop()
        self.loop.tick = self._tick
        self._bus = Bus()
        path = config.state / f"chip{chip}.flash"
        self._flash_base = FLASH_BASE
        self._flash = NorFlash(path)
        if config.firmware.host_flash:
            self._flash_base = host_flash.WINDOW
            # The flash algorithm counts from the boot flash, round the end of the address space.
            base = host_flash.WINDOW - FLASH_BASE & 0xFFFFFFFF
            self._flash = NorFlash(path, host_flash.CELLS, base)
        self._supply = PowerSupply(self._power_off, self._power_on)
        self._controller = FlashController(
            self._flash, self._bus, faults.counts, self._supply.cut, self._page_begun
        )
        self._otp = Otp(config.state / f"chip{chip}.otp")
        self.uart = PtyUart(self.loop, silent="uart-silent" in faults.names)
        self._core = Core(
            self._bus,
            rom_base=ROM_BASE,
            rom_size=ROM_SIZE,
            on_reset=self._core_was_reset,
            on_hold=self._reset_line_asserted,
            vectors=config.vectors,
            secure_debug="debug-nonsecure" not in faults.names,
        )
        self._map()
        if config.vectors is not None and not self._bus.is_memory(config.vectors):
            raise UsageError(f"--initsvtor {config.vectors:#x}: there is no memory")
        self._reset_line = ResetLine(self._core, faults.names)
        self._port = DebugPort(MemAp(self._bus, self._core, faults.names))
        self._probe = probe = Probe(
            self._port, self._reset_line, faults.counts, lambda: self._supply.dark
        )
        self.probe = ProbeServer(self.loop, config.probe_port, probe, config.probe_delay)
        self._faults = faults.counts
        self._fabric = FabricTcp(self.loop, config.fabric, chip, config.firmware.rse_amount)
        rse = VirtualRse(
            config.firmware,
            otp=self._otp,
            flash=self._flash,
            sram=self._bus,
            uart=self.uart,
            fabric=self._fabric,
        )
        self._host = FirmwareHost(self._core, rse.boot)
        self._next_slice = self._next_retry = 0.0
        self._spoils_flash = "reset-spoils-flash" in faults.names
        self._clears_ram = "reset-clears-ram" in faults.names
        self._core.reset()

    def run(self) -> None:
        """Serve until the loop is stopped."""
        self.loop.run()

    def power_cycle(self) -> None:
        """Switch the supply off and on; what only that mends is mended."""
        self._faults.cure("sticky-fault")
        self._supply.cut()

    def close(self) -> None:
        """Power off."""
        self._host.drop()
        self._fabric.close()
        self.uart.close()
        self.loop.close()
        for lock in self._locks:
            lock.close()

    def _map(self) -> None:
        bus = self._bus
        bus.map_memory(ROM_BASE, rom_image(), "error")
        for base, size in _RAMS.items():
            bus.map_memory(base, bytearray(size))
        bus.map_memory(self._flash_base, self._flash.cells, "ignore")
        bus.map_device(PPB_BASE, PPB_SIZE, self._core)
        bus.map_device(LCM_BASE, LCM_SIZE, LcmWindow(self._otp))
        bus.map_device(OTP_BASE, OTP_SIZE, OtpWindow(self._otp))
        bus.map_device(UART_BASE, 0x1000, UartRegisters(self.uart))
        bus.map_device(FLASH_CONTROLLER_BASE, 0x1000, self._controller)

    def _page_begun(self, number: int) -> None:
        self._faults.page_begun(number, self._probe.requests)

    def _power_off(self) -> None:
        self._core.hold()
        self._port.power_off()
        self._controller.reset()
        self._clear_ram()

    def _power_on(self) -> None:
        self._core.power_on()

    def _clear_ram(self) -> None:
        for base, size in _RAMS.items():
            self._bus.write(base, bytes(size))

    def _core_was_reset(self) -> None:
        self._controller.reset()
        if self._clears_ram:
            self._clear_ram()
        if self._spoils_flash:
            self._flash.program(_SPOILT, b"\0")
        self._host.restart()

    def _reset_line_asserted(self) -> None:
        self._host.drop()
        self._fabric.clear()

    def _tick(self) -> float | None:
        """Advance firmware, code and links; return the seconds until the next time."""
        now = time.monotonic()
        waits = [
            self._supply.tick(),
            self.probe.tick(),
            self._reset_line.tick(),
            self._host.advance(),
        ]
        if self._core.runs_code:
            if now >= self._next_slice:
                self._core.slice(_IDLE_SLICE)
                self._next_slice = time.monotonic() + _IDLE_INTERVAL
            waits.append(max(0.0, self._next_slice - now))
        if now >= self._next_retry:
            wait = self._fabric.retry()
            self._next_retry = now + (wait or 0.0)
            waits.append(wait)
        else:
            waits.append(self._next_retry - now)
        due = [wait for wait in waits if wait is not None]
        return min(due) if due else None
