# SPDX-License-Identifier: Apache-2.0
"""GPT: the fields of headers and entries, as UEFI 2.10 (5.3) has them; all little-endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

SECTOR_SIZES = (512, 4096)
SIGNATURE = b"EFI PART"
REVISION = 0x00010000
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRY = struct.Struct("<16s16sQQQ72s")
NAME_UNITS = 36


@dataclass(frozen=True)
class GptHeader:
    """One of the two headers."""

    #: Sector it was found in.
    my_lba: int
    alternate_lba: int
    first_usable: int
    last_usable: int
    disk_guid: UUID
    entries_lba: int
    entry_count: int
    entry_size: int
    entries_crc: int
    header_size: int

    @property
    def entries_size(self) -> int:
        """Bytes of the whole array of entries."""
        return self.entry_count * self.entry_size


@dataclass(frozen=True)
class Partition:
    """One partition."""

    #: As sgdisk counts, from 1.
    number: int
    name: str
    type_guid: UUID
    guid: UUID
    first_lba: int
    last_lba: int
    attributes: int
    #: Of its entry in the file.
    entry_offset: int
    #: Of its first byte in the file.
    offset: int
    size: int
