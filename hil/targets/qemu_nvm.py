# SPDX-License-Identifier: Apache-2.0
"""Non-volatile memory of one RSE: regions of QEMU's memory that outlive its process.

They are written to memory once, before the core runs, and never by a loader device: that would put
the old bytes back at each reset of the machine, those that the firmware asks for included.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.qemu_monitor import Memory
from hil.targets.qemu_settings import QemuRegion
from hil.whole_file import whole_file


class Nvm:
    """The regions of one RSE, each with the file that holds its content between two processes.

    Args:
        regions: `launcher.nvm.regions`.
        rse: Id of the RSE.
        folder: Of this run; the files may hold keys.
    """

    def __init__(self, regions: Mapping[str, QemuRegion], rse: int, folder: Path) -> None:
        self._regions = dict(regions)
        #: File of each region, by a name that no other RSE's has.
        self.files = {f"rse{rse}-{name}": folder / f"nvm-{name}.img" for name in regions}

    def restore(self, memory: Memory) -> None:
        """Put the saved content into memory; what was never saved stays as it is after power on.

        Raises:
            DeviceError: QEMU does not answer.
        """
        for region, path in self._pairs():
            if path.is_file():
                memory.write(region.address, path.read_bytes()[: region.size])

    def save(self, memory: Memory) -> None:
        """Keep what is in memory; the machine is stopped.

        Raises:
            DeviceError: QEMU does not answer; what was saved before stays.
        """
        contents = [memory.read(region.address, region.size) for region, _ in self._pairs()]
        for (_, path), content in zip(self._pairs(), contents, strict=True):
            _write(path, content)

    def _pairs(self) -> list[tuple[QemuRegion, Path]]:
        return list(zip(self._regions.values(), self.files.values(), strict=True))


def _write(path: Path, content: bytes) -> None:
    try:
        with whole_file(path, 0o600) as stream:
            stream.write(content)
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}", operation="save memory") from error
