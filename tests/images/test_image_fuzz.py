# SPDX-License-Identifier: Apache-2.0
"""Any bytes whatever: the answer is an image, no image, or the project's own error."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.errors import ImageError
from hil.images.bl1_2_format import LAYOUTS, Layout, find_bl1_image, read_bl1_image
from hil.images.bl2_image import build_bl2
from hil.images.dma_ics import Sequence, find_sequence
from hil.images.image_roles import Role
from hil.images.mcuboot_tlvs import dependency_of, flag_names, software_type
from hil.images.mutants import CATALOGUE
from hil.images.mutations import Material
from hil.images.recognise import recognise
from hil.images.rom import rom_problem
from hil.images.sic_table import find_sic_table
from hil.images.signing import SignedImage
from hil.images.signing_key import SigningKey

HERE = Path("file.bin")
#: Beginnings that lead each parser further than chance does.
STARTS = (
    b"\x3d\xb8\xf3\x96",
    struct.pack("<I", 0x1111B10B),
    struct.pack("<I", 0x4444DA7A),
    struct.pack("<Q", 0xAAAAC0DEFEEDAAAA),
    struct.pack("<I", 0xAA640001),
    struct.pack("<II", 0x30001000, 0x11000101),
    b"",
)
many = settings(max_examples=300, deadline=None)
with_fixture = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(st.sampled_from(STARTS), st.binary(max_size=2000))
def test_recognising_never_raises(start: bytes, rest: bytes) -> None:
    """Random bytes behind every magic that is known."""
    recognise(HERE, start + rest)


@many
@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.binary())
def test_no_length_field_is_believed(header: int, protected: int, size: int, rest: bytes) -> None:
    """Headers that announce up to 4 GiB are refused by what is there."""
    data = (
        struct.pack("<4sIHHIIBBHI4x", STARTS[0], 0, header, protected, size, 0, 1, 2, 3, 4) + rest
    )
    found = recognise(HERE, data)
    assert found is not None
    assert found.size == len(data)


@with_fixture
@given(data=st.data())
def test_a_damaged_image_is_recognised_or_named_damaged(
    signed: SignedImage, data: st.DataObject
) -> None:
    """Any few bytes of a real image changed, or any end cut off."""
    image = bytearray(signed.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(4, len(image) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(image[: data.draw(st.integers(4, len(image)))])
    assert recognise(HERE, cut) is not None


@with_fixture
@given(st.sampled_from(CATALOGUE), st.sampled_from(STARTS), st.binary(max_size=400))
def test_a_mutation_of_anything_ends_in_bytes_or_the_own_error(
    dev_key: SigningKey, mutant: object, start: bytes, rest: bytes
) -> None:
    """Mutations take real images apart; what is none is refused."""
    with contextlib.suppress(ImageError):
        assert isinstance(mutant.apply(Material(start + rest, dev_key)), bytes)  # type: ignore[attr-defined]


@many
@given(st.binary(max_size=5000))
def test_structures_without_a_magic_never_raise(data: bytes) -> None:
    """BL2 images, command sequences, tables, records and dependencies."""
    find_bl1_image(data)
    find_sequence(data)
    find_sic_table(data)
    software_type(data)
    dependency_of(data)
    flag_names(int.from_bytes(data[:4], "little"))


@many
@given(st.binary(min_size=4000, max_size=9000))
def test_random_bytes_are_hardly_ever_a_bl2_image(data: bytes) -> None:
    """A format without a magic must not claim everything."""
    assert find_bl1_image(data) is None


def _bl2(layout: Layout, rotpk: int, signature: int, code: bytes = b"\x99" * 500) -> bytes:
    """An image of any layout; nothing in it verifies."""
    entry = b"K" * rotpk + bytes(layout.rotpk_size - rotpk) + struct.pack("<I", rotpk)
    entry += b"S" * signature + bytes(layout.signature_size - signature)
    entry += struct.pack("<I", signature)
    head = b"\x55" * layout.sigs_offset + entry * layout.signers
    return head + struct.pack("<BBHII", 1, 9, 0, 0, 1) + code


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_layout_of_a_bl2_image_is_told_from_the_others(layout: Layout) -> None:
    """Encrypted or not, bound or not, one to three signers, any room for keys and signatures."""
    sizes = {(120, 1452): (60, 1452), (96, 96): (96, 96), (64, 64): (64, 64)}
    data = _bl2(layout, *sizes[layout.rotpk_size, layout.signature_size])
    found = read_bl1_image(data)
    assert found.layout.header_size == layout.header_size
    assert len(found.signers) == layout.signers
    assert str(found.version) == "1.9.0+0"


def test_what_the_project_builds_is_read(dev_key: SigningKey) -> None:
    """The format of `build_bl2` is one of the layouts; its key is named."""
    found = recognise(HERE, build_bl2(b"code", dev_key, bytes(32), "2.3.1", 5))
    assert found is not None
    assert (found.role, found.version, found.security_counter) == (Role.BL2, "2.3.1+0", 5)
    assert found.key == "dev-EC-P256"


def test_no_bl2_image_is_one_error() -> None:
    """The error says what was looked for."""
    with pytest.raises(ImageError, match="BL1_2's format"):
        read_bl1_image(bytes(100))


#: The first commands of TF-M's ROM sequence: two descriptors that follow one another, and the end.
ROM_ICS = struct.pack(
    "<15I",
    *(0x40000048, 0x10000602, 0x00010000, 0x1101F011),
    *(0x40000148, 0x1, 0x2, 0x3, 0x1101F025),
    *(0x00000048, 0x1, 0x2),
    *(0, 0, 0),
)


def test_command_sequences_are_told_by_their_links() -> None:
    """Each descriptor names the next; a wrong address is no sequence."""
    assert find_sequence(ROM_ICS) is Sequence.ROM
    assert find_sequence(ROM_ICS.replace(b"\x11\xf0\x01\x11", b"\x13\xf0\x01\x11")) is None
    otp = bytes(8) + ROM_ICS.replace(b"\x11\xf0\x01\x11", b"\x19\0\0\x31")
    assert find_sequence(otp.replace(b"\x25\xf0\x01\x11", b"\x2d\0\0\x31")) is Sequence.OTP


def test_commands_in_the_wrong_place_of_a_rom_are_told(tmp_path: Path) -> None:
    """A model may do without them, and fills a short file; commands at 0x1E000 nobody finds."""
    path = tmp_path / "rom.bin"
    code = b"\x01" * 5000
    for at, told in ((0x1F000, None), (0x1E000, "the DMA ICS, expected at 0x1f000"), (None, None)):
        path.write_bytes(code if at is None else code.ljust(at, b"\0") + ROM_ICS)
        problem = rom_problem(path)
        assert (problem is None) if told is None else (told in str(problem)), at
    path.write_bytes((code.ljust(0x1E000, b"\0") + ROM_ICS).ljust(0x20000, b"\0"))
    assert "+0x1e000 [ICS]" in str(rom_problem(path))
