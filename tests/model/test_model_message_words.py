# SPDX-License-Identifier: Apache-2.0
"""What provisioning messages say of themselves."""

from __future__ import annotations

import pytest
from provisioning_builders import blob, header

from hil.model import provisioning_fields as fields
from hil.model.provisioning_message import Message, parse
from hil.model.provisioning_words import Names, describe, valid_lcs

# As rse_provisioning_message.h of the release names them, without their common prefixes.
TYPES = {
    1: ("SINGLE_LCS_PROVISIONING", "SINGLE_LCS_PROVISIONING"),
    2: ("COMBINED_LCS_PROVISIONING", "COMBINED_LCS_PROVISIONING"),
    3: ("NEXT_BLOB_PUBLIC_KEY_PROVISIONING", "NEXT_MESSAGE_PUBLIC_KEY_PROVISIONING"),
    4: ("ENDORSEMENT_CERTIFICATE_PROVISIONING", "ENDORSEMENT_CERTIFICATE_PROVISIONING"),
    5: ("DEBUG_ENABLING", "DEBUG_ENABLING"),
    6: ("VIRTUAL_TCI", "VIRTUAL_TCI"),
    7: ("TEST", "TEST"),
    8: ("8 (unknown)", "8 (unknown)"),
}


def _with(
    purpose: fields.Purpose | None = None, metadata: fields.Metadata | None = None
) -> Message:
    made = header(metadata, purpose or fields.Purpose())
    return Message(fields.MessageType.BLOB, made, b"")


@pytest.mark.parametrize("number", TYPES)
def test_types_have_the_names_of_their_release(number: int) -> None:
    """Names that changed follow the release; unknown numbers are shown as such."""
    message = _with(fields.Purpose(type=number))
    names: tuple[Names, Names] = ("2.2", "2.3")
    assert tuple(describe(message, name)["purpose: type"] for name in names) == TYPES[number]


def test_reserved_values_are_unknown() -> None:
    """No value is silently taken for another one."""
    purpose = fields.Purpose(tp_mode=fields.RequiredTp.RESERVED)
    metadata = fields.Metadata(
        code=fields.CodeProtection.RESERVED_2,
        values=fields.ValuesProtection.RESERVED,
        non_rom_key=fields.NonRomKey.DM_ROTPK,
        signature=fields.Signature.ROTPK_NOT_IN_ROM,
        personalization=fields.Personalization.RESERVED_3,
    )
    text = describe(_with(purpose, metadata), "2.2")
    assert text["purpose: tp_mode"] == "3 (unknown)"
    assert text["metadata: code and data"] == "2 (unknown)"
    assert text["metadata: secret values"] == "3 (unknown)"
    assert text["metadata: personalization"] == "3 (unknown)"
    # 2.2 does not know this key, 2.3 does.
    assert text["metadata: non-ROM key"] == "2 (unknown)"
    assert describe(_with(purpose, metadata))["metadata: non-ROM key"] == "DM_ROTPK"


def test_a_whole_description() -> None:
    """Field by field, without anything that the message carries."""
    text = describe(parse(blob()))
    assert text == {
        "type": "BLOB",
        "length": f"{248 + 16 + 32 + 160} bytes",
        "purpose: type": "COMBINED_LCS_PROVISIONING",
        "purpose: tp_mode": "TCI",
        "purpose: sp_mode": "required",
        "purpose: sequencing": "NON_CHAINED",
        "purpose: valid LCS": "CM, DM",
        "metadata: code and data": "plain",
        "metadata: secret values": "AES",
        "metadata: signature": "ROTPK_IN_ROM",
        "metadata: personalization": "STATIC",
        "version": "1",
        "batch_id": "3",
        "dm_number": "9",
        "sizes": "code 16, data 32, secret values 160 bytes",
    }
    assert valid_lcs(_with(fields.Purpose(valid_lcs=fields.ValidLcs(0)))) == ()
