# SPDX-License-Identifier: Apache-2.0
"""Key derivation as the RSE's ROM does it: SP800-108r1 counter mode over AES-CMAC, with K(0).

`L` (in bits) and the block counter are 32-bit big-endian; labels given as C strings carry their
NUL. TF-M 2.2.2 cc3xx_kdf.c and 2.3.1 PSA_ALG_SP800_108_COUNTER_CMAC give the same bytes.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.base import CipherContext

_BLOCK = 16
_MASK = (1 << 128) - 1

VHUK_SEED_LABEL = b"VHUK_SEED_DERIVATION\0"
BL2_KEY_LABEL = b"BL2_DECRYPTION_KEY\0"
SFCP_KEY_LABEL = b"SFCP_SESSION_KEY_DERIVATION\0"
MASTER_CM_LABEL = b"KMASTER_CM\0"
PROV_CM_LABEL = b"KPROV_CM\0"


class Cmac:
    """AES-CMAC (RFC 4493) for one key."""

    def __init__(self, key: bytes) -> None:
        # ECB of single blocks is the bare AES permutation that CMAC is made of.
        self._aes: CipherContext = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        self._k1 = _double(int.from_bytes(self._aes.update(bytes(_BLOCK)), "big"))
        self._k2 = _double(self._k1)

    def tag(self, message: bytes) -> bytes:
        """The 16-byte tag."""
        cut = max(0, (len(message) - 1) // _BLOCK * _BLOCK)
        last = message[cut:]
        if len(last) == _BLOCK:
            final = int.from_bytes(last, "big") ^ self._k1
        else:
            final = int.from_bytes((last + b"\x80").ljust(_BLOCK, b"\0"), "big") ^ self._k2
        state = 0
        for start in range(0, cut, _BLOCK):
            state ^= int.from_bytes(message[start : start + _BLOCK], "big")
            state = int.from_bytes(self._aes.update(state.to_bytes(_BLOCK, "big")), "big")
        return self._aes.update((state ^ final).to_bytes(_BLOCK, "big"))


def _double(value: int) -> int:
    shifted = (value << 1) & _MASK
    return shifted ^ 0x87 if value >> 127 else shifted


def derive(key: bytes, label: bytes, context: bytes = b"", size: int = 32) -> bytes:
    """`size` bytes derived from a 256-bit key."""
    cmac = Cmac(key)
    body = label + b"\0" + context + (8 * size).to_bytes(4, "big")
    first = cmac.tag(body)
    blocks = -(-size // _BLOCK)
    output = b"".join(cmac.tag(i.to_bytes(4, "big") + body + first) for i in range(1, blocks + 1))
    return output[:size]


def boot_state(tp_mode: int, lcs: int, reprovisioning: int, bl1_2_hash: bytes) -> bytes:
    """Context of vHUK (mask 0x0F): SHA-256 of TP register, LCS enumeration, bits, BL1_2 hash."""
    words = b"".join(word.to_bytes(4, "little") for word in (tp_mode, lcs, reprovisioning))
    return hashlib.sha256(words + bl1_2_hash[:32]).digest()


def vhuk_seed(huk: bytes) -> bytes:
    """The seed that a die derives from its own HUK."""
    return derive(huk, VHUK_SEED_LABEL)


def vhuk(guk: bytes, seeds: bytes, state: bytes) -> bytes:
    """The virtual HUK; `seeds` is as much of the seed array as the release binds."""
    return derive(guk, seeds, state)


def provisioning_key(root: bytes, batch_id: int) -> bytes:
    """KPROV of a CM or combined blob; `root` is KRTL, or 32 zero bytes in TCI mode."""
    master = derive(root, MASTER_CM_LABEL, batch_id.to_bytes(4, "little"))
    return derive(master, PROV_CM_LABEL)


def bl2_key(kce_cm: bytes, security_counter: int) -> bytes:
    """The key under which a BL2 image of that security counter is encrypted."""
    return derive(kce_cm, BL2_KEY_LABEL, security_counter.to_bytes(4, "little"))
