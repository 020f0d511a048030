# SPDX-License-Identifier: Apache-2.0
"""Provisioning messages of 2.2 and later: parsing, building, sealing."""

from __future__ import annotations

import contextlib
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from hypothesis import given, settings
from hypothesis import strategies as st
from provisioning_builders import KEY, PARTS, POINT, blob, header, key_for, sign

from hil.errors import ModelError
from hil.model import provisioning_fields as fields
from hil.model.message_error import MessageError
from hil.model.provisioning_message import AuthHeader, Message, parse
from hil.model.provisioning_seal import Parts, SealError, open_sealed, seal, verifies
from hil.model.secret import Secret

CCM = fields.Metadata(signature=fields.Signature.KRTL_DERIVATIVE)
WORDS = st.integers(0, 2**32 - 1)


def _any_header(draw: st.DrawFn) -> AuthHeader:
    return AuthHeader(
        signature=draw(st.binary(max_size=96)),
        metadata=fields.Metadata.from_word(draw(WORDS)),
        purpose=fields.Purpose.from_word(draw(WORDS)),
        version=draw(WORDS),
        iv=draw(st.binary(min_size=8, max_size=8)),
        soc_uid=draw(st.binary(min_size=12, max_size=12)),
        batch_id=draw(WORDS),
        dm_number=draw(WORDS),
        code_size=draw(st.integers(0, 40)),
        data_size=draw(st.integers(0, 40)),
        secret_values_size=draw(st.integers(0, 40)),
        public_key=draw(st.binary(min_size=96, max_size=96)),
    )


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message that can be."""
    kind = draw(st.sampled_from(fields.MessageType))
    if kind is fields.MessageType.BLOB:
        made = _any_header(draw)
        size = made.content_size
        return Message(kind, made, draw(st.binary(min_size=size, max_size=size)))
    made_or_none = _any_header(draw) if kind is fields.MessageType.AUTH_PLAIN_DATA else None
    return Message(kind, made_or_none, draw(st.binary(max_size=60)))


@given(messages(), st.binary(max_size=20))
def test_what_is_built_is_parsed_as_it_was(message: Message, behind: bytes) -> None:
    """A message survives being built and parsed, whatever lies behind it in memory."""
    assert parse(message.build() + behind) == message


@given(WORDS)
def test_bit_fields_lose_nothing(word: int) -> None:
    """Every word is some purpose and some metadata, and comes back as it was."""
    assert fields.Purpose.from_word(word).word == word
    assert fields.Metadata.from_word(word).word == word


def test_bit_fields_stand_where_the_firmware_reads_them() -> None:
    """Each field alone sets its bits."""
    purpose = fields.Purpose(
        fields.BlobType.TEST,
        fields.RequiredTp.PCI,
        needs_sp_mode=False,
        chained=True,
        valid_lcs=fields.ValidLcs.SE,
    )
    assert purpose.word == 7 | 1 << 9 | 1 << 27 | 4 << 28
    metadata = fields.Metadata(
        fields.CodeProtection.AES,
        fields.ValuesProtection.BY_MESSAGE,
        0x155,
        fields.NonRomKey.DM_ROTPK,
        fields.Signature.ROTPK_NOT_IN_ROM,
        fields.Personalization.PERSONALIZED,
    )
    assert metadata.word == 1 | 2 << 2 | 0x155 << 8 | 2 << 26 | 3 << 28 | 1 << 30


def test_header_fields_stand_at_their_offsets() -> None:
    """The 248 bytes of the authentication header, offset by offset."""
    made = AuthHeader(
        b"sig", version=11, iv=b"iv......", soc_uid=b"uid.........", batch_id=12, dm_number=13,
        code_size=14, data_size=15, secret_values_size=16, public_key=b"k" * 96,
    )  # fmt: skip
    packed = made.pack()
    assert len(packed) == 248
    assert struct.unpack_from("<I", packed, 0) == (3,)
    assert packed[4:8] == b"sig\0"
    at = {100: made.metadata.word, 104: made.purpose.word, 108: 11, 132: 12, 136: 13}
    at |= {140: 14, 144: 15, 148: 16}
    assert {offset: struct.unpack_from("<I", packed, offset)[0] for offset in at} == at
    assert packed[112:132] == b"iv......uid........."
    assert packed[152:] == b"k" * 96
    assert made.authenticated() == packed[100:]


@pytest.mark.parametrize("message", [blob(), blob(CCM)], ids=["ECDSA", "CCM"])
def test_a_message_cut_anywhere_is_refused_by_field_and_offset(message: bytes) -> None:
    """No length of a message but the whole is one; each refusal says where it looked."""
    for length in range(len(message)):
        with pytest.raises(MessageError) as caught:
            parse(message[:length])
        assert caught.value.field in {"header", "header.data_length"}
        assert caught.value.offset == (0 if length < 8 else 4)
    with pytest.raises(MessageError, match="ends inside iv"):
        parse(message[: 8 + 115])
    with pytest.raises(MessageError, match="ends inside code_and_data_and_secret_values"):
        parse(message[:-1])


@given(st.binary(max_size=400), st.sampled_from(list(fields.MessageType)))
def test_any_bytes_are_a_message_or_a_message_error(junk: bytes, kind: int) -> None:
    """Junk never ends in an error of another kind."""
    for data in (junk, struct.pack("<II", kind, len(junk)) + junk):
        with contextlib.suppress(MessageError):
            message = parse(data)
            assert parse(message.build()) == message


SEALS = {
    "CCM": CCM,
    "CCM, code encrypted": fields.Metadata(
        code=fields.CodeProtection.AES, signature=fields.Signature.KRTL_DERIVATIVE
    ),
    "CCM, all plain": fields.Metadata(
        values=fields.ValuesProtection.BY_MESSAGE, signature=fields.Signature.KRTL_DERIVATIVE
    ),
    "ECDSA": fields.Metadata(),
    "ECDSA, code encrypted": fields.Metadata(code=fields.CodeProtection.AES),
    "ECDSA, all plain": fields.Metadata(values=fields.ValuesProtection.BY_MESSAGE),
}


@pytest.mark.parametrize("metadata", SEALS.values(), ids=SEALS)
def test_sealed_messages_open_and_every_flipped_bit_is_refused(metadata: fields.Metadata) -> None:
    """Each bit from the metadata to the last byte, and each of the tag, is protected."""
    message = blob(metadata)
    key = key_for(header())
    assert open_sealed(parse(message), key=key, point=POINT) == PARTS
    assert (PARTS.code in message) is (metadata.code is fields.CodeProtection.PLAIN)
    assert (bytes(PARTS.secret_values) in message) is (
        metadata.values is fields.ValuesProtection.BY_MESSAGE
    )
    size = struct.unpack_from("<I", message, 8)[0]
    protected = [*range(12, 12 + size), *range(108, len(message))]
    # A message that lies about its sizes is not even parsed.
    for at in protected:
        for bit in range(8):
            changed = bytearray(message)
            changed[at] ^= 1 << bit
            with pytest.raises(ModelError):
                open_sealed(parse(bytes(changed)), key=key, point=POINT)


@settings(max_examples=40)
@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80), st.booleans())
def test_any_parts_come_out_as_they_went_in(
    code: bytes, data: bytes, values: bytes, ccm: bool
) -> None:
    """Parts of any size, also empty ones, are sealed and opened."""
    parts = Parts(code, data, Secret(values))
    made = header(CCM if ccm else None)
    sealed = parse(seal(made, parts, key=key_for(made), sign=sign).build())
    assert open_sealed(sealed, key=key_for(made), point=POINT) == parts
    assert (sealed.code, sealed.data) == (code, data)


def test_the_wrong_keys_do_not_open() -> None:
    """Another key, another point and a missing one are told apart."""
    ccm, ecdsa = parse(blob(CCM)), parse(blob())
    with pytest.raises(SealError, match="CCM tag does not verify"):
        open_sealed(ccm, key=bytes(32))
    with pytest.raises(SealError, match="signature does not verify"):
        open_sealed(ecdsa, key=bytes(32), point=POINT)
    with pytest.raises(ModelError, match="expected 32 bytes, got none"):
        open_sealed(ccm)
    with pytest.raises(ModelError, match="no public key was given"):
        open_sealed(ecdsa, key=key_for(header()))
    with pytest.raises(ModelError, match="no signing key was given"):
        seal(header(), PARTS, key=bytes(32))


def test_signatures_on_p384_are_verified_with_sha_384() -> None:
    """The size of the point chooses curve and hash; no other size is a key."""
    key = ec.derive_private_key(0x5EED, ec.SECP384R1())
    numbers = key.public_key().public_numbers()
    point = numbers.x.to_bytes(48, "big") + numbers.y.to_bytes(48, "big")
    r, s = decode_dss_signature(key.sign(b"message", ec.ECDSA(SHA384())))
    signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    assert verifies(point, b"message", signature)
    assert not verifies(point, b"massage", signature)
    assert not verifies(point, b"message", signature[:64])
    assert not verifies(POINT, b"message", bytes(64))
    assert not verifies(bytes(64), b"message", bytes(64))
    with pytest.raises(ModelError, match="64 or 96 bytes"):
        verifies(bytes(63), b"", b"")


def test_a_signature_covers_the_plain_values() -> None:
    """What is signed is the header from the metadata on and everything in the clear."""
    message = parse(blob())
    assert message.header is not None
    signed = message.header.authenticated() + PARTS.joined
    assert verifies(POINT, signed, message.header.signature)
    assert KEY.public_key().public_numbers().x == int.from_bytes(POINT[:32], "big")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AuthHeader(bytes(97)), "signature: at most 96 bytes"),
        (lambda: AuthHeader(iv=bytes(7)), "iv: expected 8 bytes"),
        (lambda: AuthHeader(soc_uid=bytes(13)), "soc_uid: expected 12 bytes"),
        (lambda: AuthHeader(public_key=bytes(64)), "public_key: expected 96 bytes"),
        (lambda: AuthHeader(batch_id=2**32), "batch_id: expected a number of 32 bits"),
        (lambda: fields.Purpose(type=256), "type has 8 bits"),
        (lambda: fields.Purpose(reserved=1), "reserved bits"),
        (lambda: fields.Metadata(cm_rotpk=512), "CM ROTPK number has 9 bits"),
        (lambda: fields.Metadata(reserved=1 << 31), "reserved bits"),
    ],
)
def test_values_that_fit_no_field_are_refused(make: object, message: str) -> None:
    """Nothing is cut to fit."""
    with pytest.raises(ModelError, match=message):
        make()  # type: ignore[operator]


def test_nothing_of_the_secret_values_is_shown() -> None:
    """Neither parts nor messages show what they carry."""
    secret = hashlib.sha256(b"guk").digest()
    parts = Parts(b"", b"", Secret(secret))
    message = parse(blob(SEALS["ECDSA, all plain"], parts=parts))
    assert repr(secret)[2:10] not in repr(parts) + repr(message)
