# SPDX-License-Identifier: Apache-2.0
"""One RSE in a QEMU of its own: started held, filled, let go, reset and ended."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.endpoint import Endpoint
from hil.targets.launcher import OpenConsole
from hil.targets.load import LoadedImage, PlacedImage
from hil.targets.qemu_command import CONSOLE, command_line, region_of
from hil.targets.qemu_monitor import Memory
from hil.targets.qemu_nvm import Nvm
from hil.targets.qemu_running import RunningQemu
from hil.targets.qemu_settings import QemuSettings
from hil.uart.boot_result import FirmwareEnded


class QemuDevice:
    """One RSE.

    Args:
        settings: `launcher` of the board file.
        rse: Id of the RSE.
        folder: Of this RSE in the run; made when it is started.
        base: Folder of the board file.
        tell: Takes events for the record.
    """

    def __init__(
        self,
        settings: QemuSettings,
        rse: int,
        *,
        folder: Path,
        base: Path,
        tell: Callable[..., None],
    ) -> None:
        self.rse = rse
        self._settings = settings
        self._folder = folder
        self._base = base
        self._tell = tell
        self._images: dict[int, PlacedImage] = {}
        self._qemu: RunningQemu | None = None
        self._starts = 0
        #: Of the QEMU that runs: whether its console was opened, and its core let go.
        self._heard = self._released = False
        self.nvm = Nvm(settings.nvm.regions, rse, folder)

    @property
    def version(self) -> tuple[int, int, int] | None:
        """Version of the QEMU that runs, None while none does."""
        return self._qemu.monitor.version if self._qemu else None

    @property
    def running(self) -> bool:
        """Whether the core was let go, and QEMU lives."""
        return self._released and self.dead() is None

    def load(self, images: Sequence[PlacedImage], binary: Path) -> list[LoadedImage]:
        """Start QEMU anew with these images and those of before; the core is held at its reset.

        Args:
            images: One that begins where another one did takes its place.
            binary: QEMU's program.

        Raises:
            DeviceError: QEMU does not start, or the memory does not hold the images then.
        """
        self.stop()
        wanted = self._images | {image.address: image for image in images}
        _refuse_overlaps(wanted.values())
        self._images = wanted
        memory = self._start(binary).memory
        for image in images:
            if region_of(self._settings, image) is not None:
                memory.write(image.address, self._content(image))
        return [self._read_back(memory, image) for image in images]

    def revive(self, binary: Path) -> None:
        """Start a QEMU that has ended again, as it was; the core is held at its reset.

        Raises:
            DeviceError: it does not start, or nothing was ever loaded.
        """
        if not self._images:
            raise DeviceError("nothing was loaded", rse=self.rse, operation="start QEMU")
        self.stop()
        self._start(binary)

    def listen(self, open_console: OpenConsole) -> None:
        """Have the console of this QEMU opened, if that was not done yet.

        Raises:
            DeviceError: QEMU has ended, or the console cannot be opened.
        """
        qemu = self._lives("open console")
        if self._heard:
            return
        try:
            open_console(self.rse, Endpoint("unix", str(self._folder / CONSOLE)))
        except DeviceError as error:
            if (why := qemu.last_words()) is None:
                raise
            raise DeviceError(why, rse=self.rse, operation="open console") from error
        self._heard = True

    def hold(self) -> None:
        """Stop the core and put it to its reset vector.

        Raises:
            DeviceError: QEMU has ended or does not answer.
        """
        qemu = self._lives("hold")
        with self._named("hold"):
            qemu.monitor.command("stop")
            qemu.monitor.reset()

    def release(self) -> None:
        """Let the core run; without an image it stays held, for it would lock up.

        Raises:
            DeviceError: QEMU has ended or does not answer.
        """
        qemu = self._lives("release")
        if not self._images:
            return
        self._released = True
        try:
            with self._named("release"):
                qemu.monitor.command("cont")
        except DeviceError:
            # A firmware may lock up before the answer came; that is for whoever watches it.
            if not isinstance(self.dead(), FirmwareEnded):
                raise

    def dead(self) -> str | None:
        """Return None while QEMU lives, else one sentence that says why not."""
        return self._qemu.dead() if self._qemu else "QEMU was not started"

    def stop(self, *, needed: bool = True) -> bool:
        """Save the regions that are kept and end QEMU; may be called twice.

        Args:
            needed: Somebody is going to read the regions.

        Returns:
            Whether the regions were saved.

        Raises:
            DeviceError: regions that are needed could not be saved, or QEMU survived even SIGKILL.
        """
        qemu, self._qemu = self._qemu, None
        if qemu is None:
            return False
        saved, failure = False, None
        try:
            if qemu.dead() is None:
                try:
                    qemu.monitor.command("stop")
                    self.nvm.save(qemu.memory)
                    saved = True
                except DeviceError as error:
                    failure = error if qemu.dead() is None else None
                qemu.quit()
        finally:
            qemu.end()
        if failure is not None and needed and self.nvm.files:
            raise DeviceError(
                f"{failure}; the device's memory is as it was saved before, or blank",
                rse=self.rse,
                operation="keep memory",
                hint="make room on the disk of the run's folder, or see why QEMU does not answer",
            ) from failure
        return saved

    def _start(self, binary: Path) -> RunningQemu:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = command_line(binary, self._settings, self._images.values(), self._base)
        self._starts += 1
        self._tell("qemu", rse=self.rse, start=self._starts, command=shlex.join(command))
        self._heard = self._released = False
        qemu = RunningQemu(
            command, folder=self._folder, rse=self.rse, timeouts=self._settings.timeouts
        )
        self._qemu = qemu
        with self._named("restore memory"):
            self.nvm.restore(qemu.memory)
        return qemu

    def _content(self, image: PlacedImage) -> bytes:
        try:
            return image.path.read_bytes()
        except OSError as error:
            raise DeviceError(
                f"image {image.name}: {image.path}: {error.strerror}",
                rse=self.rse,
                operation="load",
            ) from error

    def _read_back(self, memory: Memory, image: PlacedImage) -> LoadedImage:
        digest = hashlib.sha256(memory.read(image.address, image.size)).hexdigest()
        if digest != image.sha256:
            raise DeviceError(
                f"image {image.name}: memory at {image.address:#x} has SHA-256 {digest[:16]}..., "
                f"planned was {image.sha256[:16]}...",
                rse=self.rse,
                operation="load",
                hint="the file changed after it was planned, or launcher.args put something there",
            )
        return LoadedImage(image, digest, verified=True, how="read-back", written=image.size)

    def _lives(self, operation: str) -> RunningQemu:
        why = self.dead()
        if self._qemu is None or why is not None:
            raise DeviceError(why or "QEMU was not started", rse=self.rse, operation=operation)
        return self._qemu

    @contextlib.contextmanager
    def _named(self, operation: str) -> Iterator[None]:
        """Give a failure the names of the RSE and of what was done, and its reason."""
        try:
            yield
        except DeviceError as error:
            told = self._qemu.last_words() if self._qemu else None
            raise DeviceError(told or str(error), rse=self.rse, operation=operation) from error


def _refuse_overlaps(images: Iterable[PlacedImage]) -> None:
    ordered = sorted(images, key=lambda image: image.address)
    for first, second in pairwise(ordered):
        if second.address < first.end:
            raise DeviceError(
                f"image {second.name} at {second.address:#x} overlaps {first.name}, loaded to "
                f"{first.address:#x} to {first.end - 1:#x}",
                rse=second.rse,
                operation="load",
                hint="an image replaces another one only if both begin at the same address",
            )
