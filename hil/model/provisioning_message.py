# SPDX-License-Identifier: Apache-2.0
"""Provisioning messages of TF-M 2.2 and later: parsed and built, field by field.

An outer header of type and length; then, for blobs and authenticated plain data, an authentication
header of 248 bytes; then code, data and secret values. Nothing here verifies or decrypts: that is
`provisioning_seal`.

Source: TF-M 2.3.1 rse_provisioning_message.h; 2.2 has the same layout under older names.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from hil.errors import ModelError
from hil.model.message_error import MessageError
from hil.model.provisioning_fields import MessageType, Metadata, Purpose

OUTER = struct.Struct("<II")
#: signature_size, signature, metadata, purpose, version, iv, soc_uid, batch_id, dm_number,
#: code_size, data_size, secret_values_size, public_key.
AUTH_HEADER = struct.Struct("<I96sIII8s12sIIIII96s")
#: Where the authenticated part of the authentication header begins.
SIGNED_OFFSET = 100
SIGNATURE_SIZE = 96
IV_SIZE = 8
SOC_UID_SIZE = 12
PUBLIC_KEY_SIZE = 96
_SIZES_OFFSET = 140
_BUNDLES_2_1 = {0xAAAAC0DEFEEDAAAA: "CM", 0xAAAABEEFFEEDAAAA: "DM"}

#: Name, offset behind the outer header.
_FIELDS = (
    ("signature_size", 0),
    ("signature", 4),
    ("metadata", 100),
    ("purpose", 104),
    ("version", 108),
    ("iv", 112),
    ("soc_uid", 120),
    ("batch_id", 132),
    ("dm_number", 136),
    ("code_size", 140),
    ("data_size", 144),
    ("secret_values_size", 148),
    ("public_key", 152),
    ("code_and_data_and_secret_values", 248),
)


@dataclass(frozen=True)
class AuthHeader:
    """The authentication header of a blob or of authenticated plain data.

    Attributes:
        signature: Tag of 16 bytes, or r and s one behind the other; as long as signature_size says.
        iv: 8 bytes, the nonce of AES.
        soc_uid: 12 bytes, of the SoC that a personalised message is for.
        public_key: X and Y of the key that has signed, where it is not in the ROM; 96 bytes.

    Raises:
        ModelError: a value that does not fit its field.
    """

    signature: bytes = b""
    metadata: Metadata = field(default_factory=Metadata)
    purpose: Purpose = field(default_factory=Purpose)
    version: int = 0
    iv: bytes = bytes(IV_SIZE)
    soc_uid: bytes = bytes(SOC_UID_SIZE)
    batch_id: int = 0
    dm_number: int = 0
    code_size: int = 0
    data_size: int = 0
    secret_values_size: int = 0
    public_key: bytes = bytes(PUBLIC_KEY_SIZE)

    def __post_init__(self) -> None:
        if len(self.signature) > SIGNATURE_SIZE:
            raise ModelError(
                f"signature: at most {SIGNATURE_SIZE} bytes, got {len(self.signature)}"
            )
        for name, size in (
            ("iv", IV_SIZE),
            ("soc_uid", SOC_UID_SIZE),
            ("public_key", PUBLIC_KEY_SIZE),
        ):
            value: bytes = getattr(self, name)
            if len(value) != size:
                raise ModelError(f"{name}: expected {size} bytes, got {len(value)}")
        for name in (
            "version",
            "batch_id",
            "dm_number",
            "code_size",
            "data_size",
            "secret_values_size",
        ):
            number: int = getattr(self, name)
            if not 0 <= number <= 0xFFFFFFFF:
                raise ModelError(f"{name}: expected a number of 32 bits, got {number}")

    @property
    def content_size(self) -> int:
        """Bytes of code, data and secret values."""
        return self.code_size + self.data_size + self.secret_values_size

    def pack(self) -> bytes:
        """Return the 248 bytes of the header."""
        return AUTH_HEADER.pack(
            len(self.signature),
            self.signature,
            self.metadata.word,
            self.purpose.word,
            self.version,
            self.iv,
            self.soc_uid,
            self.batch_id,
            self.dm_number,
            self.code_size,
            self.data_size,
            self.secret_values_size,
            self.public_key,
        )

    def authenticated(self) -> bytes:
        """Return the part of the header that tag or signature cover: from the metadata on."""
        return self.pack()[SIGNED_OFFSET:]


@dataclass(frozen=True)
class Message:
    """A message.

    Attributes:
        type: First word.
        header: None for a certificate and for plain data.
        content: Code, data and secret values as they are in the message; the whole body of types
            without a header.
    """

    type: MessageType
    header: AuthHeader | None
    content: bytes = field(repr=False)

    @property
    def data_length(self) -> int:
        """Second word: bytes behind the outer header."""
        return len(self.content) + (AUTH_HEADER.size if self.header else 0)

    @property
    def code(self) -> bytes:
        """Code of a blob, as it is in the message."""
        return self.content[: self.header.code_size] if self.header else b""

    @property
    def data(self) -> bytes:
        """Data of a blob, as it is in the message."""
        if self.header is None:
            return b""
        start = self.header.code_size
        return self.content[start : start + self.header.data_size]

    @property
    def secret_values(self) -> bytes:
        """Secret values of a blob, as they are in the message."""
        if self.header is None:
            return b""
        return self.content[self.header.code_size + self.header.data_size :]

    def build(self) -> bytes:
        """Return the bytes of the message."""
        header = self.header.pack() if self.header else b""
        return OUTER.pack(self.type, self.data_length) + header + self.content


def parse(data: bytes) -> Message:
    """Return a message; bytes behind its announced length do not belong to it.

    Raises:
        MessageError: cut, inconsistent, of an unknown type, or a bundle of TF-M 2.1.
    """
    if len(data) < OUTER.size:
        raise MessageError(
            f"expected a header of {OUTER.size} bytes, got {len(data)}", offset=0, field="header"
        )
    if owner := _BUNDLES_2_1.get(int.from_bytes(data[:8], "little")):
        raise MessageError(
            f"this is a {owner} bundle of TF-M 2.1; expected a message of 2.2 or later",
            offset=0,
            field="header.type",
        )
    kind, length = OUTER.unpack_from(data)
    if kind not in set(MessageType):
        known = ", ".join(f"{number:#x}" for number in MessageType)
        raise MessageError(f"expected one of {known}, got {kind:#x}", offset=0, field="header.type")
    there = len(data) - OUTER.size
    if length > there:
        raise MessageError(
            f"{length} bytes announced, {there} there: {_end(MessageType(kind), there)}",
            offset=4,
            field="header.data_length",
        )
    body = data[OUTER.size : OUTER.size + length]
    if kind not in (MessageType.BLOB, MessageType.AUTH_PLAIN_DATA):
        return Message(MessageType(kind), None, body)
    header = parse_auth_header(body)
    content = body[AUTH_HEADER.size :]
    if kind == MessageType.BLOB and header.content_size != len(content):
        raise MessageError(
            f"code, data and secret values are {header.content_size} bytes by the header, "
            f"{len(content)} there",
            offset=OUTER.size + _SIZES_OFFSET,
            field="code_size, data_size, secret_values_size",
        )
    return Message(MessageType(kind), header, content)


def parse_auth_header(body: bytes) -> AuthHeader:
    """Return the authentication header that the body of a message begins with.

    Raises:
        MessageError: cut, or with a signature longer than its field.
    """
    if len(body) < AUTH_HEADER.size:
        raise MessageError(
            f"expected an authentication header of {AUTH_HEADER.size} bytes, got {len(body)}",
            offset=OUTER.size,
            field="authentication_header",
        )
    size, signature, metadata, purpose, *rest = AUTH_HEADER.unpack_from(body)
    if size > SIGNATURE_SIZE:
        raise MessageError(
            f"expected at most {SIGNATURE_SIZE}, got {size}",
            offset=OUTER.size,
            field="signature_size",
        )
    return AuthHeader(
        signature[:size], Metadata.from_word(metadata), Purpose.from_word(purpose), *rest
    )


def _end(kind: MessageType, there: int) -> str:
    """Say in which field a cut message ends."""
    if kind not in (MessageType.BLOB, MessageType.AUTH_PLAIN_DATA):
        return "it ends inside its data"
    name = next(name for name, offset in reversed(_FIELDS) if offset <= there)
    return f"it ends inside {name}"
