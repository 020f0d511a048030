# SPDX-License-Identifier: Apache-2.0
"""Failures to start, and the debug servers, of a virtual FVP."""

from __future__ import annotations

import argparse
import socket
import sys
from typing import Protocol

from hil.errors import UsageError
from hil.virtual.fvp_output import Output
from hil.virtual.fvp_parameters import ParameterSet

_LOADER = "{exe}: error while loading shared libraries: "

#: `virtual.start_failure` -> exit status and what the loader or the model says on stderr.
_START_FAILURES = {
    "execstack": (
        127,
        _LOADER + "libarmctmodel.so: cannot enable executable stack as shared object requires: "
        "Invalid argument",
    ),
    "library": (
        127,
        _LOADER + "libMAXCOREInitSimulationEngine.3.so: cannot open shared object file: "
        "No such file or directory",
    ),
    "glibc": (
        1,
        "{exe}: /lib/libc.so.6: version `GLIBC_2.38' not found (required by {exe})",
    ),
    "display": (1, "xterm: Xt error: Can't open display: \nxterm: DISPLAY is not set"),
    # The real wording is not public.
    "licence": (1, "Error: {exe}: license checkout failed (ARMLMD_LICENSE_FILE is not set)"),
}


class Closeable(Protocol):
    """What is closed at the end of a simulation."""

    def close(self) -> None:
        """Give back sockets and files."""


def start_failure(parameters: ParameterSet, program: str) -> int:
    """Say why the model does not start; returns its exit status, 0 if it does."""
    failure = parameters.text("virtual.start_failure")
    if failure not in _START_FAILURES:
        return 0
    status, message = _START_FAILURES[failure]
    print(message.format(exe=program), file=sys.stderr)
    return status


def debug_server(options: argparse.Namespace, output: Output) -> socket.socket | None:
    """Open the Iris port; nobody answers on it, but a second model must find it taken."""
    if options.cadi_server:
        output.report("Info", "CADI Debug Server started for ARM Models...")
    if not options.iris_server:
        return None
    if options.cyclelimit is not None:
        output.line(
            f"{output.top}: command line option --cyclelimit ignored because --iris-server option "
            "specified"
        )
    for port in range(options.iris_port, 65536):
        server = socket.socket()
        try:
            server.bind(("127.0.0.1", port))
            server.listen(1)
        except OSError:
            server.close()
            continue
        if options.print_port_number:
            output.line(f"Iris server started listening to port {port}")
        return server
    raise UsageError(f"no free port for the Iris server from {options.iris_port} on")
