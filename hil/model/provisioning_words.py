# SPDX-License-Identifier: Apache-2.0
"""What a provisioning message says of itself, in the words of a release.

Nothing of its code, data and secret values is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hil.model.provisioning_fields import (
    CodeProtection,
    MessageType,
    NonRomKey,
    Personalization,
    RequiredTp,
    Signature,
    ValuesProtection,
)
from hil.model.provisioning_message import Message

Names = Literal["2.2", "2.3"]
#: A word, or one by release; None where a release does not have the value.
_Word = str | Mapping[Names, str]

_TYPES: dict[int, _Word] = {
    MessageType.BLOB: "BLOB",
    MessageType.CERTIFICATE: "CERTIFICATE",
    MessageType.PLAIN_DATA: "PLAIN_DATA",
    MessageType.AUTH_PLAIN_DATA: {"2.3": "AUTHENTICATED_PLAIN_DATA"},
}
_BLOB_TYPES: dict[int, _Word] = {
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
}
_TP_MODES: dict[int, _Word] = {tp: tp.name for tp in RequiredTp if tp is not RequiredTp.RESERVED}
_SP_MODES: dict[int, _Word] = {False: "not required", True: "required"}
_SEQUENCES: dict[int, _Word] = {False: "NON_CHAINED", True: "CHAINED"}
_CODE: dict[int, _Word] = {CodeProtection.PLAIN: "plain", CodeProtection.AES: "AES"}
_VALUES: dict[int, _Word] = {
    ValuesProtection.AES: "AES",
    ValuesProtection.BY_MESSAGE: {"2.2": "BY_BLOB", "2.3": "BY_MESSAGE"},
}
_NON_ROM_KEYS: dict[int, _Word] = {
    NonRomKey.CM_ROTPK: "CM_ROTPK",
    NonRomKey.PREVIOUS_MESSAGE: {"2.2": "PREVIOUS_BLOB", "2.3": "PREVIOUS_MESSAGE"},
    NonRomKey.DM_ROTPK: {"2.3": "DM_ROTPK"},
}
_SIGNATURES: dict[int, _Word] = {signature: signature.name for signature in Signature}
_PERSONALIZATIONS: dict[int, _Word] = {
    Personalization.STATIC: "STATIC",
    Personalization.PERSONALIZED: "PERSONALIZED",
}


def describe(message: Message, names: Names = "2.3") -> dict[str, str]:
    """Return what a message says of itself, field by field, in the words of a release."""
    kind = f"{message.type:#010x} (unknown)"
    text = {
        "type": _word(_TYPES, message.type, names, kind),
        "length": f"{message.data_length} bytes",
    }
    if message.header is None:
        return text
    header, purpose, metadata = message.header, message.header.purpose, message.header.metadata
    fields = (
        ("purpose: type", _BLOB_TYPES, purpose.type),
        ("purpose: tp_mode", _TP_MODES, purpose.tp_mode),
        ("purpose: sp_mode", _SP_MODES, purpose.needs_sp_mode),
        ("purpose: sequencing", _SEQUENCES, purpose.chained),
        ("metadata: code and data", _CODE, metadata.code),
        ("metadata: secret values", _VALUES, metadata.values),
        ("metadata: signature", _SIGNATURES, metadata.signature),
        ("metadata: personalization", _PERSONALIZATIONS, metadata.personalization),
    )
    text |= {name: _word(words, value, names) for name, words, value in fields}
    text["purpose: valid LCS"] = ", ".join(valid_lcs(message)) or "none"
    if metadata.signature is Signature.ROTPK_NOT_IN_ROM:
        text["metadata: non-ROM key"] = _word(_NON_ROM_KEYS, metadata.non_rom_key, names)
        text["metadata: CM ROTPK number"] = str(metadata.cm_rotpk)
    return text | {
        "version": str(header.version),
        "batch_id": str(header.batch_id),
        "dm_number": str(header.dm_number),
        "sizes": f"code {header.code_size}, data {header.data_size}, "
        f"secret values {header.secret_values_size} bytes",
    }


def valid_lcs(message: Message) -> tuple[str, ...]:
    """Return the names of the life-cycle states in which a message may run."""
    if message.header is None:
        return ()
    return tuple(lcs.name or "" for lcs in message.header.purpose.valid_lcs)


def _word(words: dict[int, _Word], value: int, names: Names, unknown: str = "") -> str:
    word = words.get(value)
    if isinstance(word, Mapping):
        word = word.get(names)
    return word or unknown or f"{int(value)} (unknown)"
