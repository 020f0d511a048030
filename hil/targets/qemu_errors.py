# SPDX-License-Identifier: Apache-2.0
"""What QEMU says when it cannot start or go on, as a table: what it means and what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from hil.errors import DeviceError

#: The oldest version that the launcher was written for.
OLDEST = (7, 2)

_VERSION = re.compile(r"QEMU emulator version (\d+)\.(\d+)(?:\.(\d+))?")
_VERSION_SECONDS = 20


class Meaning(NamedTuple):
    """A known last word of QEMU."""

    pattern: str
    #: May use the groups of the pattern.
    message: str
    hint: str
    #: Whether the firmware did it, and not the lab.
    firmware: bool = False


# fmt: off
TABLE: tuple[Meaning, ...] = (
    Meaning(r"Lockup: can't escalate", "the firmware locked up: it faulted where no fault can be "
            "handled, in its fault handler or without a valid image at the reset vector",
            "look at its last lines, and at the address of the first image", firmware=True),
    Meaning(r"unsupported machine type", "this QEMU does not have the machine",
            "install QEMU 7.2 or later; `qemu-system-arm -machine help` lists what it has"),
    Meaning(r"regions overlap[^\n]*\n\s*(\S[^\n]*)\n\s*(\S[^\n]*)",
            r"two images lie in one place: \1 and \2",
            "correct the addresses in the board file's images, or look into launcher.args"),
    Meaning(r"ROM regions are overlapping", "two images lie in one place",
            "correct the addresses in the board file's images, or look into launcher.args"),
    Meaning(r"Cannot load specified image ([^\n]*)", r"cannot load \1",
            "build it, or correct its path and address in the board file"),
    Meaning(r"(-\S+): invalid option", r"this QEMU has no option \1", "correct launcher.args"),
    Meaning(r"(-\S+): requires an argument", r"\1 needs a value", "correct launcher.args"),
    Meaning(r"'(\S+)' is not a valid device model name", r"this QEMU has no device \1",
            "correct launcher.args"),
    Meaning(r"(?:Failed to bind socket|Failed to find an available port)[^\n]*", r"\g<0>",
            "another program has this port; choose another one in launcher.args"),
    Meaning(r"Address already in use", "a port is in use", "choose another one in launcher.args"),
    Meaning(r"error while loading shared libraries: (\S+):", r"this host lacks the library \1",
            "install QEMU by the host's own package manager"),
    Meaning(r"[Cc]annot allocate memory|cannot set up guest memory",
            "this host has not enough memory for it",
            "make room, or run fewer boards at a time"),
    Meaning(r"cannot execute ([^\n]*)", r"cannot execute \1", "correct launcher.binary"),
)
# fmt: on


def meaning_of(said: str) -> Meaning | None:
    """Return what QEMU's last lines mean and what to do, None if they are not known."""
    for row in TABLE:
        if match := re.search(row.pattern, said):
            return row._replace(message=match.expand(row.message))
    return None


def version_of(binary: Path) -> tuple[int, int, int]:
    """Return the version that a program says it has.

    Raises:
        DeviceError: it cannot be run, or is no QEMU.
    """
    try:
        done = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{binary} --version: {error}", operation="find QEMU") from error
    match = _VERSION.search(done.stdout)
    if match is None:
        said = (done.stdout + done.stderr).strip().splitlines()[:3]
        told = meaning_of(done.stderr)
        raise DeviceError(
            f"{binary} --version does not say `QEMU emulator version`: {' | '.join(said) or 'nothing'}",
            operation="find QEMU",
            hint=told.hint if told else "set launcher.binary to qemu-system-arm",
        )
    return int(match[1]), int(match[2]), int(match[3] or 0)


def check_version(version: tuple[int, int, int], binary: Path) -> None:
    """Refuse a QEMU that is too old.

    Raises:
        DeviceError: it is.
    """
    if version[:2] < OLDEST:
        raise DeviceError(
            f"{binary} is QEMU {dotted(version)}, too old; needed is {dotted(OLDEST)} or later",
            operation="find QEMU",
            hint="install a newer one, or set launcher.binary to its path",
        )


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as text."""
    return ".".join(map(str, version))
