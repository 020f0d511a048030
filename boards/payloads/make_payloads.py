# SPDX-License-Identifier: Apache-2.0
"""Makes the payloads of development images: a banner, then bytes that anyone can recompute.

They stand in for code where none is run (virtual devices) and are the same wherever they are made:
`SHA-256(banner || counter)` for counter 0, 1, ... as 32-bit little-endian numbers.

    python make_payloads.py [FOLDER]
"""

from __future__ import annotations

import hashlib
import sys
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


def main(folder: Path) -> None:
    """Write all payloads to a folder."""
    for name, size in PAYLOADS.items():
        (folder / f"{name}.bin").write_bytes(payload(name, size))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
