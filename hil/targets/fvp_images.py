# SPDX-License-Identifier: Apache-2.0
"""Files of a model: images that must be as planned, and copies that only this run has."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from hil.errors import DeviceError, UsageError
from hil.targets.fvp_command import Names, expand
from hil.targets.fvp_settings import FvpSettings
from hil.targets.load import GivenFile, PlacedImage
from hil.whole_file import whole_file

_GZIP = b"\x1f\x8b"
#: No flash or disk of a model is larger.
_LARGEST = 16 << 30
_CHUNK = 1 << 20
#: Parameters, by the end of their names, that name a file; a model starts without some of them.
_READS = {"fname", "image_path", "raw_image"}
#: What they are set to for no file.
_NO_FILE = {"", "none", "<default>"}

#: What a file is to the kernel: device, inode, size, times of content and of anything.
Stamp = tuple[int, int, int, int, int]


class PlannedImages:
    """The images of a plan; looked at again only where a file has changed since."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Path, str], Stamp] = {}

    def verify(self, images: Iterable[PlacedImage | GivenFile], *, again: bool = False) -> None:
        """Check that every image is the one that was planned.

        Args:
            images: What is to be loaded.
            again: Read every file, whatever was seen before.

        Raises:
            DeviceError: A file is gone or has other content.
        """
        for image in images:
            key = (image.path, image.sha256)
            try:
                with image.path.open("rb") as stream:
                    stamp = _stamp(stream.fileno())
                    if not again and self._seen.get(key) == stamp:
                        continue
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise DeviceError(
                    f"image {image.name}: {image.path}: {error.strerror}",
                    rse=image.rse,
                    operation="load",
                ) from error
            if digest != image.sha256:
                raise DeviceError(
                    f"image {image.name}: {image.path} has SHA-256 {digest[:16]}..., planned was "
                    f"{image.sha256[:16]}...",
                    rse=image.rse,
                    operation="load",
                    hint="the file changed after it was planned; build and load again",
                )
            self._seen[key] = stamp


class Copies:
    """The files that a model writes, each a copy in the folder of the run.

    Attributes:
        files: Original (None for a new file) and copy, by the parameter that names the copy.
        nvm: The same, of those that hold provisioning state.
    """

    def __init__(self, settings: FvpSettings, names: Names) -> None:
        self.files = _files(settings.writable_images, names, "launcher.writable_images")
        self.nvm = _files(settings.nvm.images, names, "launcher.nvm.images")

    @property
    def all(self) -> dict[str, tuple[Path | None, Path]]:
        """Originals and copies of both kinds."""
        return self.files | self.nvm

    @property
    def targets(self) -> dict[str, Path]:
        """Copies of what holds provisioning state."""
        return {name: copy for name, (_, copy) in self.nvm.items()}

    def come_from(self, folder: Path) -> None:
        """Name a folder as the origin of what holds provisioning state."""
        self.nvm = {name: (folder / copy.name, copy) for name, (_, copy) in self.nvm.items()}

    def check(self) -> list[Path]:
        """Originals; raises UsageError if one is not there."""
        found = []
        for kind, files in (("writable_images", self.files), ("nvm.images", self.nvm)):
            for name, (original, _) in files.items():
                if original is None:
                    continue
                if not original.is_file():
                    raise UsageError(f"launcher.{kind}.{name}: no file {original}")
                found.append(original)
        return found

    def make(self) -> None:
        """Give this run its own copies.

        Raises:
            UsageError: An original does not exist, or there is no room for its copy.
        """
        self.check()
        for name, (original, copy) in self.all.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            if original is not None:
                try:
                    shutil.copyfile(original, copy)
                except OSError as error:
                    raise UsageError(f"{name}: {original}: {error.strerror}") from None
                copy.chmod(0o600)

    def settle(self) -> list[str]:
        """After an end: unpack what the model wrote packed; returns the parameters concerned.

        Some models write flash images with gzip, which none reads.
        """
        packed = []
        for name, (original, copy) in self.all.items():
            if _is_packed(copy) and not (original and _is_packed(original)):
                _unpack(copy, name)
                packed.append(name)
        return packed

    def parameters(self, given: Mapping[str, str], *, first: bool) -> dict[str, str]:
        """Parameters that name the copies.

        A loader that writes to one file (`fnameWrite`) and reads another (`fname`) reads its own copy,
        once there is something in it: what a device wrote is there after a reset.

        Args:
            given: What the board file sets.
            first: Whether nothing was started on these copies yet.
        """
        result = {name: str(copy) for name, (_, copy) in self.all.items()}
        for name, (original, copy) in self.all.items():
            reads = name.removesuffix("Write")
            if not name.endswith(".fnameWrite") or reads in result:
                continue
            if (original is not None and reads not in given) or (not first and _size(copy)):
                result[reads] = str(copy)
        return result


def check_read(given: Mapping[str, str], *, cwd: Path, state: Path) -> dict[str, Path]:
    """Return the files that parameters of a board file let a model read, by parameter.

    Args:
        given: The parameters.
        cwd: Where the model runs: relative paths count from there.
        state: Folder of the run; what is named there the model may make itself.

    Raises:
        UsageError: One is not there. Without its ROM, say, a model runs on, and an RSE says nothing.
    """
    found = {}
    for name, value in given.items():
        if name.rpartition(".")[2] not in _READS or value in _NO_FILE:
            continue
        path = cwd / value
        if path.is_file():
            if path.parent != state:
                found[name] = path
        elif path.parent != state:
            raise UsageError(
                f"launcher.parameters.{name}: no file {path}"
                + (
                    ""
                    if Path(value).is_absolute()
                    else "; expected an absolute path, or {board}/..."
                )
            )
    return found


def _files(
    images: Mapping[str, str], names: Names, where: str
) -> dict[str, tuple[Path | None, Path]]:
    return {
        name: (names.board / source if source else None, names.state / f"{name}.img")
        for name, source in expand(images, names, where=where).items()
    }


def _stamp(fd: int) -> Stamp:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_packed(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


def _unpack(path: Path, name: str) -> None:
    size = 0
    try:
        with gzip.open(path) as packed, whole_file(path) as plain:
            while size < _LARGEST and (chunk := packed.read(_CHUNK)):
                size += plain.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise DeviceError(
            f"{name}: the model left a damaged gzip file: {error}", operation="stop the model"
        ) from error
