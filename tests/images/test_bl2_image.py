# SPDX-License-Identifier: Apache-2.0
"""The BL2 image, decoded here from the format's description alone."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ImageError, ModelError
from hil.images.bl2_image import IMAGE_SIZE, build_bl2, parse_bl2, verify_bl2
from hil.images.recognise import recognise
from hil.images.signing_key import SigningKey

KCE_CM = b"\x5c" * 32
CODE = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def image(dev_key: SigningKey) -> bytes:
    """An image of the development configuration."""
    return build_bl2(CODE, dev_key, KCE_CM, "1.9.0+3", 5)


def _cmac(data: bytes) -> bytes:
    mac = CMAC(algorithms.AES(KCE_CM))
    mac.update(data)
    return mac.finalize()


def test_image_follows_the_format(image: bytes, dev_key: SigningKey) -> None:
    """Offsets, lengths, decryption key, plain values and signature, without any of its code."""
    assert len(image) == 216 + 12 + 4 + 0x8000
    point = image[16:80]
    assert point == dev_key.public.point
    assert image[80:112] == bytes(32)
    assert image[112:116] == struct.pack("<I", 64)
    signature = image[116:180]
    assert image[180:212] == bytes(32)
    assert image[212:216] == struct.pack("<I", 64)
    assert struct.unpack("<BBHII", image[216:228]) == (1, 9, 0, 3, 5)
    message = b"BL2_DECRYPTION_KEY\0" + b"\0" + struct.pack("<I", 5) + struct.pack(">I", 256)
    k0 = _cmac(message)
    key = b"".join(_cmac(struct.pack(">I", i) + message + k0) for i in (1, 2))
    decryptor = Cipher(algorithms.AES(key), modes.CTR(image[:16])).decryptor()
    plain = decryptor.update(image[228:])
    assert plain == struct.pack("<I", 0xDEADBEEF) + CODE + bytes(0x8000 - len(CODE))
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    public.verify(utils.encode_dss_signature(r, s), image[216:228] + plain, ec.ECDSA(SHA256()))


def test_image_verifies_with_erased_flash_behind_it(image: bytes, dev_key: SigningKey) -> None:
    """The code comes back padded with zeros; what follows in the slot does not matter."""
    found, code = verify_bl2(image + b"\xff" * 4096, KCE_CM, dev_key.public)
    assert code == CODE.ljust(0x8000, b"\0")
    assert (str(found.version), found.security_counter) == ("1.9.0+3", 5)


def test_flipped_bytes_are_refused(image: bytes, dev_key: SigningKey) -> None:
    """Every byte before the code, and some of the code: changed, it does not verify."""
    inside = random.Random(1).sample(range(232, len(image)), 60)
    accepted = []
    for at in [*range(232), *inside, len(image) - 1]:
        changed = bytearray(image)
        changed[at] ^= 0xFF
        try:
            verify_bl2(bytes(changed), KCE_CM, dev_key.public)
        except ImageError:
            continue
        accepted.append(at)
    assert accepted == []


@pytest.mark.parametrize("size", [0, 1, 215, 216, 231, IMAGE_SIZE - 1])
def test_truncations_are_refused(image: bytes, size: int) -> None:
    """A cut image says how many bytes were expected."""
    with pytest.raises(ImageError, match=f"expected {IMAGE_SIZE} bytes, got {size}"):
        parse_bl2(image[:size])


def test_wrong_keys_are_refused(image: bytes, dev_key: SigningKey, other_key: SigningKey) -> None:
    """Another signing key and another encryption key are told apart."""
    with pytest.raises(ImageError, match="another key") as caught:
        verify_bl2(image, KCE_CM, other_key.public)
    assert caught.value.field == "rotpk"
    with pytest.raises(ImageError, match="KCE_CM") as caught:
        verify_bl2(image, bytes(32), dev_key.public)
    assert caught.value.field == "decrypt_magic"


def test_random_iv_makes_each_image_its_own(dev_key: SigningKey) -> None:
    """Two images of the same code share no ciphertext."""
    first, second = (build_bl2(CODE, dev_key, KCE_CM, "1.0.0") for _ in range(2))
    assert first[:16] != second[:16]
    assert first[228:] != second[228:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": b""}, "BL2 code"),
        ({"code": bytes(0x8001)}, "1 to 32768 bytes, got 32769"),
        ({"version": "x"}, "version"),
        ({"security_counter": 1024}, "0 to 1023"),
        ({"iv": bytes(15)}, "ctr_iv"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    dev_key: SigningKey, change: dict[str, object], message: str
) -> None:
    """Each field's limit is checked when building."""
    values = {"code": CODE, "version": "1.0.0", "security_counter": 1} | change
    with pytest.raises(ImageError, match=message):
        build_bl2(key=dev_key, kce_cm=KCE_CM, **values)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="KCE_CM of 32 bytes, got 16"):
        build_bl2(CODE, dev_key, bytes(16), "1.0.0")


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_end_in_an_image_error(junk: bytes, padded: bool) -> None:
    """Junk of any length is refused in order."""
    data = junk.ljust(IMAGE_SIZE, b"\0") if padded else junk
    with pytest.raises(ImageError):
        parse_bl2(data)


def test_an_iv_that_looks_like_something_else_hides_no_image(
    dev_key: SigningKey, tmp_path: Path
) -> None:
    """The first bytes are random: stack and reset vector, or the beginning of a gzip file."""
    for head in (struct.pack("<II", 0x30000400, 0x31000101), b"\x1f\x8b\x00\x00\x00\x00\x00\x00"):
        data = build_bl2(b"code", dev_key, bytes(32), "2.3.1", iv=head + bytes(8))
        found = recognise(tmp_path / "bl2.bin", data)
        assert found is not None
        assert found.bl2 is not None
