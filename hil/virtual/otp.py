# SPDX-License-Identifier: Apache-2.0
"""The one-time programmable memory of a virtual RSE: 16 KiB in a file, bits only go from 0 to 1.

Every write goes to the file at once, so that the fuses survive resets and kills of the process.
"""

from __future__ import annotations

from pathlib import Path

from hil.errors import UsageError
from hil.virtual.error_codes import LCM_OTP_WRITE_INVALID_WRITE, PlatError

OTP_SIZE = 0x4000


class Otp:
    """The fuses of one die.

    Args:
        path: The image file; missing (or all zeros) means a virgin die. Its folder must exist.

    Raises:
        UsageError: If the file is not an OTP image.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            path.write_bytes(bytes(OTP_SIZE))
        self._image = bytearray(path.read_bytes())
        if len(self._image) != OTP_SIZE:
            raise UsageError(
                f"OTP image {path} has {len(self._image)} bytes, expected {OTP_SIZE}; "
                "delete it for a virgin die"
            )

    @property
    def path(self) -> Path:
        """Where the fuses are kept."""
        return self._path

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` of the OTP window."""
        return bytes(self._image[offset : offset + size])

    def word(self, offset: int) -> int:
        """One little-endian word."""
        return int.from_bytes(self._image[offset : offset + 4], "little")

    def write(self, offset: int, data: bytes) -> None:
        """Blow fuses; what is set already stays set.

        Raises:
            PlatError: If a fuse that is set would have to become 0 (then nothing is written), or
                the range is outside the OTP.
        """
        end = offset + len(data)
        if offset < 0 or end > OTP_SIZE:
            raise PlatError(LCM_OTP_WRITE_INVALID_WRITE, f"write beyond the OTP at {offset:#x}")
        if any(old & ~new for old, new in zip(self._image[offset:end], data, strict=True)):
            raise PlatError(LCM_OTP_WRITE_INVALID_WRITE, f"fuses at {offset:#x} are set already")
        self._image[offset:end] = data
        with self._path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def write_word(self, offset: int, value: int) -> None:
        """Blow the fuses of one little-endian word."""
        self.write(offset, value.to_bytes(4, "little"))
