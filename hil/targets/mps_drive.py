# SPDX-License-Identifier: Apache-2.0
"""The USB drive of an MPS2 or MPS3 board: the files of its controller, and what makes it reboot.

`MB/HBI<board>/<application>/images.txt` names the images in SOFTWARE, with 8.3 names; the creation of
`reboot.txt` makes the controller read them and start the FPGA anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hil.errors import DeviceError, UsageError
from hil.targets.load import PlacedImage
from hil.targets.mps_settings import MAX_IMAGES, MpsImage

_POLL = 0.1
_TITLE = "TITLE: Versatile Express Images Configuration File"
#: Bytes of a text file of the controller; more is another file.
_TEXT_LIMIT = 64 << 10


@dataclass(frozen=True)
class Entry:
    """One image as `images.txt` names it."""

    image: PlacedImage
    file: str
    address: str
    port: int | None
    update: str | None


@dataclass(frozen=True)
class Drive:
    """The drive.

    Args:
        root: Folder where it is mounted.
        application: Name of the application note.
    """

    root: Path
    application: str

    @property
    def software(self) -> Path:
        """Folder of the images."""
        return self._named(self.root, "SOFTWARE")

    def await_there(self, limit: float) -> Path:
        """Wait until the drive is mounted; return its `images.txt`.

        Raises:
            DeviceError: it is not there in time, or is the drive of another board.
        """
        deadline = time.monotonic() + limit
        while True:
            found = self._images_txt()
            if len(found) == 1 and self.software.is_dir():
                return found[0]
            if time.monotonic() > deadline:
                raise self._missing(found, limit)
            time.sleep(_POLL)

    def has(self, entry: Entry) -> bool:
        """Whether the drive holds the file of an image already; its content is read."""
        return self.digest(entry) == entry.image.sha256

    def digest(self, entry: Entry) -> str | None:
        """Return the digest of an image's file as the drive gives it back; None if it is not there."""
        path = self._named(self.software, entry.file)
        try:
            with path.open("rb") as stream:
                # Else the host's memory would answer for the drive.
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed("read", path, error) from None

    def copy(self, entry: Entry, data: bytes) -> None:
        """Copy an image to SOFTWARE and wait until it is on the drive."""
        self._write(self._named(self.software, entry.file), data)

    def lists(self, images_txt: Path, entries: Sequence[Entry]) -> bool:
        """Whether `images.txt` names these images, this way, and no other."""
        try:
            return images_txt.read_bytes()[:_TEXT_LIMIT] == images_text(entries).encode("ascii")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failed("read", images_txt, error) from None

    def write_list(self, images_txt: Path, entries: Sequence[Entry]) -> None:
        """Write `images.txt`, unless it says the same already."""
        if not self.lists(images_txt, entries):
            self._write(images_txt, images_text(entries).encode("ascii"))

    def reboot(self, text: str) -> None:
        """Create `reboot.txt`: the controller loads the images and starts anew."""
        path = self.root / "reboot.txt"
        try:
            path.unlink(missing_ok=True)  # it is the creation that counts
        except OSError as error:
            raise _failed("write", path, error) from None
        self._write(path, text.encode("ascii", "replace"))

    def autorun(self) -> bool | None:
        """Return what AUTORUN is in `config.txt`; None where that is not said."""
        path = self._named(self.root, "config.txt")
        try:
            text = path.read_bytes()[:_TEXT_LIMIT].decode("ascii", "replace")
        except OSError:
            return None
        match = re.search(r"^\s*AUTORUN:\s*(TRUE|FALSE)", text, re.MULTILINE | re.IGNORECASE)
        return None if match is None else match[1].upper() == "TRUE"

    def _images_txt(self) -> list[Path]:
        boards = sorted(self._named(self.root, "MB").glob("[Hh][Bb][Ii]*"))
        folders = [self._named(board, self.application) for board in boards]
        return [self._named(f, "images.txt") for f in folders if f.is_dir()]

    def _missing(self, found: Sequence[Path], limit: float) -> DeviceError:
        operation = "look for the drive"
        if len(found) > 1:
            names = ", ".join(str(path.relative_to(self.root)) for path in found)
            return DeviceError(f"{self.root}: more than one {names}", operation=operation)
        there = sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []
        if not there:
            what = f"no drive is mounted on {self.root}"
            hint = (
                "is the board on, its USB cable in, the drive mounted? launcher.mount can do that"
            )
        else:
            what = f"{self.root} has no MB/HBI*/{self.application} and SOFTWARE"
            hint = f"is this the drive of the board? it has {', '.join(there[:8])}"
        return DeviceError(f"{what} (waited {limit:g} s)", operation=operation, hint=hint)

    @staticmethod
    def _named(folder: Path, name: str) -> Path:
        """Return a path by its name as FAT compares it: without case."""
        try:
            same = [path for path in folder.iterdir() if path.name.lower() == name.lower()]
        except OSError:
            same = []
        return same[0] if same else folder / name

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        try:
            with path.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _failed("write", path, error) from None


def entries_of(images: Sequence[PlacedImage], settings: Mapping[str, MpsImage]) -> list[Entry]:
    """Give each image its name on the drive and its lines in `images.txt`.

    Raises:
        UsageError: a name that is too long, two that are the same, two that overlap where the
            controller puts them, too many images.
    """
    unknown = sorted(settings.keys() - {image.name for image in images})
    if unknown:
        raise UsageError(f"launcher.images: there is no image {unknown[0]!r}")
    entries: dict[str, Entry] = {}
    for image in images:
        own = settings.get(image.name, MpsImage())
        entry = Entry(
            image,
            (own.name or _short(image)).upper(),
            own.address or f"0x{image.address:08X}",
            own.port,
            own.update,
        )
        other = entries.setdefault(entry.file, entry)
        same = (other.image.name, other.image.sha256) == (image.name, image.sha256)
        if not same:
            raise UsageError(
                f"images {other.image.name!r} (RSE {other.image.rse}) and {image.name!r} (RSE "
                f"{image.rse}) would both be SOFTWARE/{entry.file}; give launcher.images.NAME.name"
            )
    for one, other in pairwise(sorted(entries.values(), key=_place)):
        port, end = one.port, int(one.address, 0) + one.image.size
        if other.port == port and int(other.address, 0) < end:
            raise UsageError(
                f"images.txt would put {other.image.name!r} at {other.address}, into "
                f"{one.image.name!r} ({one.address} to {end - 1:#x}); give launcher.images.NAME.address"
            )
    if len(entries) > MAX_IMAGES:
        raise UsageError(f"{len(entries)} images; the board's controller loads {MAX_IMAGES}")
    return list(entries.values())


def images_text(entries: Sequence[Entry]) -> str:
    """Return `images.txt` with these images and no other."""
    lines = [_TITLE, "", "[IMAGES]", f"TOTALIMAGES: {len(entries)}"]
    for number, entry in enumerate(entries):
        lines += ["", f"IMAGE{number}ADDRESS: {entry.address}"]
        lines += [f"IMAGE{number}PORT: {entry.port}"] if entry.port is not None else []
        lines += [f"IMAGE{number}UPDATE: {entry.update}"] if entry.update else []
        lines += [f"IMAGE{number}FILE: \\SOFTWARE\\{entry.file}"]
    return "\r\n".join([*lines, ""])


def _place(entry: Entry) -> tuple[int, int]:
    return (-1 if entry.port is None else entry.port, int(entry.address, 0))


def _short(image: PlacedImage) -> str:
    """Make an 8.3 name of an image's name."""
    stem = re.sub(r"[^A-Za-z0-9_]", "", image.name)
    if not 0 < len(stem) <= 8:
        raise UsageError(
            f"image {image.name!r}: the drive takes names of at most 8 letters; give "
            f"launcher.images.{image.name}.name, e.g. {(stem or 'image')[:8]}.bin"
        )
    return f"{stem}.bin"


def _failed(what: str, path: Path, error: OSError) -> DeviceError:
    return DeviceError(
        f"{path}: {error.strerror or error}",
        operation=f"{what} the drive",
        hint="is the drive still there, not full and not mounted read-only?",
    )
