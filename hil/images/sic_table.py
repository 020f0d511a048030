# SPDX-License-Identifier: Apache-2.0
"""Tables of the secure I-cache: hashes of the pages of an image that stays encrypted in flash.

Firmware version, nonce, size of the hashes, then SHA-256 of each page of 1024 bytes of the
encrypted image. Source: TF-M 2.3.1 create_xip_tables.py.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

PAGE = 1024
_HASH = 32
_HEADER = struct.Struct("<I8sI")
#: More pages than the flash of any platform with a secure I-cache has.
_MAX_PAGES = 1 << 16


@dataclass(frozen=True)
class SicTable:
    """A table; the hashes are those of an encrypted image."""

    firmware_version: int
    hashes: bytes = field(repr=False)

    @property
    def image_size(self) -> int:
        """Bytes of the encrypted image."""
        return len(self.hashes) // _HASH * PAGE

    def is_of(self, encrypted: bytes) -> bool:
        """Return whether this is the table of an encrypted image."""
        if len(encrypted) != self.image_size:
            return False
        pages = range(0, len(encrypted), PAGE)
        return self.hashes == b"".join(
            hashlib.sha256(encrypted[at : at + PAGE]).digest() for at in pages
        )


def find_sic_table(data: bytes) -> SicTable | None:
    """Return the table that the data is, None if it is none."""
    if len(data) < _HEADER.size + _HASH:
        return None
    version, _nonce, size = _HEADER.unpack_from(data)
    if size % _HASH or not 0 < size <= _MAX_PAGES * _HASH or len(data) != _HEADER.size + size:
        return None
    return SicTable(version, data[_HEADER.size :])
