# SPDX-License-Identifier: Apache-2.0
"""Provisioning state (OTP) that is kept from run to run, in a folder that the board file names.

    FOLDER/
        lock            held while a run uses it
        current         name of the state that counts
        state-N/        the images, and state.json with their digests

A model writes copies. After an orderly end they become a new state: written beside the old one,
synced, and only then named in `current`, in one step. So whoever is killed, and whenever, leaves
the state that was there before. The images hold keys: nobody but the owner may read them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.errors import DeviceError, UsageError

_STATE = re.compile(r"state-(\d{1,9})")
_WHERE = "launcher.nvm.keep"


class KeptState:
    """One folder, used by one run at a time.

    Args:
        folder: Made when it is not there.
        holder: Who uses it, for the message to others.
    """

    def __init__(self, folder: Path, holder: str) -> None:
        self.folder = folder
        self._holder = holder
        self._lock = -1

    @property
    def number(self) -> int | None:
        """Number of the state that counts, None while there is none.

        Raises:
            UsageError: `current` names no state.
        """
        try:
            name = (self.folder / "current").read_text(errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{_WHERE}: {self.folder}: {error.strerror}") from None
        match = _STATE.fullmatch(name)
        if match is None:
            raise self._damaged(f"`current` says {name[:40]!r}")
        return int(match[1])

    def take(self) -> None:
        """Lock the folder, until `release` or the end of this process.

        Raises:
            DeviceError: Another run uses it; says which.
            UsageError: It cannot be made or written.
        """
        if self._lock >= 0:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"{_WHERE}: {self.folder}: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 500).decode(errors="replace").strip() or "another run"
            os.close(fd)
            raise DeviceError(
                f"{self.folder} is in use by {holder}",
                operation="take the kept OTP",
                hint="wait for that run or end it; boards that run at the same time need folders of "
                f"their own ({_WHERE})",
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{self._holder} (pid {os.getpid()})\n".encode(), 0)
        self._lock = fd

    def fill(self, copies: Mapping[str, Path]) -> int | None:
        """Copy the kept images to where a model will write them.

        Args:
            copies: File of each image, by the parameter that names it.

        Returns:
            Number of the state; None if there is none yet, then nothing is copied.

        Raises:
            UsageError: The state is damaged, or it is of other images.
        """
        number = self.number
        if number is None:
            return None
        digests = self._digests(number)
        if digests.keys() != copies.keys():
            raise UsageError(
                f"{_WHERE}: {self.folder} keeps {', '.join(sorted(digests)) or 'nothing'}, but the "
                f"board has {', '.join(sorted(copies))}; name another folder, or delete this one for "
                "fresh devices"
            )
        for name, copy in copies.items():
            kept = self.folder / f"state-{number}" / f"{name}.img"
            try:
                shutil.copyfile(kept, copy)
            except OSError as error:
                raise self._damaged(f"{kept.name}: {error.strerror}") from None
            copy.chmod(0o600)
            if _digest(copy) != digests[name]:
                raise self._damaged(f"{kept.name} is not what was kept")
        return number

    def keep(self, copies: Mapping[str, Path]) -> int:
        """Make the images that a model has written the state that counts; returns its number.

        Raises:
            DeviceError: They cannot be written; the former state counts.
        """
        number = (self.number or 0) + 1
        folder = self.folder / f"state-{number}"
        try:
            shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed here
            folder.mkdir(mode=0o700)
            digests = {}
            for name, copy in copies.items():
                kept = folder / f"{name}.img"
                shutil.copyfile(copy, kept)
                kept.chmod(0o600)
                digests[name] = _digest(kept)
                _sync(kept)
            told = {"images": digests, "kept": _utc_now(), "by": self._holder}
            (folder / "state.json").write_text(json.dumps(told, indent=2) + "\n")
            _sync(folder / "state.json")
            _sync(folder)
            partial = self.folder / "current.new"
            partial.write_text(f"{folder.name}\n")
            _sync(partial)
            partial.replace(self.folder / "current")
            _sync(self.folder)
        except OSError as error:
            raise DeviceError(
                f"{self.folder}: {error.strerror}: the OTP of this run is not kept, the former one is",
                operation="keep the OTP",
                hint="make room, or mend the folder's permissions",
            ) from error
        for old in self.folder.glob("state-*"):
            if (match := _STATE.fullmatch(old.name)) and int(match[1]) < number - 1:
                shutil.rmtree(old, ignore_errors=True)
        return number

    def release(self) -> None:
        """Let others use the folder; may be called twice."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = -1

    def _digests(self, number: int) -> dict[str, str]:
        path = self.folder / f"state-{number}" / "state.json"
        try:
            told: Any = json.loads(path.read_text())
            return {str(name): str(digest) for name, digest in told["images"].items()}
        except OSError as error:
            raise self._damaged(f"{path.name}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._damaged(f"{path.name} cannot be read") from None

    def _damaged(self, how: str) -> UsageError:
        return UsageError(
            f"{_WHERE}: {self.folder} is damaged ({how}); write the name of an older state that is "
            "whole into `current`, or delete the folder for fresh devices"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _utc_now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
