# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of driving boards through pyOCD, found without touching them."""

from __future__ import annotations

import grp
import os
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.fvp_preflight import Finding
from hil.targets.pyocd_crew import Crew
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings

_SUPPORTED = "0.46."
_INSTALL = "pip install 'pyocd>=0.46,<0.47'"
_CONNECT_LIMIT = 2.0


def preflight(settings: PyocdSettings, rses: Sequence[PyocdRse]) -> list[Finding]:
    """Look at files, consoles, pyOCD and every probe; ask each chip for its DPIDR."""
    findings = [*_files(settings), *_identity(settings)]
    findings += [_console(rse) for rse in rses]
    crew = Crew(settings, rses)
    try:
        for rse in rses:
            findings.append(_probe(crew, rse, settings.timeouts.probe))
            if not crew.versions:
                break  # pyOCD itself does not start; every other RSE would say the same
    finally:
        crew.stop(settings.timeouts.probe)
    if (version := crew.versions.get("pyocd")) is not None:
        fits = version.startswith(_SUPPORTED)
        findings.insert(0, Finding(fits, "pyOCD", version, None if fits else _INSTALL))
    return findings


def _files(settings: PyocdSettings) -> Iterator[Finding]:
    named = [("user_script", settings.user_script), *(("pack", pack) for pack in settings.pack)]
    for key, path in named:
        if path is None:
            continue
        if path.is_file():
            yield Finding(True, f"launcher.{key}", str(path))
        else:
            fix = f"correct launcher.{key} in the board file"
            yield Finding(False, f"launcher.{key}", f"no file {path}", fix)


def _identity(settings: PyocdSettings) -> Iterator[Finding]:
    expected = settings.expect_identity
    given = (expected.dpidr, expected.cpuid, expected.targetid)
    if not expected.registers and all(value is None for value in given):
        found = "none: whatever chip answers is erased and loaded; better give its cpuid"
        yield Finding(True, "launcher.expect_identity", found)


def _console(rse: PyocdRse) -> Finding:
    what = f"console of RSE {rse.id}"
    console = rse.console
    if console.device is not None:
        return _serial(what, console.device)
    if console.kind == "file":
        return Finding(True, what, console.address)
    return _port(what, console.address)


def _serial(what: str, device: Path) -> Finding:
    if not device.exists():
        fix = "connect the board; `ls -l /dev/serial/by-id` shows what is there"
        return Finding(False, what, f"no device {device}", fix)
    if not device.is_char_device():
        fix = "name a device itself; `ls -l /dev/serial/by-id` shows what is there"
        return Finding(False, what, f"{device} is no serial device", fix)
    if os.access(device, os.R_OK | os.W_OK):
        return Finding(True, what, str(device))
    group = _group(device)
    fix = f"sudo usermod -a -G {group} $USER, then log in again"
    return Finding(False, what, f"{device} belongs to group {group}, you are not in it", fix)


def _group(device: Path) -> str:
    number = device.stat().st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _port(what: str, address: str) -> Finding:
    # pyserial takes options behind the port: rfc2217://host:port?ign_set_control
    place = re.split(r"[/?#]", address.partition("://")[2] or address)[0]
    host, _, port = place.rpartition(":")
    if not (host and port.isdecimal()):
        told = f"{address}: expected HOST:PORT"
        return Finding(False, what, told, "correct the console's address in the board file")
    try:
        with socket.create_connection((host, int(port)), _CONNECT_LIMIT):
            return Finding(True, what, address)
    except (OSError, ValueError) as error:
        return Finding(False, what, f"{address}: {error}", "start the console server")


def _probe(crew: Crew, rse: PyocdRse, limit: float) -> Finding:
    what = f"probe of RSE {rse.id}"
    try:
        answer = crew.ask("ask the probe", {rse.id: {"command": "ping"}}, limit)[rse.id]
    except DeviceError as error:
        if "No module named 'pyocd'" in str(error):
            return Finding(False, "pyOCD", "not installed in this environment", _INSTALL)
        return Finding(False, what, str(error), error.hint)
    return Finding(True, what, f"{rse.probe}, DPIDR {answer['dpidr']:#010x}")
