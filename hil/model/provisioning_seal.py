# SPDX-License-Identifier: Apache-2.0
"""Sealing provisioning messages and opening them, as BL1_1 does.

With AES-CCM (KRTL_DERIVATIVE) the nonce is the IV of 8 bytes, the header from the metadata on is
authenticated, and so is whatever is not encrypted; the tag of 16 bytes stands in the signature.
With ECDSA (P-256 with SHA-256, P-384 with SHA-384) the signature covers the same header and the
plain code, data and secret values; encryption is AES-CTR from the IV and eight zeros on.

Source: TF-M 2.2.2 rse_provisioning_message_handler.c, 2.3.1
rse_provisioning_auth_message_handler.c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hil.errors import ModelError
from hil.model.provisioning_fields import (
    CodeProtection,
    MessageType,
    Metadata,
    Signature,
    ValuesProtection,
)
from hil.model.provisioning_message import AuthHeader, Message
from hil.model.secret import Secret

TAG_SIZE = 16
_CURVES: dict[int, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm]] = {
    64: (ec.SECP256R1, hashes.SHA256()),
    96: (ec.SECP384R1, hashes.SHA384()),
}

#: Signs bytes; returns r and s one behind the other.
Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Parts:
    """What a blob carries, in the clear."""

    code: bytes
    data: bytes
    secret_values: Secret = field(repr=False)

    @property
    def joined(self) -> bytes:
        """Code, data and secret values."""
        return self.code + self.data + bytes(self.secret_values)


class SealError(ModelError):
    """Raised for a message that does not verify under the key that was given."""


def seal(
    header: AuthHeader, parts: Parts, *, key: bytes | None = None, sign: Sign | None = None
) -> Message:
    """Return a blob, encrypted and authenticated as the metadata of its header say.

    Args:
        header: Its signature and sizes are filled in.
        parts: What it carries.
        key: The provisioning key, 32 bytes; needed with CCM and where anything is encrypted.
        sign: Needed with ECDSA.

    Raises:
        ModelError: a key is missing, or the firmware could not open what the metadata say.
    """
    header = replace(
        header,
        signature=b"",
        code_size=len(parts.code),
        data_size=len(parts.data),
        secret_values_size=len(parts.secret_values),
    )
    start = _plain_size(header)
    plain, hidden = parts.joined[:start], parts.joined[start:]
    if header.metadata.signature is Signature.KRTL_DERIVATIVE:
        aad = header.authenticated() + plain
        sealed = AESCCM(need_key(key), TAG_SIZE).encrypt(header.iv, hidden, aad)
        content, signature = plain + sealed[:-TAG_SIZE], sealed[-TAG_SIZE:]
    elif header.metadata.signature.is_ecdsa:
        if sign is None:
            raise ModelError("seal: the metadata ask for ECDSA, no signing key was given")
        signature = sign(header.authenticated() + parts.joined)
        content = plain + (_ctr(need_key(key), header.iv, hidden) if hidden else b"")
    else:
        signature, content = b"", parts.joined
    return Message(MessageType.BLOB, replace(header, signature=signature), content)


def open_sealed(message: Message, *, key: bytes | None = None, point: bytes | None = None) -> Parts:
    """Return what a blob carries, after its tag or signature has verified.

    Args:
        message: A blob.
        key: The provisioning key, 32 bytes; needed with CCM and where anything is encrypted.
        point: X and Y of the key that must have signed; needed with ECDSA.

    Raises:
        SealError: the tag or the signature does not verify.
        ModelError: a key is missing, or the message has no signature at all.
    """
    header = message.header
    if header is None:
        raise ModelError(f"open: a {message.type.name} has no signature")
    start = _plain_size(header)
    plain, hidden = message.content[:start], message.content[start:]
    if header.metadata.signature is Signature.KRTL_DERIVATIVE:
        aad = header.authenticated() + plain
        tag = header.signature[:TAG_SIZE]
        try:
            content = plain + AESCCM(need_key(key), TAG_SIZE).decrypt(header.iv, hidden + tag, aad)
        except InvalidTag as error:
            raise SealError("open: the CCM tag does not verify") from error
    elif header.metadata.signature.is_ecdsa:
        content = plain + (_ctr(need_key(key), header.iv, hidden) if hidden else b"")
        if point is None:
            raise ModelError("open: an ECDSA signature, no public key was given")
        if not verifies(point, header.authenticated() + content, header.signature):
            raise SealError("open: the signature does not verify")
    else:
        raise ModelError("open: the message is not signed, BL1_1 opens no such message")
    code, data = header.code_size, header.code_size + header.data_size
    return Parts(content[:code], content[code:data], Secret(content[data:]))


def verifies(point: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether a raw signature (r, s) over data is of the key with that X and Y.

    Raises:
        ModelError: a point of another size than those of P-256 and P-384.
    """
    if len(point) not in _CURVES:
        raise ModelError(f"public key: expected X and Y of 64 or 96 bytes, got {len(point)}")
    curve, digest = _CURVES[len(point)]
    if len(signature) != len(point):
        return False
    half = len(point) // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve(), b"\x04" + point)
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def _plain_size(header: AuthHeader) -> int:
    """Return where the encrypted part of the content begins."""
    metadata: Metadata = header.metadata
    if metadata.code is CodeProtection.AES:
        if metadata.values is not ValuesProtection.AES:
            raise ModelError("metadata: BL1_1 does not open encrypted code with plain values")
        return 0
    if metadata.values is ValuesProtection.AES:
        return header.code_size + header.data_size
    return header.content_size


def need_key(key: bytes | None) -> bytes:
    """Return the bytes of a provisioning key.

    Raises:
        ModelError: there is none, or it has another size than 32 bytes.
    """
    if key is None or len(key) != 32:
        size = "none" if key is None else f"{len(key)} bytes"
        raise ModelError(f"provisioning key: expected 32 bytes, got {size}")
    return bytes(key)


def _ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    context = Cipher(algorithms.AES(key), modes.CTR(iv + bytes(16 - len(iv)))).encryptor()
    return context.update(data) + context.finalize()
