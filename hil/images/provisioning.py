# SPDX-License-Identifier: Apache-2.0
"""Provisioning messages: reading them, and saying what one does without showing what it carries.

Layout from TF-M 2.2 and later (rse_provisioning_message.h): an outer header of type and length,
then for blobs an authentication header of 248 bytes, then code, data and secret values. Releases
differ in the names of the fields and in a few values; the numbers are the same.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hil.errors import ImageError
from hil.images.files import read_bounded

BLOB = 0x1111B10B
CERTIFICATE = 0x2222CE57
PLAIN_DATA = 0x3333DA7A
AUTH_PLAIN_DATA = 0x4444DA7A

OUTER = struct.Struct("<II")
#: signature_size, signature, metadata, purpose, version, iv, soc_uid, batch_id, dm_number,
#: code_size, data_size, secret_values_size, public_key.
AUTH_HEADER = struct.Struct("<I96sIII8s12sIIIII96s")
#: Where the signed part of the authentication header begins.
SIGNED_OFFSET = 100

#: More than the memory bank that a message is loaded to.
MAX_MESSAGE = 512 * 1024

Names = Literal["2.2", "2.3"]

#: u64 that a bundle of TF-M 2.1 begins with.
_BUNDLES_2_1 = {0xAAAAC0DEFEEDAAAA: "CM", 0xAAAABEEFFEEDAAAA: "DM"}


@dataclass(frozen=True)
class _Bits:
    """Meaning of some bits of a word, by set of names."""

    name: str
    shift: int
    mask: int
    values: Mapping[int, Mapping[Names, str] | str]

    def describe(self, word: int, names: Names) -> str:
        number = word >> self.shift & self.mask
        value = self.values.get(number)
        if isinstance(value, Mapping):
            value = value.get(names)
        return value or f"{number} (unknown)"


_TYPES: dict[int, Mapping[Names, str]] = {
    BLOB: {"2.2": "BLOB", "2.3": "BLOB"},
    CERTIFICATE: {"2.2": "CERTIFICATE", "2.3": "CERTIFICATE"},
    PLAIN_DATA: {"2.2": "PLAIN_DATA", "2.3": "PLAIN_DATA"},
    AUTH_PLAIN_DATA: {"2.3": "AUTHENTICATED_PLAIN_DATA"},
}

_PURPOSE = (
    _Bits(
        "type",
        0,
        0xFF,
        {
            1: "SINGLE_LCS_PROVISIONING",
            2: "COMBINED_LCS_PROVISIONING",
            3: {
                "2.2": "NEXT_BLOB_PUBLIC_KEY_PROVISIONING",
                "2.3": "NEXT_MESSAGE_PUBLIC_KEY_PROVISIONING",
            },
            4: "ENDORSEMENT_CERTIFICATE_PROVISIONING",
            5: "DEBUG_ENABLING",
            6: "VIRTUAL_TCI",
            7: "TEST",
        },
    ),
    _Bits("tp_mode", 9, 0b11, {0: "VIRGIN", 1: "PCI", 2: "TCI"}),
    _Bits("sp_mode", 11, 1, {0: "not required", 1: "required"}),
    _Bits("sequencing", 27, 1, {0: "NON_CHAINED", 1: "CHAINED"}),
)
_LCS_BITS = {28: "CM", 29: "DM", 30: "SE", 31: "RMA"}

_METADATA = (
    _Bits("code and data", 0, 0b11, {0: "plain", 1: "AES"}),
    _Bits("secret values", 2, 0b11, {1: "AES", 2: {"2.2": "BY_BLOB", "2.3": "BY_MESSAGE"}}),
    _Bits(
        "signature",
        28,
        0b11,
        {0: "NONE", 1: "KRTL_DERIVATIVE", 2: "ROTPK_IN_ROM", 3: "ROTPK_NOT_IN_ROM"},
    ),
    _Bits("personalization", 30, 0b11, {0: "STATIC", 1: "PERSONALIZED"}),
)
_NON_ROM_KEY = _Bits(
    "non-ROM key",
    26,
    0b11,
    {
        0: "CM_ROTPK",
        1: {"2.2": "PREVIOUS_BLOB", "2.3": "PREVIOUS_MESSAGE"},
        2: {"2.3": "DM_ROTPK"},
    },
)
_NOT_IN_ROM = 3


@dataclass(frozen=True)
class AuthHeader:
    """The authentication header of a blob or of authenticated plain data."""

    signature: bytes
    metadata: int
    purpose: int
    version: int
    iv: bytes
    soc_uid: bytes
    batch_id: int
    dm_number: int
    code_size: int
    data_size: int
    secret_values_size: int
    public_key: bytes


@dataclass(frozen=True)
class ProvisioningMessage:
    """A message; the parts of its body are where they are in the file."""

    path: Path | None
    type: int
    data_length: int
    #: None for a certificate and for plain data.
    header: AuthHeader | None
    #: Code, data and secret values of a blob, or the whole body of the other types.
    body: bytes = field(repr=False)

    @property
    def lcs(self) -> tuple[str, ...]:
        """Life-cycle states in which a blob may run."""
        if self.header is None:
            return ()
        purpose = self.header.purpose
        return tuple(name for bit, name in _LCS_BITS.items() if purpose >> bit & 1)

    def describe(self, names: Names = "2.3") -> dict[str, str]:
        """Return what the message says of itself, field by field, in the words of a release.

        Nothing of its code, data and secret values is in it.
        """
        text = {
            "type": _TYPES.get(self.type, {}).get(names, f"{self.type:#010x} (unknown)"),
            "length": f"{self.data_length} bytes",
        }
        if self.header is None:
            return text
        header = self.header
        text |= {f"purpose: {b.name}": b.describe(header.purpose, names) for b in _PURPOSE}
        text["purpose: valid LCS"] = ", ".join(self.lcs) or "none"
        text |= {f"metadata: {b.name}": b.describe(header.metadata, names) for b in _METADATA}
        if header.metadata >> 28 & 0b11 == _NOT_IN_ROM:
            text["metadata: non-ROM key"] = _NON_ROM_KEY.describe(header.metadata, names)
            text["metadata: CM ROTPK number"] = str(header.metadata >> 8 & 0x1FF)
        text |= {
            "version": str(header.version),
            "batch_id": str(header.batch_id),
            "dm_number": str(header.dm_number),
            "sizes": f"code {header.code_size}, data {header.data_size}, "
            f"secret values {header.secret_values_size} bytes",
        }
        return text


def parse_message(data: bytes, path: Path | None = None) -> ProvisioningMessage:
    """Return a message.

    Raises:
        ImageError: cut, inconsistent, of an unknown type, or a bundle of TF-M 2.1.
    """
    if len(data) < OUTER.size:
        raise ImageError(
            f"expected a header of {OUTER.size} bytes, got {len(data)}", path=path, offset=0
        )
    if owner := _BUNDLES_2_1.get(int.from_bytes(data[:8], "little")):
        raise ImageError(
            f"this is a {owner} bundle of TF-M 2.1; expected a message of 2.2 or later",
            path=path,
            offset=0,
            field="header.type",
        )
    kind, length = OUTER.unpack_from(data)
    if kind not in _TYPES:
        known = ", ".join(f"{number:#x}" for number in _TYPES)
        raise ImageError(
            f"expected one of {known}, got {kind:#x}", path=path, offset=0, field="header.type"
        )
    if OUTER.size + length > len(data):
        raise ImageError(
            f"{length} bytes announced, {len(data) - OUTER.size} there",
            path=path,
            offset=4,
            field="header.data_length",
        )
    body = data[OUTER.size : OUTER.size + length]
    if kind not in {BLOB, AUTH_PLAIN_DATA}:
        return ProvisioningMessage(path, kind, length, None, body)
    header = _parse_auth_header(body, path)
    rest = body[AUTH_HEADER.size :]
    if kind == BLOB:
        said = header.code_size + header.data_size + header.secret_values_size
        if said != len(rest):
            raise ImageError(
                f"code, data and secret values are {said} bytes by the header, {len(rest)} there",
                path=path,
                offset=OUTER.size + 140,
                field="code_size, data_size, secret_values_size",
            )
    return ProvisioningMessage(path, kind, length, header, rest)


def _parse_auth_header(body: bytes, path: Path | None) -> AuthHeader:
    if len(body) < AUTH_HEADER.size:
        raise ImageError(
            f"expected an authentication header of {AUTH_HEADER.size} bytes, got {len(body)}",
            path=path,
            offset=OUTER.size,
        )
    signature_size, signature, *fields = AUTH_HEADER.unpack_from(body)
    if signature_size > len(signature):
        raise ImageError(
            f"expected at most {len(signature)}, got {signature_size}",
            path=path,
            offset=OUTER.size,
            field="signature_size",
        )
    return AuthHeader(signature[:signature_size], *fields)


def load_message(path: Path) -> ProvisioningMessage:
    """Read a message file.

    Raises:
        ImageError: no such file, or what `parse_message` refuses.
    """
    return parse_message(read_bounded(path, MAX_MESSAGE, "provisioning message"), path)
