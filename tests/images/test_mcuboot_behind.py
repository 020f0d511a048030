# SPDX-License-Identifier: Apache-2.0
"""What stands behind the first image of a file."""

from __future__ import annotations

import pytest

from hil.images.mcuboot import TRAILER_MAGIC, parse_image
from hil.images.mcuboot_behind import Behind, behind
from hil.images.signing import SignedImage

SLOT = 0x4000
#: Trailers as imgtool writes them: overwrite, confirmed, aligned to 32 bytes.
TRAILERS = (
    TRAILER_MAGIC,
    b"\x01" + b"\xff" * 7 + TRAILER_MAGIC,
    b"\x01" + b"\xff" * 47 + bytes.fromhex("20002de15d29410b8d77679c110f1f8a"),
)


@pytest.fixture(scope="module")
def image(signed: SignedImage) -> bytes:
    """An image without anything behind it."""
    return signed.path.read_bytes()[: signed.image.end]


def _slot(image: bytes, trailer: bytes = TRAILER_MAGIC, erased: bytes = b"\xff") -> bytes:
    return image + erased * (SLOT - len(image) - len(trailer)) + trailer


def _found(data: bytes) -> list[Behind]:
    return list(behind(data, parse_image(data)))


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("erased", [b"\xff", b"\x00"])
def test_padding_and_trailer_are_nothing(image: bytes, trailer: bytes, erased: bytes) -> None:
    """A padded slot holds its image alone."""
    assert _found(_slot(image, trailer, erased)) == []
    assert _found(image) == []


@pytest.mark.parametrize("trailer", TRAILERS)
def test_the_image_of_the_next_slot_is_found(image: bytes, trailer: bytes) -> None:
    """tfm_s_ns_signed.bin, and a dump with more."""
    data = _slot(image, trailer) + _slot(image, trailer) + image
    assert [each.offset for each in _found(data)] == [SLOT, 2 * SLOT]
    assert _found(data)[0].data == data[SLOT:]


def test_an_image_that_lost_its_magic_is_still_something(image: bytes) -> None:
    """Bytes that nothing covers are not passed over in silence."""
    data = bytearray(_slot(image) + image)
    data[SLOT] ^= 1
    assert _found(bytes(data)) == [Behind(SLOT, None)]


def test_behind_a_damaged_image_nothing_is_looked_for(image: bytes) -> None:
    """Where it ends is not known."""
    damaged = bytearray(image)
    damaged[14] = 0xFF
    data = _slot(image) + bytes(damaged) + image
    assert [each.offset for each in _found(data)] == [SLOT]
