# SPDX-License-Identifier: Apache-2.0
"""`hil-virtual-fvp`: an executable with an FVP's command line and manners, modelling RD-V3-Cfg2.

Its own switches are parameters of the instance `virtual`; the environment variable
`HIL_VIRTUAL_FVP` sets them too (`HIL_VIRTUAL_FVP="topology=rdv3r1 port_order=shuffled"`), also
for `--list-params` and `--version`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from hil.errors import HilError, UsageError
from hil.virtual import fvp_args, fvp_output
from hil.virtual.fvp_args import DataSpec
from hil.virtual.fvp_manners import Closeable, debug_server, start_failure
from hil.virtual.fvp_output import Output
from hil.virtual.fvp_parameter_table import declare
from hil.virtual.fvp_parameters import ParameterSet, config_file, split_assignment
from hil.virtual.fvp_simulation import crash
from hil.virtual.fvp_topology import TOPOLOGIES, Topology

_ENVIRONMENT = "HIL_VIRTUAL_FVP"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the model; returns its exit status."""
    # A C program whose reader is gone dies silently.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    program = Path(sys.argv[0]).name
    try:
        return _run(program, list(sys.argv[1:] if argv is None else argv))
    except HilError as error:
        sys.stdout.flush()
        print(f"{program}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInfo: {fvp_output.STOPPED}")
        return 0


def _run(program: str, arguments: list[str]) -> int:
    cli = fvp_args.parser(program)
    options = cli.parse_args(arguments)
    if options.help:
        cli.print_help()
        return 0
    assignments = list(_assignments(options))
    topology = _topology(assignments)
    parameters = _parameters(topology, assignments)
    failure = start_failure(parameters, program)
    if failure:
        return failure
    if options.version:
        print(fvp_output.banner(topology.version) + f"\nInfo: {fvp_output.STOPPED}")
        return 0
    if options.list_params or options.list_instances:
        _print_lists(options, topology, parameters)
        return 0
    return _simulate(options, topology, parameters)


def _assignments(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """All settings, weakest first: environment, config files, command line."""
    for word in os.environ.get(_ENVIRONMENT, "").split():
        yield split_assignment(f"virtual.{word}")
    for name in options.config_file:
        yield from config_file(Path(name))
    for text in options.parameter:
        yield split_assignment(text)


def _topology(assignments: list[tuple[str, str]]) -> Topology:
    name = dict(assignments).get("virtual.topology", "rdv3cfg2")
    if name not in TOPOLOGIES:
        raise UsageError(f"virtual.topology: '{name}', expected one of {', '.join(TOPOLOGIES)}")
    return TOPOLOGIES[name]


def _parameters(topology: Topology, assignments: list[tuple[str, str]]) -> ParameterSet:
    parameters = declare(topology)
    for name, value in assignments:
        if name.removeprefix(f"{topology.top}.") == "virtual.unknown_parameter":
            parameters.set(name, value)
    lenient = parameters.text("virtual.unknown_parameter") == "warn"
    for name, value in assignments:
        if lenient and name not in parameters:
            print(f"Warning: {topology.top}: parameter '{name}' not found, ignored", flush=True)
        else:
            parameters.set(name, value)
    return parameters


def _print_lists(options: argparse.Namespace, topology: Topology, parameters: ParameterSet) -> None:
    lines: list[str] = []
    if options.list_params:
        lines += parameters.rows()
    if options.list_instances:
        lines += ["# Instances:", *topology.instances()]
    text = "\n".join(lines) + "\n"
    if options.output:
        Path(options.output).write_text(text)
    else:
        print(text, end="")


def _data(options: argparse.Namespace) -> list[DataSpec]:
    """Check every file that the command line names; returns what is to be loaded as data."""
    data = [fvp_args.data_spec(text) for text in options.data]
    for text in [*options.application, *options.applications]:
        fvp_args.existing(fvp_args.split_instance(text)[1], "application")
    for text in options.plugin:
        name = fvp_args.split_instance(text)[1]
        folders = [Path(), *map(Path, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))]
        if not any((folder / name).is_file() for folder in folders):
            raise UsageError(f"plug-in '{name}' not found")
    for text in options.start:
        address = fvp_args.split_instance(text)[1]
        try:
            int(address, 0)
        except ValueError:
            raise UsageError(f"malformed start address '{text}'") from None
    return data


def _simulate(options: argparse.Namespace, topology: Topology, parameters: ParameterSet) -> int:
    from hil.virtual import fvp_model
    from hil.virtual.fvp_memory import Memory
    from hil.virtual.fvp_simulation import Simulation

    data = _data(options)
    for chip in topology.chips:
        rom = parameters.text(f"{chip.rse}.rom.raw_image")
        if rom:
            fvp_args.existing(rom, f"{chip.rse}.rom.raw_image:")
    memories = [Memory() for _ in topology.chips]
    flashes = fvp_model.flash_loaders(topology, parameters, memories)
    fvp_model.load_data(data, topology, memories)
    configs = fvp_model.firmware(topology, parameters)
    time.sleep(parameters.real("virtual.slow_start"))
    for name, number in (("sigint", signal.SIGINT), ("sigterm", signal.SIGTERM)):
        if parameters.flag(f"virtual.ignore_{name}"):
            signal.signal(number, signal.SIG_IGN)
    debugged = options.iris_server or options.iris_connect or options.cadi_server
    output = Output(
        topology.top,
        log=Path(options.log) if options.log else None,
        libc_buffering=parameters.flag("virtual.libc_buffering"),
        stall=parameters.flag("virtual.stall"),
    )
    simulation = Simulation(
        output,
        fvp_model.limits(options, parameters),
        time_scale=parameters.real("virtual.time_scale"),
        held=bool(debugged) and not options.run,
        deaf=parameters.flag("virtual.ignore_sigint"),
    )
    model = fvp_model.Model(topology, parameters, output, simulation)
    otps = [fvp_model.otp_of(chip, parameters) for chip in topology.chips]
    chips, terminals, uarts = fvp_model.build(model, configs, memories, otps)
    if not options.quiet:
        fvp_model.report_roms(model)
        for flash in flashes:
            flash.report(output)
    for flash in flashes:
        flash.save(output)
    if parameters.text("virtual.start_failure") == "crash":
        output.flush()
        crash()
    iris = debug_server(options, output)
    if parameters.flag("virtual.child"):
        # Outlives a stop, as the xterm of a terminal does.
        deaf = "trap '' INT TERM; sleep 120"
        subprocess.Popen(["/bin/sh", "-c", deaf], stdin=subprocess.DEVNULL)
    closing: list[Closeable] = [*terminals, *uarts, *([iris] if iris else [])]
    try:
        simulation.run(chips, terminals)
    finally:
        for part in closing:
            part.close()
    for flash in flashes:
        flash.save(output)
    if options.stat:
        for line in simulation.statistics():
            output.line(line)
    output.close()
    return 0
