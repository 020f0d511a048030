# SPDX-License-Identifier: Apache-2.0
"""Command line of an FVP: long and short options, combined short flags, positional applications.

As the SystemC export layer of Arm models does, help and lists end with status 0 and every mistake
(unknown option, malformed specifier, missing file) with status 1 before a port opens.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hil.errors import UsageError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parser(program: str) -> argparse.ArgumentParser:
    """Every option of a current model that public scripts use."""
    cli = _Parser(prog=program, add_help=False, allow_abbrev=False)
    add = cli.add_argument
    flag, many = "store_true", "append"
    add("applications", nargs="*", metavar="FILE", help="application to load")
    add("-h", "--help", action=flag, help="print this message and exit")
    add("--version", action=flag, help="print the version and exit")
    add("-l", "--list-params", action=flag, help="print list of parameters and exit")
    add("--list-instances", action=flag, help="print list of instances and exit")
    add("-o", "--output", metavar="FILE", help="redirect parameters and instance lists to FILE")
    add("-C", "--parameter", action=many, default=[], metavar="INST.PARAM=VALUE",
        help="set parameter")  # fmt: skip
    add("-f", "--config-file", action=many, default=[], metavar="FILE",
        help="load parameters from configuration FILE")  # fmt: skip
    add("-d", "--data", action=many, default=[], metavar="[INST=]FILE@[MEMSPACE:]ADDRESS",
        help="raw data to load")  # fmt: skip
    add("-a", "--application", action=many, default=[], metavar="[INST=]FILE",
        help="application to load")  # fmt: skip
    add("--start", action=many, default=[], metavar="[INST=]ADDRESS", help="initial PC")
    add("-q", "--quiet", action=flag, help="suppress informational messages")
    add("--log", metavar="FILE", help="log to FILE")
    add("--stat", action=flag, help="print run statistics on exit")
    add("-T", "--timelimit", type=float, metavar="SECONDS", help="wall clock time to run")
    add("--simlimit", type=float, metavar="SECONDS", help="simulated time to run")
    add("--cpulimit", type=float, metavar="SECONDS", help="host CPU time to run")
    add("--cyclelimit", type=int, metavar="CYCLES", help="cycles to run")
    add("-Q", "--quantum", type=int, default=10000, metavar="TICKS", help="ticks per quantum")
    add("-M", "--min-sync-latency", type=int, metavar="TICKS", help="minimum sync latency")
    add("-I", "--iris-server", action=flag, help="start Iris server; holds until a client runs")
    add("-R", "--run", action=flag, help="run at once although a debug server was started")
    add("--iris-port", type=int, default=7100, metavar="PORT", help="first port to try")
    add("-A", "--iris-allow-remote", action=flag, help="accepted; binds to this host all the same")
    add("-p", "--print-port-number", action=flag, help="print the port of the Iris server")
    add("--iris-connect", metavar="SPEC", help="connection of the Iris server")
    add("-S", "--cadi-server", action=flag, help="start CADI server; holds until a client runs")
    add("--plugin", action=many, default=[], metavar="[NAME=]FILE", help="plug-in to load")
    add("-D", "--allow-debug-plugin", action=flag, help="allow a plug-in that debugs")
    add("-P", "--prefix", action=flag, help="prefix semihosting output with the instance name")
    add("-V", metavar="PATH", dest="vsi_path", help="path of VSI scripts")
    return cli


@dataclass(frozen=True)
class DataSpec:
    """One `--data [INST=]FILE@[MEMSPACE:]ADDRESS`."""

    instance: str | None
    path: Path
    address: int


_INSTANCE = re.compile(r"[A-Za-z_][\w.*?\[\]-]*")


def split_instance(text: str) -> tuple[str | None, str]:
    """Split `[INST=]REST`."""
    instance, equals, rest = text.partition("=")
    if equals and _INSTANCE.fullmatch(instance):
        return instance, rest
    return None, text


def data_spec(text: str) -> DataSpec:
    """Parse a `--data` specifier; raises UsageError for a malformed one or a missing file."""
    instance, rest = split_instance(text)
    name, at, place = rest.rpartition("@")
    address = place.rpartition(":")[2]
    try:
        number = int(address, 0)
    except ValueError:
        number = -1
    if not at or not name or number < 0:
        raise UsageError(
            f"malformed data specifier '{text}', expected [INST=]FILE@[MEMSPACE:]ADDRESS"
        )
    return DataSpec(instance, existing(name, "data file"), number)


def existing(name: str, what: str) -> Path:
    """Path of a file that must exist."""
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"{what} '{name}' not found")
    return path
