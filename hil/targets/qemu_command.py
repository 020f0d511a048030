# SPDX-License-Identifier: Apache-2.0
"""The command line of QEMU, and which images are on it.

All sockets and logs have names relative to QEMU's working directory, so that neither their length
nor a comma in the run's folder matters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hil.errors import DeviceError, UnsetVariableError
from hil.images.delivery import loader_device, loader_value, written_once
from hil.images.placement import PlacedImage
from hil.targets.process import find_program
from hil.targets.qemu_machines import MACHINES, misplaced
from hil.targets.qemu_settings import QemuSettings

MONITOR = "monitor.sock"
MEMORY = "memory.sock"
CONSOLE = "console.sock"

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


def region_of(settings: QemuSettings, image: PlacedImage) -> str | None:
    """Return the kept region that an image lies in, None for one that QEMU loads itself."""
    return next(
        (
            name
            for name, region in settings.nvm.regions.items()
            if region.address <= image.address and image.end <= region.end
        ),
        None,
    )


def misfits(settings: QemuSettings, images: Sequence[PlacedImage]) -> Iterator[str]:
    """Yield what is wrong with the places of images: no memory there, or half in a kept region."""
    yield from misplaced(images, settings.machine)
    for image in images:
        if region_of(settings, image) is not None:
            continue
        for name, region in settings.nvm.regions.items():
            if region.address < image.end and image.address < region.end:
                yield (
                    f"RSE {image.rse}: {image.name} ({image.path}) at {image.address:#x} to "
                    f"{image.end - 1:#x} lies across the border of launcher.nvm.regions.{name}, "
                    f"{region.address:#x} to {region.end - 1:#x}; expected inside it or outside"
                )


def how(settings: QemuSettings, image: PlacedImage) -> str:
    """Return what QEMU is given to put an image in its place."""
    region = region_of(settings, image)
    return loader_device(image) if region is None else written_once(image, region)


def command_line(
    binary: Path, settings: QemuSettings, images: Iterable[PlacedImage], base: Path
) -> list[str]:
    """Return program and arguments.

    Args:
        binary: The program.
        settings: `launcher` of the board file.
        images: Everything on the device.
        base: Folder of the board file.

    Raises:
        UsageError: a variable is not set.
    """
    command = [str(binary), "-machine", settings.machine, "-accel", "tcg", "-S"]
    command += ["-nodefaults", "-display", "none"]
    command += ["-chardev", f"socket,id=monitor,path={MONITOR},server=on,wait=off"]
    command += ["-mon", "chardev=monitor,mode=control"]
    command += ["-qtest", f"unix:{MEMORY},server=on,wait=off", "-qtest-log", "none"]
    for number in range(MACHINES[settings.machine].uarts):
        # An UART that nobody reads would hold the firmware up: the others write files.
        end = (
            f"socket,id=uart{number},path={CONSOLE},server=on,wait=off"
            if number == settings.uart
            else f"file,id=uart{number},path={uart_log(number)},append=on"
        )
        command += ["-chardev", end, "-serial", f"chardev:uart{number}"]
    for image in images:
        if region_of(settings, image) is None:
            command += ["-device", loader_value(image)]
    return command + [
        filled(text, base, f"launcher.args[{n}]") for n, text in enumerate(settings.args)
    ]


def uart_log(number: int) -> str:
    """Return the name of the file of a UART that is nobody's console."""
    return f"uart{number}.log"


def filled(text: str, base: Path, where: str) -> str:
    """Return a text of the board file with `{board}` and `${VAR}` replaced.

    Raises:
        UsageError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if (found := os.environ.get(match[1])) is None:
            raise UnsetVariableError(match[1], what=where)
        return found

    return _VARIABLE.sub(value, text).replace("{board}", str(base))


def find_binary(settings: QemuSettings, base: Path) -> Path:
    """Return QEMU's program.

    Raises:
        DeviceError: there is none.
        UsageError: a variable is not set.
    """
    name = filled(settings.binary, base, "launcher.binary")
    found = find_program(str(base / name) if "/" in name else name)
    if found is None:
        raise DeviceError(
            f"no program {name!r}",
            operation="find QEMU",
            hint="install it (Debian: apt-get install qemu-system-arm), or set launcher.binary",
        )
    return found
