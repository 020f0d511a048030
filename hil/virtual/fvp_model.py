# SPDX-License-Identifier: Apache-2.0
"""Builds a virtual FVP from its command line, in the order in which a real model comes up.

First every mistake is found (status 1, nothing opened), then terminals are constructed and
announce themselves, then images are loaded, then the simulation runs.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import random
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from hil.errors import UsageError
from hil.virtual.firmware import DEV_PUBLIC_KEY, FirmwareConfig, VirtualRse
from hil.virtual.fvp_args import DataSpec
from hil.virtual.fvp_chip import Link, Mesh, chatter, life
from hil.virtual.fvp_flash import FlashLoader
from hil.virtual.fvp_memory import BootFlash, Memory
from hil.virtual.fvp_output import Output
from hil.virtual.fvp_parameters import ParameterSet
from hil.virtual.fvp_simulation import Limits, Simulation
from hil.virtual.fvp_terminal import TelnetTerminal, TerminalSettings
from hil.virtual.fvp_topology import ChipNames, Topology
from hil.virtual.fvp_uart import Uart, UartSettings
from hil.virtual.otp import OTP_SIZE, Otp

_FAULT = re.compile(r"(\d+):([\w-]+)")


@dataclass(frozen=True)
class Model:
    """A model that is ready to run."""

    topology: Topology
    parameters: ParameterSet
    output: Output
    simulation: Simulation


def limits(options: argparse.Namespace, parameters: ParameterSet) -> Limits:
    """Limits of the command line and injected ends."""
    return Limits(
        sim=options.simlimit,
        wall=options.timelimit,
        cpu=options.cpulimit,
        cycles=None if options.iris_server else options.cyclelimit,
        drop_after=parameters.real("virtual.drop_clients_after"),
        drop_moves=parameters.flag("virtual.drop_moves_port"),
        exit_after=parameters.real("virtual.exit_after"),
        crash_after=parameters.real("virtual.crash_after"),
        hang_after=parameters.real("virtual.hang_after"),
    )


def faults(parameters: ParameterSet, chips: int) -> dict[int, frozenset[str]]:
    """Firmware faults by chip, from `2:never-join,0:die-in-bl1_2`."""
    found: dict[int, frozenset[str]] = {}
    for text in filter(None, re.split(r"[,\s]+", parameters.text("virtual.fault"))):
        match = _FAULT.fullmatch(text)
        if match is None or int(match[1]) >= chips:
            raise UsageError(f"virtual.fault: '{text}', expected CHIP:FAULT with CHIP < {chips}")
        chip = int(match[1])
        found[chip] = found.get(chip, frozenset()) | {match[2]}
    return found


def load_data(specs: list[DataSpec], topology: Topology, memories: list[Memory]) -> None:
    """Put every `--data` where it belongs; without an instance into every RSE."""
    for spec in specs:
        data = spec.path.read_bytes()
        pattern = (spec.instance or "*.cpu").removeprefix(f"{topology.top}.")
        hit = False
        for chip, memory in zip(topology.chips, memories, strict=True):
            for name, base in chip.data_instances.items():
                if fnmatch.fnmatchcase(name, pattern):
                    memory.write(base + spec.address, data)
                    hit = True
        if not hit:
            raise UsageError(f"data specifier: instance '{spec.instance}' not found")


def firmware(topology: Topology, parameters: ParameterSet) -> list[FirmwareConfig]:
    """What each chip runs.

    Raises:
        UsageError: For a fault, key or scale that the firmware does not take.
    """
    try:
        rom_key = bytes.fromhex(parameters.text("virtual.rom_key")) or DEV_PUBLIC_KEY
    except ValueError:
        raise UsageError("virtual.rom_key: expected hexadecimal digits") from None
    if parameters.real("virtual.time_scale") <= 0:
        raise UsageError("virtual.time_scale: expected a value above 0")
    chip_faults = faults(parameters, len(topology.chips))
    return [
        FirmwareConfig(
            release=parameters.text("virtual.release"),
            chip=names.chip,
            rse_amount=len(topology.chips),
            time_scale=parameters.real("virtual.time_scale"),
            handshake_timeout=parameters.real("virtual.handshake_timeout"),
            rom_key=rom_key,
            faults=chip_faults.get(names.chip, frozenset()),
        )
        for names in topology.chips
    ]


def build(
    model: Model, configs: list[FirmwareConfig], memories: list[Memory], otps: list[Otp]
) -> tuple[list[Generator[float, None, None]], list[TelnetTerminal], list[Uart]]:
    """Construct UARTs, terminals and chips; announces the terminals."""
    parameters, topology = model.parameters, model.topology
    uarts = {
        name: _uart(model, name) for chip in topology.chips for name in (chip.uart, chip.scp_uart)
    }
    terminals = _terminals(model, uarts)
    mesh = Mesh(len(topology.chips))
    chips = []
    for names, config, memory, otp in zip(topology.chips, configs, memories, otps, strict=True):
        uart = uarts[names.uart]
        rse = VirtualRse(
            config,
            otp=otp,
            flash=BootFlash(memory),
            sram=memory,
            uart=uart,
            fabric=Link(mesh, names.chip),
        )
        chips.append(
            life(
                rse,
                uart,
                chip=names.chip,
                time_scale=config.time_scale,
                flood=parameters.number("virtual.flood"),
                echo=parameters.flag("virtual.echo"),
            )
        )
        flood = parameters.number("virtual.scp_flood")
        chips.append(chatter(uarts[names.scp_uart], chip=names.chip, flood=flood))
    return chips, terminals, list(uarts.values())


def flash_loaders(
    topology: Topology, parameters: ParameterSet, memories: list[Memory]
) -> list[FlashLoader]:
    """What fills the flash of each chip; what `--data` brings comes after it."""
    return [
        FlashLoader(
            chip.flash_loader,
            memory,
            source=parameters.text(f"{chip.flash_loader}.fname"),
            target=parameters.text(f"{chip.flash_loader}.fnameWrite"),
            packed=parameters.text("virtual.write_back") == "gzip",
        )
        for chip, memory in zip(topology.chips, memories, strict=True)
    ]


def report_roms(model: Model) -> None:
    """Say which ROM images were loaded."""
    for names in model.topology.chips:
        rom = model.parameters.text(f"{names.rse}.rom.raw_image")
        if rom:
            size = -(-Path(rom).stat().st_size // 1024)
            name = f"{model.topology.top}.{names.rse}.rom"
            model.output.report("Info", f"{name}: FlashLoader: Loaded {size} kB from file '{rom}'")


def otp_of(names: ChipNames, parameters: ParameterSet) -> Otp:
    """The chip's OTP: its image file, or a copy or a virgin one that is forgotten at the end."""
    nvm = f"{names.rse}.lcm_nvm"
    image = Path(parameters.text(f"{nvm}.raw_image"))
    used = parameters.text(f"{nvm}.raw_image") and parameters.flag(f"{nvm}.use_image_file")
    reads = used and parameters.flag(f"{nvm}.read_from_file") and image.is_file()
    try:
        if used and parameters.flag(f"{nvm}.update_raw_image"):
            if not reads:
                image.unlink(missing_ok=True)
            return Otp(image)
        # A file without a name: also a killed model leaves nothing behind.
        scratch = Path(f"/proc/self/fd/{os.memfd_create(nvm)}")
        scratch.write_bytes(image.read_bytes() if reads else bytes(OTP_SIZE))
        return Otp(scratch)
    except OSError as error:
        raise UsageError(f"{nvm}.raw_image: '{image}': {error.strerror}") from None


def _uart(model: Model, name: str) -> Uart:
    parameters = model.parameters
    settings = UartSettings(
        name,
        out_file=parameters.text(f"{name}.out_file"),
        unbuffered=parameters.flag(f"{name}.unbuffered_output"),
        shutdown_on_eot=parameters.flag(f"{name}.shutdown_on_eot"),
        shutdown_tag=parameters.text(f"{name}.shutdown_tag"),
    )
    return Uart(settings, model.output.write, model.simulation.stop)


def _terminals(model: Model, uarts: dict[str, Uart]) -> list[TelnetTerminal]:
    """Terminals in construction order, which is not the order of the chips on every model."""
    parameters = model.parameters
    wanted = [
        (terminal, uarts[uart])
        for chip in model.topology.chips
        for terminal, uart in ((chip.rse_terminal, chip.uart), (chip.scp_console, chip.scp_uart))
    ]
    order = parameters.text("virtual.port_order")
    if order == "reversed":
        wanted.reverse()
    elif order == "shuffled":
        random.Random(parameters.number("virtual.seed")).shuffle(wanted)  # noqa: S311 - no secret
    style = parameters.text("virtual.port_format")
    glue = parameters.flag("virtual.port_glue")
    terminals, heard = [], []
    for name, uart in wanted:
        settings = TerminalSettings(
            name=name,
            start_port=parameters.number(f"{name}.start_port"),
            mode="raw" if parameters.text(f"{name}.mode") == "raw" else "telnet",
            start_telnet=parameters.flag(f"{name}.start_telnet"),
            command=parameters.text(f"{name}.terminal_command"),
            buffer=parameters.number("virtual.terminal_buffer"),
            stall=parameters.flag("virtual.stall"),
            stall_unattached=parameters.flag("virtual.stall_unattached"),
            keep=parameters.text("virtual.early_output") == "kept",
        )
        terminal = TelnetTerminal(
            settings, model.simulation.selector, uart.receive, model.output.line
        )
        uart.terminal = terminal.write
        terminals.append(terminal)
        if not parameters.flag(f"{name}.quiet"):
            heard.append((name, terminal.port))
            if not glue:
                model.output.announce(style, heard[-1:], glue=False)
    if glue:
        model.output.announce(style, heard, glue=True)
    return terminals
