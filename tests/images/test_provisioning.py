# SPDX-License-Identifier: Apache-2.0
"""Reading provisioning messages, and the development message decoded from its description."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ImageError
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.provisioning import load_message, parse_message
from hil.images.signing_key import SigningKey
from hil.model.boot_state import TpMode
from hil.model.kdf import kdf
from hil.model.secret import Secret

BL1_2 = hashlib.sha256(b"bl1_2").digest() * 256
KEYS = {
    name: Secret(hashlib.sha256(name.encode()).digest())
    for name in ("guk", "kp_cm", "kce_cm", "kp_dm", "kce_dm")
}
KRTL = Secret(hashlib.sha256(b"krtl").digest())


@pytest.fixture(scope="module")
def message(dev_key: SigningKey) -> DevelopmentMessage:
    """The message for RSE 2 of 4."""
    rotpks = RotpkHashes.of_one_key(dev_key.public)
    return DevelopmentMessage(2, 4, BL1_2, rotpks, batch_id=3, **KEYS)  # type: ignore[arg-type]


def _u32(data: bytes, at: int) -> int:
    value: int = struct.unpack_from("<I", data, at)[0]
    return value


def _secrets(data: bytes, root: bytes) -> bytes:
    """Decrypt the secret values of a file, by the derivation of TF-M's scripts."""
    batch_id = struct.pack("<I", _u32(data, 8 + 132))
    master = kdf(root, b"KMASTER_CM\0", batch_id)
    key = kdf(master, b"KPROV_CM\0")
    counter = data[8 + 112 : 8 + 120] + bytes(8)
    decryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor()
    return decryptor.update(data[-160:])


def test_header_of_the_development_message(
    message: DevelopmentMessage, dev_key: SigningKey
) -> None:
    """Types, words and sizes stand at their offsets."""
    data = message.build(dev_key)
    assert _u32(data, 0) == 0x1111B10B
    assert _u32(data, 4) == len(data) - 8
    body = data[8:]
    assert _u32(body, 0) == 64
    assert body[68:100] == bytes(32)
    assert _u32(body, 100) == 1 << 2 | 2 << 28
    assert _u32(body, 104) == 2 | 2 << 9 | 1 << 11 | 3 << 28
    assert body[120:132] == bytes(12)
    assert _u32(body, 132) == 3
    code_size, data_size, secret_size = struct.unpack_from("<III", body, 140)
    assert (code_size, secret_size) == (16, 160)
    assert 248 + code_size + data_size + secret_size == len(body)
    assert body[152:248] == bytes(96)


@pytest.mark.parametrize("tp", [TpMode.TCI, TpMode.PCI])
def test_secrets_and_signature(
    message: DevelopmentMessage, dev_key: SigningKey, tp: TpMode
) -> None:
    """Secret values decrypt under the derived key; the signature covers their plain form."""
    data = replace(message, tp=tp, krtl=KRTL).build(dev_key)
    plain = _secrets(data, bytes(32) if tp is TpMode.TCI else KRTL)
    assert plain == b"".join(KEYS.values())
    assert not any(bytes(key) in data for key in KEYS.values())
    body = data[8:]
    assert dev_key.public.verifies_raw(body[4:68], body[100:-160] + plain)
    assert _u32(body, 104) >> 9 & 0b11 == {TpMode.PCI: 1, TpMode.TCI: 2}[tp]


def test_areas_of_the_development_message(message: DevelopmentMessage, dev_key: SigningKey) -> None:
    """CM, BL1_2 and DM areas, where the infos say and with the values of this RSE."""
    data = message.build(dev_key)[8 + 248 + 16 : -160]
    infos = [struct.unpack_from("<HH", data, 4 * i) for i in range(4)]
    assert infos[0][0] == 0x300
    for (offset, size), (following, _) in pairwise(infos):
        assert following == (offset + size + 3) // 4 * 4
    assert infos[3][1] == 0x400
    assert sum(infos[3]) <= 16 * 1024
    assert data[16 : 16 + 0x108] == bytes(0x108)
    assert _u32(data, 16 + 0x108) == 0x108
    at = 16 + 0x108 + 4
    cm, bl1_2, dm = (
        data[at : at + infos[0][1]],
        data[at + infos[0][1] :][: infos[1][1]],
        data[at + infos[0][1] + infos[1][1] :],
    )
    assert len(dm) == infos[2][1]
    der = hashlib.sha256(dev_key.public.der).digest()
    assert struct.unpack_from("<4I", cm) == (0, 1, 1, 2)
    first = cm[16 + 112 + 4 :][:136]
    bl2 = hashlib.sha256(dev_key.public.point).digest()
    assert first == bytes(8) + bl2 + der + bytes(64)
    assert len(cm) == 16 + 112 + 4 + 4 * 136
    assert struct.unpack_from("<3I", bl1_2) == (0, 8192, 1)
    assert bl1_2[12:60] == hashlib.sha256(BL1_2).digest() + bytes(16)
    assert bl1_2[60:] == BL1_2
    assert struct.unpack_from("<3I", dm) == (0, 1, 0)
    assert dm[12:20] == bytes(range(8))
    assert dm[24:128] == bytes(8) + der * 3
    assert len(dm) == 12 + 8 + 4 + 8 * 104


def test_policy_bit_and_rse_id(message: DevelopmentMessage, dev_key: SigningKey) -> None:
    """The policy bit can be left clear; each RSE gets its own id."""
    clear = replace(message, vhuk_agreement=False, rse_id=0).build(dev_key)
    assert struct.unpack_from("<4I", clear, 8 + 248 + 16 + 16 + 0x108 + 4) == (0, 1, 0, 0)


def test_message_recognises_itself(
    message: DevelopmentMessage, dev_key: SigningKey, other_key: SigningKey
) -> None:
    """A file is the message only if whole, unchanged, of the same values and signer."""
    data = message.build(dev_key)
    assert message.is_in(data, dev_key.public)
    assert not message.is_in(message.build(other_key), dev_key.public)
    assert not replace(message, rse_id=1).is_in(data, dev_key.public)
    assert not replace(message, guk=Secret(32)).is_in(data, dev_key.public)
    assert not message.is_in(data + b"\0", dev_key.public)
    for at in (0, 8, 20, 110, 8 + 248, 9000, len(data) - 1):
        changed = bytearray(data)
        changed[at] ^= 1
        assert not message.is_in(bytes(changed), dev_key.public)


def test_nothing_shows_the_keys(message: DevelopmentMessage, dev_key: SigningKey) -> None:
    """No repr and no description has a byte of a key, plain or encrypted, in it."""
    data = message.build(dev_key)
    parsed = parse_message(data)
    shown = repr(message) + repr(parsed) + str(parsed.describe()) + repr(dev_key)
    plain = replace(message, guk=b"GGGG" * 8)  # type: ignore[arg-type]
    assert "GGGG" not in repr(plain)
    for key in KEYS.values():
        assert repr(bytes(key))[2:10] not in shown
        assert key.hex() not in shown


def test_description_in_the_words_of_both_releases(
    message: DevelopmentMessage, dev_key: SigningKey, tmp_path: Path
) -> None:
    """The development message describes itself; names that changed follow the release."""
    path = tmp_path / "m.bin"
    path.write_bytes(message.build(dev_key))
    text = load_message(path).describe()
    assert text["type"] == "BLOB"
    assert text["purpose: type"] == "COMBINED_LCS_PROVISIONING"
    assert text["purpose: tp_mode"] == "TCI"
    assert text["purpose: valid LCS"] == "CM, DM"
    assert text["metadata: signature"] == "ROTPK_IN_ROM"
    assert text["metadata: secret values"] == "AES"
    assert "secret values 160 bytes" in text["sizes"]

    def body(purpose: int, metadata: int) -> bytes:
        header = struct.pack("<I96sII", 0, b"", metadata, purpose) + bytes(248 - 108)
        return struct.pack("<II", 0x1111B10B, 248) + header

    next_key = parse_message(body(3 | 1 << 27, 2 << 2 | 3 << 28 | 1 << 26 | 5 << 8))
    old, new = next_key.describe("2.2"), next_key.describe("2.3")
    assert old["purpose: type"] == "NEXT_BLOB_PUBLIC_KEY_PROVISIONING"
    assert new["purpose: type"] == "NEXT_MESSAGE_PUBLIC_KEY_PROVISIONING"
    assert (old["metadata: secret values"], new["metadata: secret values"]) == (
        "BY_BLOB",
        "BY_MESSAGE",
    )
    assert new["metadata: non-ROM key"] == "PREVIOUS_MESSAGE"
    assert new["metadata: CM ROTPK number"] == "5"
    assert new["purpose: sequencing"] == "CHAINED"
    assert "unknown" in parse_message(body(0x99, 0)).describe()["purpose: type"]


def test_other_types_have_no_header() -> None:
    """Plain data and certificates are read without the header that they do not have."""
    plain = parse_message(struct.pack("<II", 0x3333DA7A, 8) + bytes(8))
    assert plain.header is None
    assert plain.describe()["type"] == "PLAIN_DATA"
    assert plain.lcs == ()
    signed = struct.pack("<II", 0x4444DA7A, 252) + bytes(252)
    assert parse_message(signed).describe("2.3")["type"] == "AUTHENTICATED_PLAIN_DATA"
    assert "unknown" in parse_message(signed).describe("2.2")["type"]


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        (b"1234567", "header", "header of 8 bytes, got 7"),
        (struct.pack("<II", 0x12345678, 0), "header.type", "0x1111b10b"),
        (struct.pack("<II", 0x3333DA7A, 9) + bytes(8), "header.data_length", "9 bytes announced"),
        (struct.pack("<Q", 0xAAAAC0DEFEEDAAAA) + bytes(99), "header.type", "CM bundle of TF-M 2.1"),
        (struct.pack("<Q", 0xAAAABEEFFEEDAAAA) + bytes(99), "header.type", "DM bundle of TF-M 2.1"),
        (
            struct.pack("<II", 0x1111B10B, 247) + bytes(247),
            "authentication_header",
            "248 bytes, got 247",
        ),
        (struct.pack("<III", 0x1111B10B, 248, 97) + bytes(244), "signature_size", "at most 96"),
        (
            struct.pack("<II", 0x1111B10B, 249) + bytes(249),
            "code_size, data_size, secret_values_size",
            "0 bytes by the header, 1 there",
        ),
    ],
    ids=["cut", "type", "length", "CM 2.1", "DM 2.1", "header", "signature", "sizes"],
)
def test_malformed_messages_say_where(data: bytes, field: str | None, message: str) -> None:
    """Each refusal names the field and what was expected."""
    with pytest.raises(ImageError, match=message) as caught:
        parse_message(data)
    assert caught.value.field == field


@given(st.binary(max_size=600), st.sampled_from([0x1111B10B, 0x4444DA7A, 0x3333DA7A, 0]))
def test_any_bytes_end_in_a_message_or_an_image_error(junk: bytes, kind: int) -> None:
    """Junk, also behind a good type and length, is refused in order or described."""
    for data in (junk, struct.pack("<II", kind, len(junk)) + junk):
        try:
            parsed = parse_message(data)
        except ImageError:
            continue
        assert parsed.describe("2.2")
        assert parsed.describe("2.3")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bl1_2": bytes(8191)}, "bl1_2"),
        ({"guk": Secret(31)}, "guk"),
        ({"kce_dm": Secret(33)}, "kce_dm"),
        ({"tp": TpMode.VIRGIN}, "tp"),
        ({"tp": TpMode.PCI}, "krtl"),
        ({"rse_id": 4}, "rse_id"),
        ({"rse_amount": 9}, "rse_amount"),
        ({"batch_id": -1}, "batch_id"),
    ],
)
def test_values_of_wrong_size_are_refused(
    message: DevelopmentMessage, change: dict[str, object], field: str
) -> None:
    """Each value is checked before anything is built."""
    with pytest.raises(ImageError) as caught:
        replace(message, **change)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_rotpk_hash_of_wrong_size_is_refused(message: DevelopmentMessage) -> None:
    """A truncated hash is named."""
    rotpks = replace(message.rotpks, host_secure=bytes(20))
    with pytest.raises(ImageError) as caught:
        replace(message, rotpks=rotpks)
    assert caught.value.field == "rotpks.host_secure"
