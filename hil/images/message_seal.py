# SPDX-License-Identifier: Apache-2.0
"""Whether the tag or signature of a provisioning message is right, as far as the keys are known.

The provisioning key of TP mode TCI is derived from zeros, so that everybody has it; that of PCI comes
from KRTL, which stands in the chip's hardware. The key of a signature stands in the ROM or, with its
hash in OTP, in the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from hil.errors import ModelError
from hil.images.mcuboot_check import Check, public_key
from hil.model.boot_state import TpMode
from hil.model.keys import Owner, provisioning_key
from hil.model.provisioning_fields import (
    BlobType,
    CodeProtection,
    Signature,
    ValidLcs,
    ValuesProtection,
)
from hil.model.provisioning_message import AuthHeader, Message
from hil.model.provisioning_seal import SealError, open_sealed
from hil.model.releases import Release
from hil.model.secret import Secret

KRTL_SIZE = 32


@dataclass(frozen=True)
class SealKeys:
    """What seals are checked with.

    Attributes:
        krtl: Root key of the RTL, for messages of TP mode PCI.
        points: X and Y of the keys one of which must have signed.
    """

    krtl: Secret | None = field(default=None, repr=False)
    points: tuple[bytes, ...] = ()


def point_of(pem: bytes) -> bytes | None:
    """Return X and Y of the public half of a PEM file, None for a key that signs no messages.

    Raises:
        ImageError: no unencrypted key in it.
    """
    key = load_der_public_key(public_key(pem))
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size not in (256, 384):
        return None
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def seal_name(message: Message) -> str:
    """Return what seals a message, one word."""
    header = message.header
    ccm = header is not None and header.metadata.signature is Signature.KRTL_DERIVATIVE
    return "tag" if ccm else "signature"


def check_seal(message: Message, keys: SealKeys, release: Release) -> tuple[Check, str]:
    """Return whether tag or signature of a message is right, and what it was checked with or lacks.

    Args:
        message: The message, of any type.
        keys: What is known.
        release: Its rules derive the provisioning key.
    """
    header = message.header
    if header is None:
        return Check.NOT_CHECKED, f"a {message.type.name} has neither tag nor signature"
    signature = header.metadata.signature
    if signature is Signature.NONE:
        return Check.BAD, "neither tag nor signature: BL1_1 takes no such message"
    points, by, ends = _points(header, keys)
    if ends is not None:
        return ends, by
    secrets: list[Secret | None] = [None]
    if _needs_key(header):
        try:
            secrets = list(_provisioning_keys(header, keys, release))
        except ModelError as error:
            return Check.NOT_CHECKED, str(error)
        if not secrets:
            return Check.NOT_CHECKED, "TP mode PCI: its key comes from KRTL; give it (--krtl)"
        by = by or f"the provisioning key of TP mode {header.purpose.tp_mode.name}"
    return _opened(message, secrets, points, by)


def _opened(
    message: Message, secrets: list[Secret | None], points: list[bytes | None], by: str
) -> tuple[Check, str]:
    for secret in secrets:
        for point in points:
            try:
                open_sealed(message, key=secret, point=point)
            except SealError:
                continue
            except ModelError as error:
                return Check.BAD, str(error)
            return Check.GOOD, by
    return Check.BAD, f"{by}: changed, or sealed with another key"


def _points(header: AuthHeader, keys: SealKeys) -> tuple[list[bytes | None], str, Check | None]:
    """Return the keys that may have signed, what they are, and the result if that ends the check."""
    if not header.metadata.signature.is_ecdsa:
        return [None], "", None
    inside = header.public_key[: len(header.signature)]
    if header.metadata.signature is Signature.ROTPK_NOT_IN_ROM and any(inside):
        if not keys.points:
            return [inside], "the public key in the message, whoever's it is", None
        if inside not in keys.points:
            return [], "it names another key than the one given", Check.BAD
        return [inside], "the key given", None
    if not keys.points:
        return [], "it does not hold the key that has signed it; give it (--key)", Check.NOT_CHECKED
    return list(keys.points), "the key given", None


def _needs_key(header: AuthHeader) -> bool:
    metadata = header.metadata
    return (
        metadata.signature is Signature.KRTL_DERIVATIVE
        or metadata.code is CodeProtection.AES
        or metadata.values is ValuesProtection.AES
    )


def _provisioning_keys(header: AuthHeader, keys: SealKeys, release: Release) -> Iterator[Secret]:
    """Yield the keys that a chip may derive for a message; none where KRTL is missing.

    Raises:
        ModelError: the release has no such key, or no chip derives one for the message's TP mode.
    """
    mode = header.purpose.tp_mode.tp_mode
    if mode in (None, TpMode.VIRGIN):
        name = header.purpose.tp_mode.name
        raise ModelError(f"TP mode {name}: no chip derives a provisioning key in it")
    if mode is TpMode.PCI and keys.krtl is None:
        return
    owners: list[Owner] = []
    combined = header.purpose.type == BlobType.COMBINED
    if combined or header.purpose.valid_lcs & ValidLcs.CM:
        owners.append("CM")
    if not combined and header.purpose.valid_lcs & ~ValidLcs.CM:
        owners.append("DM")
    for owner in owners or ["CM"]:
        number = header.batch_id if owner == "CM" else header.dm_number
        yield provisioning_key(mode, keys.krtl, owner, number, release)
