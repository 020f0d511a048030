# SPDX-License-Identifier: Apache-2.0
"""Signatures over a statement: a DSSE envelope, made with an Ed25519 or an EC P-256 key."""

from __future__ import annotations

import base64
import binascii
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.plain_files import open_plain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

    PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
    PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_WANTED = "expected an Ed25519 or EC P-256 key in PEM"
_MAX_KEY = 1 << 16


def load_private_key(path: Path) -> PrivateKey:
    """Return the key that signs; one with a pass phrase is refused.

    Raises:
        UsageError: it cannot be read, or it is of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), None)
    except TypeError:
        raise UsageError(f"{path}: the key has a pass phrase; {_WANTED} without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{path}: no private key; {_WANTED}") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise UsageError(f"{path}: a key of another kind; {_WANTED}")


def load_public_key(path: Path) -> PublicKey:
    """Return the key that checks.

    Raises:
        UsageError: it cannot be read, or it is of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{path}: no public key; {_WANTED}") from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise UsageError(f"{path}: a key of another kind; {_WANTED}")


def _read(path: Path) -> bytes:
    try:
        with open_plain(path) as stream:
            return stream.read(_MAX_KEY)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {_WANTED}") from None


def key_id(key: PublicKey) -> str:
    """Return the SHA-256 of a public key (its SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def sign(payload: bytes, key: PrivateKey) -> bytes:
    """Return a DSSE envelope around a payload."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    message = _message(PAYLOAD_TYPE, payload)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(message)
    else:
        signature = key.sign(message, ec.ECDSA(SHA256()))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}
        ],
    }
    return (json.dumps(envelope) + "\n").encode()


def opened(envelope: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the payload of an envelope and the ids of the keys that signed; nothing is checked.

    Raises:
        ValueError: it is no envelope of a statement.
    """
    payload, signatures = _parse(envelope)
    return payload, tuple(name for name, _ in signatures)


def check(envelope: bytes, key: PublicKey) -> bool:
    """Whether one signature of an envelope was made with the private half of a key.

    Raises:
        ValueError: it is no envelope of a statement.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    payload, signatures = _parse(envelope)
    message = _message(PAYLOAD_TYPE, payload)
    for _, signature in signatures:
        try:
            if isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, message)
            else:
                key.verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def _message(kind: str, payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding, version 1."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def _parse(envelope: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    try:
        value: Any = json.loads(envelope)
        if value["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(f"payload of type {value['payloadType']!r:.80}")
        payload = base64.b64decode(value["payload"], validate=True)
        signatures = [
            (str(one.get("keyid", "")), base64.b64decode(one["sig"], validate=True))
            for one in value["signatures"][:16]
        ]
    except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise ValueError("no DSSE envelope") from error
    if not signatures:
        raise ValueError("it holds no signature")
    return payload, signatures
