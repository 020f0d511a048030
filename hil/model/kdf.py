# SPDX-License-Identifier: Apache-2.0
"""The key derivation function of the RSE: SP800-108 counter mode over AES-CMAC, with K(0).

`K0 = CMAC(K, label || 00 || context || L)`, `Ki = CMAC(K, i || label || 00 || context || L || K0)`,
output = K1 || K2 || ... truncated to the length asked for; L always encodes that true length.

Source: TF-M 2.2 cc3xx_kdf.c, TF-M 2.3.1 thin_psa_crypto_core.c; TF-M 2.1 cc3xx_kdf.c has the same
construction with another encoding of the two numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from hil.errors import ModelError
from hil.model.secret import Secret

_KEY_SIZES = (16, 24, 32)
_BLOCK = 16


@dataclass(frozen=True)
class KdfEncoding:
    """How the counter i and the length L, both 32 bits wide, stand in the message."""

    name: str
    byteorder: Literal["big", "little"]
    #: What one byte of output counts for in L: 8 where L is in bits, 1 where it is in bytes.
    length_unit: Literal[8, 1]

    def number(self, value: int) -> bytes:
        """Return i or L as it enters the message."""
        return value.to_bytes(4, self.byteorder)


#: As the standard says: TF-M 2.2 and later.
STANDARD = KdfEncoding("SP800-108", "big", 8)
#: As TF-M 2.1 did before it was made conformant (in 2.2.0).
TFM_2_1 = KdfEncoding("TF-M 2.1", "little", 1)


def kdf(
    key: bytes,
    label: bytes,
    context: bytes = b"",
    length: int = 32,
    encoding: KdfEncoding = STANDARD,
) -> Secret:
    """Derive a key.

    Args:
        key: AES key of 16, 24 or 32 bytes; the RSE uses 32.
        label: Raw label. One that is a C string in the firmware includes its NUL.
        context: Raw context, may be empty.
        length: Bytes of output.
        encoding: How i and L are encoded.

    Raises:
        ModelError: the firmware could not be asked this (size of the key or of the output).
    """
    if len(key) not in _KEY_SIZES:
        raise ModelError(f"kdf: expected a key of 16, 24 or 32 bytes, got {len(key)}")
    if not 0 < length * encoding.length_unit <= 0xFFFF_FFFF:
        raise ModelError(f"kdf: an output of {length} bytes does not fit the 32-bit length field")
    message = label + b"\x00" + context + encoding.number(length * encoding.length_unit)
    k0 = _cmac(key, message)
    blocks = (
        _cmac(key, encoding.number(counter) + message + k0)
        for counter in range(1, -(-length // _BLOCK) + 1)
    )
    return Secret(b"".join(blocks)[:length])


def _cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()
