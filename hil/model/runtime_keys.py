# SPDX-License-Identifier: Apache-2.0
"""What the runtime derives from the keys that BL1 leaves in the KMU, all by HKDF-SHA256.

The built-in HUK key of the crypto service is the vHUK. Nobody gets it as it is: each owner has a
sub-key for its id, and derives from that. The attestation key comes from its seed without an owner.

Source: TF-M 2.2.2 and 2.3.1 tfm_builtin_key_loader.c, rse/common/crypto_keys.c,
ps_crypto_interface.c; the same code in both.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hil.errors import ModelError
from hil.model.ecc import P256, P384, Curve, psa_private_key
from hil.model.fingerprint import owner_subkey
from hil.model.secret import Secret

#: Partition ids of TF-M's manifest list (tfm_manifest_list.yaml).
TFM_SP_PS = 256
TFM_SP_CRYPTO = 259
#: AES-128-GCM.
PS_KEY_SIZE = 16
_HASH_SIZE = 32
_MOST_HKDF_BLOCKS = 255


def builtin_huk(vhuk: bytes, user: int, *, ps_test: int | None = None) -> Secret:
    """Return what an owner gets when it uses TFM_BUILTIN_KEY_ID_HUK.

    Args:
        vhuk: The 32-byte vHUK.
        user: Id of the owner: a partition's, or a negative one of a non-secure client.
        ps_test: Id of the partition TFM_SP_PS_TEST in a build that has it; it counts as TFM_SP_PS.
    """
    if user == TFM_SP_CRYPTO:
        return Secret(vhuk)
    return owner_subkey(vhuk, TFM_SP_PS if user == ps_test else user)


def partition_value(
    vhuk: bytes, user: int, info: bytes, length: int = 32, *, ps_test: int | None = None
) -> Secret:
    """Return what an owner derives from the built-in HUK key by HKDF with an info of its own."""
    return hkdf(builtin_huk(vhuk, user, ps_test=ps_test), info, length)


def ps_key(vhuk: bytes, client_id: int, uid: int, *, generation: int | None = None) -> Secret:
    """Return the AEAD key under which Protected Storage keeps an asset.

    Args:
        vhuk: The 32-byte vHUK.
        client_id: Owner of the asset, a signed 32-bit id.
        uid: Its number, 64 bits.
        generation: Number of the key, in builds with PS_AES_KEY_USAGE_LIMIT.
    """
    info = _number("client id", client_id, 4, signed=True) + _number("uid", uid, 8)
    if generation is not None:
        info += _number("generation", generation, 4)
    return partition_value(vhuk, TFM_SP_PS, info, PS_KEY_SIZE)


def iak_private(iak_seed: bytes, bits: int = 384) -> Secret:
    """Return the private part of the initial attestation key.

    Args:
        iak_seed: What BL1 derived (CPAK seed up to 2.2).
        bits: ATTEST_KEY_BITS of the build: 384, or 256 with the DPE scheme of 2.2.
    """
    curves = {256: P256, 384: P384}
    if bits not in curves:
        raise ModelError(f"attestation key: expected 256 or 384 bits, got {bits}")
    return psa_private_key(curves[bits], _pieces(iak_seed, curves[bits]))


def hkdf(key: bytes, info: bytes, length: int) -> Secret:
    """Return HKDF-SHA256 without salt.

    Raises:
        ModelError: more bytes than HKDF has.
    """
    if not 0 < length <= _HASH_SIZE * _MOST_HKDF_BLOCKS:
        raise ModelError(f"hkdf: cannot give {length} bytes")
    return Secret(HKDF(SHA256(), length, salt=None, info=info).derive(key))


def _pieces(seed: bytes, curve: Curve) -> Iterator[bytes]:
    stream = hkdf(seed, b"", _HASH_SIZE * _MOST_HKDF_BLOCKS)
    for start in range(0, len(stream) - curve.size + 1, curve.size):
        yield stream[start : start + curve.size]


def _number(what: str, value: int, size: int, *, signed: bool = False) -> bytes:
    try:
        return value.to_bytes(size, "little", signed=signed)
    except OverflowError as error:
        raise ModelError(f"{what}: {value} does not fit {size} bytes") from error
