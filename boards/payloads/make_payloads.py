# SPDX-License-Identifier: Apache-2.0
"""Makes the payloads of development images: a banner, then bytes that anyone can recompute.

They stand in for code where none is run (virtual devices) and are the same wherever they are made:
`SHA-256(banner || counter)` for counter 0, 1, ... as 32-bit little-endian numbers. Also the image of a
host's flash with a GPT: FWU metadata that name bank 0, and two empty banks, FIP_A and FIP_B.

    python make_payloads.py [FOLDER]
"""

from __future__ import annotations

import hashlib
import struct
import sys
import uuid
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

KIB = 1024
#: Name and size of each payload.
PAYLOADS = {
    "rom": 4 * KIB,
    "bl1_2": 8 * KIB,
    "bl2": 12 * KIB,
    "tfm_s": 24 * KIB,
    "scp": 4 * KIB,
    "mcp": 4 * KIB,
    "lcp": 4 * KIB,
    "ap_bl1": 4 * KIB,
}


def payload(name: str, size: int) -> bytes:
    """Return the content of one payload."""
    banner = f"rse-hil development payload {name}\n".encode()
    content = bytearray(banner)
    for block in _stream(banner):
        if len(content) >= size:
            break
        content += block
    return bytes(content[:size])


def _stream(banner: bytes) -> Iterator[bytes]:
    for counter in count():
        yield hashlib.sha256(banner + counter.to_bytes(4, "little")).digest()


#: Partitions of the host's flash: name, first sector, number of sectors. All begin at pages of the
#: RSE's ATU (8 KiB), without which TF-M 2.2 cannot map the metadata.
PARTITIONS = (
    ("FWU-Metadata", 48, 16),
    ("Bkup-FWU-Metadata", 64, 16),
    ("private_metadata_1", 80, 16),
    ("FIP_A", 96, 256),
    ("FIP_B", 352, 256),
)
SECTOR, SECTORS, ENTRIES = 512, 656, 128
_TABLE_SECTORS = 32


def host_gpt() -> bytes:
    """Return the image of the host's flash."""
    image = bytearray(SECTOR * SECTORS)
    # A protective MBR: one partition of type EE over everything.
    image[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, SECTORS - 1)
    image[510:512] = b"\x55\xaa"
    table = b"".join(_entry(*partition) for partition in PARTITIONS).ljust(ENTRIES * 128, b"\0")
    for here, other, entries in ((1, SECTORS - 1, 2), (SECTORS - 1, 1, SECTORS - 33)):
        image[entries * SECTOR : entries * SECTOR + len(table)] = table
        image[here * SECTOR : here * SECTOR + 92] = _gpt_header(here, other, entries, table)
    for _name, first, _count in PARTITIONS[:2]:
        metadata = _fwu_metadata()
        image[first * SECTOR : first * SECTOR + len(metadata)] = metadata
    return bytes(image)


def _entry(name: str, first: int, count: int) -> bytes:
    kind, guid = _guid("type"), _guid(name)
    label = name.encode("utf-16-le")
    return struct.pack("<16s16sQQQ72s", kind, guid, first, first + count - 1, 0, label)


def _guid(name: str) -> bytes:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"rse-hil development host flash {name}").bytes_le


def _gpt_header(here: int, other: int, entries: int, table: bytes) -> bytes:
    first, last = 2 + _TABLE_SECTORS, SECTORS - 2 - _TABLE_SECTORS
    start = struct.pack("<8sII", b"EFI PART", 0x10000, 92)
    places = struct.pack("<4xQQQQ16s", here, other, first, last, _guid("disk"))
    rest = struct.pack("<QIII", entries, ENTRIES, 128, zlib.crc32(table))
    crc = zlib.crc32(start + bytes(4) + places + rest)
    return start + struct.pack("<I", crc) + places + rest


def _fwu_metadata() -> bytes:
    """Return metadata of version 2 without a descriptor (Arm DEN0118): bank 0 active, both accepted."""
    states = bytes((0xFC, 0xFC, 0xFF, 0xFF))
    body = struct.pack("<IIIIHH4sI", 2, 0, 0, 32, 0, 0, states, 0)
    return struct.pack("<I", zlib.crc32(body)) + body


def main(folder: Path) -> None:
    """Write all payloads to a folder."""
    (folder / "host_gpt.bin").write_bytes(host_gpt())
    for name, size in PAYLOADS.items():
        (folder / f"{name}.bin").write_bytes(payload(name, size))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
