# SPDX-License-Identifier: Apache-2.0
"""ECDSA P-256 / SHA-256 as the ROM and MCUboot check it, and the development public key."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

POINT_SIZE = 32

#: X and Y of the public half of the development signing key.
DEV_PUBLIC_KEY: bytes = bytes.fromhex(
    "0bb3fcd4cf40ec51a97a37c33b34c5b9cf610af7adecacf9803594017de8cb43"
    "4932428dba7c620d46ed9d6ba5f621d8f0818bde740c71ea5f6c92aef4d486ae"
)


def verify_raw(point: bytes, message: bytes, signature: bytes) -> bool:
    """Check r || s over `message` with the key X || Y (or 04 || X || Y)."""
    if len(point) < 2 * POINT_SIZE or len(signature) < 2 * POINT_SIZE:
        return False
    r, s = (
        int.from_bytes(signature[start : start + POINT_SIZE], "big") for start in (0, POINT_SIZE)
    )
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + point[-2 * POINT_SIZE :]
        )
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_der(key_info: bytes, message: bytes, signature: bytes) -> bool:
    """Check a DER signature with a DER SubjectPublicKeyInfo, as MCUboot's TLVs carry them."""
    try:
        key = load_der_public_key(key_info)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
