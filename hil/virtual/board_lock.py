# SPDX-License-Identifier: Apache-2.0
"""Keeps two virtual boards from being the same chip."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hil.errors import UsageError


class ChipLock:
    """Holds a lock file, with the number of this process in it, as long as that lives.

    Args:
        folder: The folder that only one board may use as this chip.
        chip: The number of the chip.
        use: What the folder is used for; part of the file's name.

    Raises:
        UsageError: Another board has it.
    """

    def __init__(self, folder: Path, chip: int, use: str) -> None:
        path = folder / f".chip{chip}.{use}.lock"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            message = f"another board is alive as chip {chip} with --{use} {folder}"
            raise UsageError(f"{message}; stop it or take another folder or --chip") from None
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._handle)
