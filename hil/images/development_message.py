# SPDX-License-Identifier: Apache-2.0
"""The combined provisioning message of development devices, signed by a key file.

What stands in it is the model's (`hil.model.development_message`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from hil.errors import ImageError
from hil.images.provisioning import parse_message
from hil.images.signing_key import PublicKey, SigningKey
from hil.model import development_message as model
from hil.model.provisioning_message import IV_SIZE
from hil.model.provisioning_seal import verifies


@dataclass(frozen=True)
class RotpkHashes(model.RotpkHashes):
    """What the OTP holds to trust the keys of the images, 32 bytes each."""

    @classmethod
    def of_one_key(cls, key: PublicKey) -> RotpkHashes:
        """Trust one key for everything."""
        der = key.mcuboot_rotpk_hash
        return cls(key.bl2_rotpk_hash, der, der, der, der)


@dataclass(frozen=True)
class DevelopmentMessage(model.DevelopmentValues):
    """Everything that one RSE is provisioned with.

    Raises:
        ImageError: a value that does not fit its field.
    """

    def __post_init__(self) -> None:
        try:
            super().__post_init__()
        except model.DevelopmentValueError as error:
            raise ImageError(error.text, field=error.field) from error

    def build(self, key: SigningKey, *, iv: bytes | None = None) -> bytes:
        """Return the signed message.

        Args:
            key: Signs it; the ROM must trust it.
            iv: 8 bytes; random if not given.
        """
        iv = secrets.token_bytes(IV_SIZE) if iv is None else iv
        try:
            return self.message(key.sign_raw, iv).build()
        except model.DevelopmentValueError as error:
            raise ImageError(error.text, field=error.field) from error

    def is_in(self, data: bytes, key: PublicKey) -> bool:
        """Return whether a file is this message, whole, and signed by the key."""
        try:
            header = parse_message(data).header
        except ImageError:
            return False
        if header is None:
            return False
        signed: list[bytes] = []

        def sign(content: bytes) -> bytes:
            signed.append(content)
            return header.signature

        if data != self.message(sign, header.iv).build():
            return False
        return verifies(key.point, signed[0], header.signature)
