# SPDX-License-Identifier: Apache-2.0
"""MCUboot images: structure, and that nothing changed goes through."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ImageError
from hil.images.mcuboot import Version, load_image, parse_image, peek_version, verify_image
from hil.images.signing import SignedImage
from hil.images.signing_key import PublicKey, SigningKey

HEADER = struct.Struct("<4sIHHIIBBHI4x")


def _minimal(
    *,
    magic: bytes = b"\x3d\xb8\xf3\x96",
    header_size: int = 32,
    protected_size: int = 0,
    image_size: int = 4,
    tlvs: bytes = b"\x07\x69\x04\x00",
) -> bytes:
    """Return an image with an empty TLV area, or the parts given."""
    header = HEADER.pack(magic, 0, header_size, protected_size, image_size, 0, 1, 2, 3, 4)
    return header + b"code" + tlvs


def test_structure_of_a_signed_image(signed: SignedImage, dev_key: SigningKey) -> None:
    """What imgtool wrote is read back: addresses, version, counter, key, in the right areas."""
    image = load_image(signed.path)
    assert image.load_address == 0x31000000
    assert image.ram_load
    assert image.header_size == 0x400
    assert image.image_size == 300
    assert str(image.version) == "1.2.3+4"
    assert image.security_counter == 7
    assert [(tlv.name, tlv.protected) for tlv in image.tlvs] == [
        ("SEC_CNT", True),
        ("SHA256", False),
        ("PUBKEY", False),
        ("ECDSASIG", False),
    ]
    assert image.tlvs[2].value == dev_key.public.der
    assert image.end == signed.path.stat().st_size


def test_signed_image_verifies_also_in_a_padded_slot(
    signed: SignedImage, dev_key: SigningKey
) -> None:
    """Padding and trailer of the slot after the image do not matter."""
    data = signed.path.read_bytes()
    assert verify_image(data, dev_key.public).security_counter == 7
    assert verify_image(data + b"\xff" * 4096, dev_key.public).security_counter == 7


def test_every_flipped_byte_is_refused(signed: SignedImage, dev_key: SigningKey) -> None:
    """Change any one byte, header padding and TLV bookkeeping included: it does not verify."""
    data = bytearray(signed.path.read_bytes())
    accepted = []
    for at in range(len(data)):
        data[at] ^= 0xFF
        try:
            verify_image(bytes(data), dev_key.public)
        except ImageError:
            pass
        else:
            accepted.append(at)
        data[at] ^= 0xFF
    assert accepted == []
    verify_image(bytes(data), dev_key.public)


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_outside_the_hash_is_refused(
    signed: SignedImage, dev_key: SigningKey, bit: int
) -> None:
    """The TLVs themselves are under no hash; single bits there do not go through either."""
    data = bytearray(signed.path.read_bytes())
    accepted = []
    for at in [*range(32), *range(signed.image.signed_size, len(data))]:
        data[at] ^= 1 << bit
        try:
            verify_image(bytes(data), dev_key.public)
        except ImageError:
            pass
        else:
            accepted.append(at)
        data[at] ^= 1 << bit
    assert accepted == []


def test_every_truncation_is_refused(signed: SignedImage, dev_key: SigningKey) -> None:
    """A file that ends anywhere before its end is refused with an error, not a traceback."""
    data = signed.path.read_bytes()
    for size in range(len(data)):
        with pytest.raises(ImageError):
            verify_image(data[:size], dev_key.public)


def test_other_key_is_refused(signed: SignedImage, other_key: SigningKey) -> None:
    """An image signed by another key names the TLV that shows it."""
    with pytest.raises(ImageError, match="another key") as caught:
        load_image(signed.path, other_key.public)
    assert caught.value.path == signed.path
    assert caught.value.field == "TLV PUBKEY"
    assert caught.value.offset == signed.image.one(0x02).offset


def test_exchanged_public_key_is_refused(
    signed: SignedImage, dev_key: SigningKey, other_key: SigningKey
) -> None:
    """Putting one's own key into the image does not make the signature its own."""
    data = signed.path.read_bytes().replace(dev_key.public.der, other_key.public.der)
    with pytest.raises(ImageError, match="signature does not verify"):
        verify_image(data, other_key.public)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_order(junk: bytes) -> None:
    """Junk ends in an ImageError, whatever it is."""
    with pytest.raises(ImageError):
        parse_image(junk)


@given(st.data())
def test_any_bytes_after_a_good_magic(data: st.DataObject) -> None:
    """Random numbers in a header never end in anything but an image or an ImageError."""
    fields = data.draw(
        st.tuples(
            st.integers(0, 2**32 - 1), st.integers(0, 80), st.integers(0, 40), st.integers(0, 80)
        )
    )
    load, header_size, protected, image_size = fields
    header = HEADER.pack(
        b"\x3d\xb8\xf3\x96", load, header_size, protected, image_size, 0, 1, 2, 3, 4
    )
    areas = data.draw(
        st.lists(
            st.one_of(st.binary(max_size=40), st.sampled_from([b"\x08\x69", b"\x07\x69\x08\0"]))
        )
    )
    try:
        image = parse_image(header + b"".join(areas))
    except ImageError:
        return
    assert image.header_size == header_size
    assert image.end <= len(header) + sum(map(len, areas))


@pytest.mark.parametrize(
    ("data", "offset", "field"),
    [
        (b"", 0, "header"),
        (_minimal(magic=b"ELF\x7f"), 0, "ih_magic"),
        (_minimal(header_size=8), 8, "ih_hdr_size"),
        (_minimal(image_size=0x7FFFFFFF), 12, "ih_img_size"),
        (_minimal(tlvs=b"\x00\x00\x04\x00"), 36, "TLV area"),
        (_minimal(tlvs=b"\x07\x69\xff\x00"), 38, "TLV area"),
        (_minimal(tlvs=b"\x07\x69\x03\x00"), 38, "TLV area"),
        (_minimal(tlvs=b"\x07\x69\x06\x00\x10\x00"), 40, "TLV area"),
        (_minimal(tlvs=b"\x07\x69\x06\x00\x10\x00" + bytes(8)), 40, "TLV area"),
        (_minimal(tlvs=b"\x07\x69\x08\x00\x10\x00\x01\x00"), 40, "TLV SHA256"),
        (
            _minimal(protected_size=8, tlvs=b"\x08\x69\x04\x00" + bytes(8)),
            10,
            "ih_protect_tlv_size",
        ),
        (
            _minimal(
                protected_size=10, tlvs=b"\x08\x69\x0a\x00\x50\x00\x02\x00\x07\x00\x07\x69\x04\x00"
            ),
            40,
            "TLV SEC_CNT",
        ),
    ],
    ids=[
        "empty",
        "magic",
        "header size",
        "image size",
        "TLV magic",
        "TLV area too long",
        "TLV area too short",
        "entry cut by the file",
        "entry cut by its area",
        "value too long",
        "protected size",
        "counter size",
    ],
)
def test_error_says_where(data: bytes, offset: int, field: str) -> None:
    """Each malformed part is named with its offset and field."""
    with pytest.raises(ImageError) as caught:
        parse_image(data, Path("x.bin"))
    assert (caught.value.offset, caught.value.field) == (offset, field)
    assert "x.bin" in str(caught.value)


def test_missing_and_doubled_tlvs_are_refused(signed: SignedImage, dev_key: SigningKey) -> None:
    """An image without signature, or with two hashes, is not half accepted."""
    data = signed.path.read_bytes()
    start = signed.image.signed_size
    entries = [t for t in signed.image.tlvs if not t.protected]

    def area(tlvs: list[bytes]) -> bytes:
        body = b"".join(tlvs)
        return data[:start] + struct.pack("<HH", 0x6907, 4 + len(body)) + body

    raw = [struct.pack("<HH", t.type, len(t.value)) + t.value for t in entries]
    verify_image(area(raw), dev_key.public)
    for broken, name in (
        (raw[1:], "SHA256"),
        (raw[:2], "ECDSASIG"),
        ([raw[0], raw[2]], "PUBKEY"),
        ([raw[0], *raw], "SHA256"),
    ):
        with pytest.raises(ImageError, match=name):
            verify_image(area(broken), dev_key.public)


@pytest.mark.parametrize("text", ["1", "1.2", "1.2.3.4", "a.b.c", "256.0.0", "0.0.65536", "1.2.3+"])
def test_bad_versions_are_refused(text: str) -> None:
    """A version that does not fit the header says so."""
    with pytest.raises(ImageError, match="version"):
        Version.parse(text)


def test_versions_compare_as_numbers() -> None:
    """1.10.0 is newer than 1.9.0."""
    assert Version.parse("1.10.0") > Version.parse("1.9.0+99")
    assert str(Version.parse("1.2.3")) == "1.2.3+0"


def test_version_is_seen_in_the_header_alone(signed: SignedImage) -> None:
    """The first 32 bytes are enough; other files have no version."""
    assert str(peek_version(signed.path.read_bytes()[:32])) == "1.2.3+4"
    assert peek_version(b"no image") is None
    assert peek_version(bytes(64)) is None


def test_unreadable_files_are_named(tmp_path: Path, boards: Path) -> None:
    """A missing file, a folder and a file that is no key each say what they are."""
    with pytest.raises(ImageError, match="no such file"):
        load_image(tmp_path / "missing.bin")
    with pytest.raises(ImageError, match="no regular file"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="public or private key"):
        PublicKey.load(boards / "payloads" / "scp.bin")
    with pytest.raises(ImageError, match="private key"):
        SigningKey.load(boards / "payloads" / "scp.bin")
