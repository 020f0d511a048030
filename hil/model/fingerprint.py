# SPDX-License-Identifier: Apache-2.0
"""The one-way values that the reporter prints instead of key material (report lines HIL1).

Runtime fingerprints go through the two HKDF steps of the built-in HUK key: the sub-key of its
owner, then the owner's own derivation (TF-M 2.3.1 tfm_builtin_key_loader.c).
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hil.errors import ModelError
from hil.model.secret import Secret

#: Partition id of the reporter in the runtime firmware; the same on every RSE.
PARTITION_ID = 3000
VHUK_LABEL = b"HIL1-VHUK"
SEED_LABEL = b"HIL1-SEED"


class Source(StrEnum):
    """Which stage of the firmware printed a fingerprint of the vHUK."""

    BL1_2 = "bl1_2"
    RUNTIME = "runtime"


def vhuk_fingerprint(
    vhuk: bytes, source: Source | str = Source.BL1_2, partition_id: int = PARTITION_ID
) -> str:
    """Return the 32 hexadecimal digits that the line `[HIL1] vhuk` shows for a vHUK.

    Args:
        vhuk: The 32-byte vHUK.
        source: Stage that prints it.
        partition_id: Client id of the runtime reporter; means nothing for BL1_2.

    Raises:
        ModelError: a source that the report lines do not have.
    """
    if source == Source.BL1_2:
        return hashlib.sha256(VHUK_LABEL + vhuk).digest()[:16].hex()
    if source == Source.RUNTIME:
        return _hkdf(owner_subkey(vhuk, partition_id), VHUK_LABEL)[:16].hex()
    raise ModelError(f"no fingerprint source {source!r}; expected {' or '.join(Source)}")


def seed_fingerprint(seed: bytes) -> str:
    """Return the 8 hexadecimal digits that the line `[HIL1] seeds` shows for a seed."""
    return hashlib.sha256(SEED_LABEL + seed).digest()[:4].hex()


def owner_subkey(vhuk: bytes, partition_id: int) -> Secret:
    """Return what a partition or client gets as built-in HUK key: a sub-key for its id.

    Args:
        vhuk: The 32-byte vHUK.
        partition_id: Signed 32-bit id of the owner; non-secure clients have negative ones.
    """
    if not -(2**31) <= partition_id < 2**31:
        raise ModelError(f"partition id: expected a signed 32-bit number, got {partition_id}")
    return _hkdf(vhuk, partition_id.to_bytes(4, "little", signed=True))


def _hkdf(key: bytes, info: bytes) -> Secret:
    return Secret(HKDF(SHA256(), 32, salt=None, info=info).derive(key))
