# SPDX-License-Identifier: Apache-2.0
"""Drives MPS2 and MPS3 boards by their USB drive: no debug probe is needed.

The controller of such a board holds nothing: whatever it has loaded runs. So `load` only copies files,
and the board starts with them when `start` has opened the consoles and makes it reboot.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hil.errors import DeviceError
from hil.images.files import read_bounded
from hil.targets.endpoint import Endpoint
from hil.targets.fvp_preflight import Finding
from hil.targets.lab_command import run_command
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import (
    BoardLoad,
    FlashPolicy,
    LoadedImage,
    LoadPlan,
    LoadProgress,
    LoadReport,
)
from hil.targets.mps_drive import Drive, Entry, entries_of
from hil.targets.mps_settings import MpsSettings
from hil.targets.recovery import Lab, RefusedError

#: Seconds in which a USB adapter hands over old bytes of its FIFO: its latency timer and more.
_DRAIN_SECONDS = 0.025


class MpsLauncher:
    """A `Launcher`; see there for the contract.

    Args:
        settings: The launcher's part of the board file.
        drive: Folder where the drive is mounted.
        consoles: The console of each RSE.
        lab: What there is around the board.
    """

    capabilities: frozenset[str] = frozenset({"load", "read-back", "reset"})

    def __init__(
        self,
        settings: MpsSettings,
        drive: Path,
        consoles: Mapping[int, Endpoint],
        lab: Lab | None = None,
    ) -> None:
        self._settings = settings
        self._drive = Drive(drive, settings.application)
        self._consoles = dict(consoles)
        self._lab = lab or Lab()

    def load(self, plan: LoadPlan) -> LoadReport:
        """Copy all images and `images.txt`, and read them back; nothing is started."""
        started = time.monotonic()
        policy = plan.flash or self._lab.flash or self._settings.flash
        entries = entries_of(plan.images, self._settings.images)
        self._mount()
        images_txt = self._drive.await_there(self._settings.timeouts.drive)
        written = {entry.image.name: self._bring(entry, policy, entries) for entry in entries}
        if policy is not FlashPolicy.NEVER:
            self._drive.write_list(images_txt, entries)
        self._check_list(images_txt, entries)
        digests = {entry.image.name: self._drive.digest(entry) for entry in entries}
        images = tuple(
            LoadedImage(
                image,
                digests[image.name],
                digests[image.name] == image.sha256,
                "read-back",
                written[image.name],
                image.size - written[image.name],
            )
            for image in plan.images
        )
        wrong = next((loaded.image for loaded in images if not loaded.verified), None)
        if wrong is not None:
            raise DeviceError(
                f"image {wrong.name}: the drive gives back other bytes than were copied",
                rse=wrong.rse,
                operation="load",
                hint="the card of the board may be worn or its file system damaged",
            )
        seconds = time.monotonic() - started
        return LoadReport(images, seconds, {}, (self._told(entries, written, seconds),))

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        """Open every console, then make the board load its images and start."""
        for rse, endpoint in self._consoles.items():
            open_console(rse, endpoint)
        self._reboot(armed)

    def reset(
        self, rse: int | None = None, kind: ResetKind = "system", *, armed: Armed | None = None
    ) -> None:
        """Make the whole board load its images and start anew."""
        del kind  # there is one way
        if rse is not None and len(self._consoles) > 1:
            raise DeviceError(
                "the board's controller resets all RSEs together", rse=rse, operation="reset"
            )
        self._reboot(armed)

    def hold(self, rse: int) -> None:
        """Refuse: nothing holds a core of these boards but a debug probe."""
        raise RefusedError("needs a debug probe", rse=rse, operation="hold")

    def release(self, rse: int) -> None:
        """Do nothing: no RSE is held."""

    def stop(self) -> None:
        """Do nothing: nothing was started that runs on the host."""

    def alive(self, rse: int) -> str | None:
        """Return None while the board's console is there, else one sentence why not."""
        console = self._consoles[rse]
        if console.gone:
            return f"the serial device {console.address} of RSE {rse} is gone"
        return None

    def _bring(self, entry: Entry, policy: FlashPolicy, entries: Sequence[Entry]) -> int:
        """Have an image on the drive; return the bytes copied."""
        image = entry.image
        if self._lab.progress is not None:
            total = sum(other.image.size for other in entries)
            done = sum(other.image.size for other in entries[: entries.index(entry) + 1])
            self._lab.progress(LoadProgress(image.rse, "copy", done, total))
        if policy is not FlashPolicy.ALWAYS and self._drive.has(entry):
            return 0
        if policy is FlashPolicy.NEVER:
            raise RefusedError(
                f"image {image.name}: SOFTWARE/{entry.file} is not there or has another content",
                rse=image.rse,
                operation="load",
                hint="flash=never only looks; load it with --flash=changed",
            )
        self._drive.copy(entry, read_bounded(image.path, what=f"image {image.name}"))
        return image.size

    def _check_list(self, images_txt: Path, entries: Sequence[Entry]) -> None:
        if self._drive.lists(images_txt, entries):
            return
        raise RefusedError(
            f"{images_txt.name} on the drive names other images than the board file",
            operation="load",
            hint="flash=never only looks; load it with --flash=changed",
        )

    def _reboot(self, armed: Armed | None) -> None:
        self._mount()
        self._drive.await_there(self._settings.timeouts.drive)
        if armed is not None:
            time.sleep(_DRAIN_SECONDS)
            armed()
        self._drive.reboot(self._settings.reboot_text)
        if self._settings.unmount is not None:
            self._command("unmount", self._settings.unmount)

    def _mount(self) -> None:
        if self._settings.mount is not None and not self._drive.software.is_dir():
            self._command("mount", self._settings.mount)

    def _command(self, what: str, command: Sequence[str]) -> None:
        run_command(f"{what} the drive", command, limit=self._settings.timeouts.command)

    def _told(
        self, entries: Sequence[Entry], written: Mapping[str, int], seconds: float
    ) -> BoardLoad:
        size, copied = sum(entry.image.size for entry in entries), sum(written.values())
        rse = min(self._consoles)
        return BoardLoad(rse, size, copied, 0, size - copied, size, seconds)


def preflight(
    settings: MpsSettings, drive: Path, consoles: Mapping[int, Endpoint]
) -> list[Finding]:
    """Look at drive and consoles, without changing anything."""
    findings = []
    place = Drive(drive, settings.application)
    try:
        images_txt = place.await_there(0)
        findings.append(Finding(True, "launcher.drive", str(images_txt)))
        if place.autorun() is False:
            fix = "set AUTORUN: TRUE in config.txt of the drive"
            findings.append(Finding(False, "config.txt", "AUTORUN is FALSE: it never boots", fix))
    except DeviceError as error:
        if settings.mount is None:
            findings.append(Finding(False, "launcher.drive", str(error), error.hint))
        else:
            findings.append(
                Finding(True, "launcher.drive", f"to be mounted by {settings.mount[0]}")
            )
    for rse, console in consoles.items():
        if console.gone:
            seen = f"no device {console.address}"
            findings.append(Finding(False, f"console of RSE {rse}", seen, "connect the board"))
    return findings
