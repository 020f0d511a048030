# SPDX-License-Identifier: Apache-2.0
"""Launcher of QEMU: one process for each RSE, an unmodified machine with TF-M's own images.

QEMU takes images only when it starts, so a load ends the one that runs and starts one that is held
at its reset vector; there the images are read back. Consoles are open before the core is let go. A
reset is one of the machine: the process goes on, the consoles stay, memory keeps its content but
for the images, which QEMU puts back. `launcher.nvm` says what outlives the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hil.errors import DeviceError, UsageError
from hil.targets.fvp_nvm import KeptState
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import BoardLoad, LoadPlan, LoadReport
from hil.targets.qemu_command import filled, find_binary, misfits
from hil.targets.qemu_device import QemuDevice
from hil.targets.qemu_errors import check_version, dotted, version_of
from hil.targets.qemu_settings import QemuSettings

#: What a stopped core said before is in the transcript by then.
_DRAIN_SECONDS = 0.05

#: Takes an event and its values, as the run record's `event` does.
Tell = Callable[..., None]


class QemuLauncher:
    """Starts, watches and ends one QEMU for each RSE.

    Args:
        settings: `launcher` of the board file.
        rse_ids: Ids of the board's RSEs.
        state: Folder of this run; receives logs, sockets and the memory that is kept.
        base: Folder of the board file, for relative paths.
        tell: Takes events for the record: `qemu` with each start.
    """

    capabilities: frozenset[str] = frozenset({"load", "reset", "reset-one", "hold", "read-back"})

    def __init__(
        self,
        settings: QemuSettings,
        rse_ids: Sequence[int],
        *,
        state: Path,
        base: Path,
        tell: Tell | None = None,
    ) -> None:
        self._settings = settings
        self._state = state.absolute()
        self._base = base.absolute()
        self._binary: Path | None = None
        self._open_console: OpenConsole | None = None
        self._kept: KeptState | None = None
        self._devices = {
            rse: QemuDevice(
                settings,
                rse,
                folder=self._state / f"qemu-rse{rse}",
                base=self._base,
                tell=tell or _nothing,
            )
            for rse in rse_ids
        }

    def __enter__(self) -> QemuLauncher:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def load(self, plan: LoadPlan) -> LoadReport:
        """Start every RSE that gets an image anew, held, with what it has; read the images back.

        Raises:
            UsageError: an image has no place on the machine.
            DeviceError: QEMU does not start, or memory does not hold the images then.
        """
        begin = time.monotonic()
        if wrong := list(misfits(self._settings, plan.images)):
            raise UsageError("\n".join(wrong))
        binary = self._find()
        self._take_kept()
        loaded, boards = [], []
        for rse, device in self._devices.items():
            images = plan.for_rse(rse)
            if not images and plan.images:
                continue  # an empty plan starts every machine, with what it has
            began = time.monotonic()
            loaded += device.load(images, binary)
            size = sum(image.size for image in images)
            seconds = time.monotonic() - began
            boards.append(BoardLoad(rse, size, size, 0, 0, size, seconds))
        versions = {device.version for device in self._devices.values()} - {None}
        tools = {
            "qemu": ", ".join(dotted(version) for version in versions if version is not None),
            "qemu binary": str(binary),
        }
        return LoadReport(tuple(loaded), time.monotonic() - begin, tools, tuple(boards))

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        """Open every console, then let all cores go; does nothing where they run already.

        Raises:
            DeviceError: nothing was loaded, a console cannot be opened, QEMU has ended.
        """
        self._open_console = open_console
        if all(device.running for device in self._devices.values()):
            return
        self._go([d for d in self._devices.values() if not d.running], armed, drain=False)

    def reset(
        self,
        rse: int | None = None,
        kind: ResetKind = "system",  # noqa: ARG002 - a machine of QEMU knows one reset
        *,
        armed: Armed | None = None,
    ) -> None:
        """Reset one machine, or hold all and release all; one that has ended is started again.

        Raises:
            DeviceError: QEMU does not answer or does not start, or was never started.
        """
        devices = [self._device(rse)] if rse is not None else list(self._devices.values())
        drain = False
        for device in devices:
            if device.running:
                device.hold()
                drain = True
            elif device.dead() is not None:
                device.revive(self._find())
        self._go(devices, armed, drain=drain)

    def hold(self, rse: int) -> None:
        """Stop one core at its reset vector."""
        self._device(rse).hold()

    def release(self, rse: int) -> None:
        """Let a held core run; its console is opened before, if it is not open."""
        self._go([self._device(rse)], None, drain=False)

    def stop(self) -> None:
        """Save the memory that is kept and end every QEMU; may be called twice."""
        saved, failure = [], None
        for device in self._devices.values():
            try:
                saved.append(device.stop(needed=self._kept is not None))
            except DeviceError as error:
                failure = failure or error
        kept, self._kept = self._kept, None
        if kept is not None:
            try:
                if failure is None and all(saved):
                    kept.keep(self._files())
            finally:
                kept.release()
        if failure is not None:
            raise failure

    def alive(self, rse: int) -> str | None:
        """Return None while the QEMU of an RSE lives, else why not."""
        return self._device(rse).dead()

    def _go(self, devices: Sequence[QemuDevice], armed: Armed | None, *, drain: bool) -> None:
        if self._open_console is None:
            raise DeviceError("it was never started", operation="release")
        for device in devices:
            device.listen(self._open_console)
        if drain:
            time.sleep(_DRAIN_SECONDS)
        if armed is not None:
            armed()
        for device in devices:
            device.release()

    def _device(self, rse: int) -> QemuDevice:
        device = self._devices.get(rse)
        if device is None:
            raise DeviceError("there is no such RSE on this board", rse=rse)
        return device

    def _find(self) -> Path:
        if self._binary is None:
            binary = find_binary(self._settings, self._base)
            check_version(version_of(binary), binary)
            self._binary = binary
        return self._binary

    def _take_kept(self) -> None:
        """Take the memory that earlier runs left, once."""
        keep = self._settings.nvm.keep
        if keep is None or self._kept is not None:
            return
        folder = self._base / filled(keep, self._base, "launcher.nvm.keep")
        kept = KeptState(folder, f"the run {self._state.parent.name}")
        kept.take()
        try:
            for path in self._files().values():
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept.fill(self._files())
        except BaseException:
            kept.release()
            raise
        self._kept = kept

    def _files(self) -> dict[str, Path]:
        return {
            name: path
            for device in self._devices.values()
            for name, path in device.nvm.files.items()
        }


def _nothing(_kind: str, **_values: Any) -> None:
    """Tell nobody."""
