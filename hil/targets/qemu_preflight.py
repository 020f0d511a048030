# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of starting QEMU, found without starting a machine; for `hil doctor`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hil.errors import DeviceError, HilError
from hil.targets.fvp_preflight import Finding
from hil.targets.qemu_command import filled, find_binary
from hil.targets.qemu_errors import check_version, dotted, version_of
from hil.targets.qemu_settings import QemuSettings

_SECONDS = 20


def preflight(settings: QemuSettings, *, base: Path) -> list[Finding]:
    """Look at program, version, machine and arguments; ends where nothing more can be seen.

    Args:
        settings: `launcher` of the board file.
        base: Folder of the board file.
    """
    findings: list[Finding] = []
    what = "QEMU"
    try:
        binary = find_binary(settings, base)
        findings.append(Finding(True, what, str(binary)))
        what = "version"
        version = version_of(binary)
        check_version(version, binary)
        findings.append(Finding(True, what, f"QEMU {dotted(version)}"))
        what = "machine"
        _check_machine(binary, settings.machine)
        findings.append(Finding(True, what, settings.machine))
        what = "arguments"
        told = [filled(a, base, f"launcher.args[{n}]") for n, a in enumerate(settings.args)]
        if told:
            findings.append(Finding(True, what, " ".join(told)))
    except HilError as error:
        hint = error.hint if isinstance(error, DeviceError) else None
        findings.append(Finding(False, what, str(error), hint or "see the message"))
    return findings


def _check_machine(binary: Path, machine: str) -> None:
    command = [str(binary), "-machine", "help"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{binary} -machine help: {error}", operation="find QEMU") from error
    if machine not in {line.partition(" ")[0] for line in done.stdout.splitlines()}:
        raise DeviceError(
            f"{binary} does not have the machine {machine}",
            operation="find QEMU",
            hint="install a QEMU with all Arm machines (Debian: qemu-system-arm)",
        )
