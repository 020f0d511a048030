# SPDX-License-Identifier: Apache-2.0
"""Firmware image packages: what is read, what is written, and what fiptool makes of both."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.cli import main
from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip import (
    ENTRY,
    HEADER,
    Fip,
    FipImage,
    lay_out,
    parse_fip,
    updated,
    with_platform_flags,
    without,
)
from hil.images.fip_uuids import BY_NAME, KINDS, name_of
from hil.images.output import new_file
from hil.images.unpack import unpack_fip

BL2 = BY_NAME["rse-bl2"].uuid
S = BY_NAME["rse-s"].uuid
OTHER = UUID("12345678-1234-1234-1234-123456789abc")
OTHER_2 = UUID("00000000-0000-0000-0000-000000000001")
PAYLOADS = {BL2: bytes(range(200)) * 30, S: b"S" * 4097, OTHER: b"blob"}


def _images(payloads: dict[UUID, bytes]) -> list[FipImage]:
    return [FipImage(uuid, Content.of(data)) for uuid, data in payloads.items()]


def _bytes(images: list[FipImage], folder: Path, align: int = 1, flags: int = 0) -> bytes:
    layout = lay_out(images, align, flags)
    with new_file(folder / "package.fip") as output:
        output.resize(layout.size)
        layout.write(output)
    return (folder / "package.fip").read_bytes()


def _parsed(data: bytes) -> Fip:
    return parse_fip(Content.of(data, Path("x.fip")))


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    """A package of three images, aligned to 8 KiB."""
    return _bytes(_images(PAYLOADS), tmp_path, 8192)


@pytest.mark.parametrize("align", [1, 16, 4096, 8192])
def test_what_is_written_is_read(tmp_path: Path, align: int) -> None:
    """Every image comes back as it was, at an aligned offset, and the size is aligned too."""
    fip = _parsed(_bytes(_images(PAYLOADS), tmp_path, align, 0x1A2B << 32))
    assert {e.uuid: fip.image(e).read(0, e.size) for e in fip.entries} == PAYLOADS
    assert [e.offset % align for e in fip.entries] == [0, 0, 0]
    assert (fip.size % align, fip.flags, fip.serial_number) == (0, 0x1A2B << 32, 0x12345678)


def test_known_images_come_first_in_the_order_of_fiptool(tmp_path: Path) -> None:
    """The order of the arguments does not matter for known images; others follow as given."""
    uuids = [OTHER, S, BL2, BY_NAME["tb-fw"].uuid]
    fip = _parsed(_bytes(_images(dict.fromkeys(uuids, b"x")), tmp_path))
    assert [e.name for e in fip.entries] == ["tb-fw", "rse-bl2", "rse-s", str(OTHER)]


def test_both_names_of_the_rse_images_mean_the_same() -> None:
    """TF-M called the RSE "RSS" until 2.0; the UUIDs did not change."""
    for name in ("bl1_2", "bl2", "scp-bl1", "ap-bl1", "ns", "s", "sic-tables-ns", "sic-tables-s"):
        assert BY_NAME[f"rss-{name}"] is BY_NAME[f"rse-{name}"]
    assert name_of(BL2) == "rse-bl2"
    assert len({kind.uuid for kind in KINDS}) == len(KINDS)


def test_uuids_are_in_the_package_as_tf_m_prints_them(package: bytes) -> None:
    """BL2 is looked for by these 16 bytes, in this order."""
    assert package[16:32] == bytes.fromhex("a3b3b30debc94048b480155361c17048")


def test_update_keeps_flags_alignment_and_the_other_images(package: bytes, tmp_path: Path) -> None:
    """A new image takes the place of the old one; nothing else of the package changes."""
    old = bytearray(package)
    struct.pack_into("<Q", old, HEADER.size + 32, 7)  # flags of the first image
    fip = with_platform_flags(_parsed(bytes(old)), 0x55)
    layout = updated(fip, _images({S: b"new" * 5000, BY_NAME["rse-ns"].uuid: b"ns"}))
    with new_file(tmp_path / "new.fip") as output:
        output.resize(layout.size)
        layout.write(output)
    new = _parsed((tmp_path / "new.fip").read_bytes())
    assert [e.name for e in new.entries] == ["rse-bl2", "rse-ns", "rse-s", str(OTHER)]
    assert new.alignment == 8192
    assert new.flags == 0x55 << 32
    assert [e.flags for e in new.entries] == [7, 0, 0, 0]
    assert new.image(new.entry(S)).read(0, 15000) == b"new" * 5000
    assert new.image(new.entry(BL2)).read(0, 6000) == PAYLOADS[BL2]


def test_remove_takes_one_image_and_refuses_what_is_not_there(package: bytes) -> None:
    """What is not in the package is an error that says what is."""
    fip = _parsed(package)
    assert [image.uuid for _, image in without(fip, [S]).parts] == [BL2, OTHER]
    with pytest.raises(ImageError, match=r"x\.fip.*no image rse-ns; there is rse-bl2, rse-s, 1234"):
        without(fip, [BY_NAME["rse-ns"].uuid])


@pytest.mark.parametrize("align", [0, 3, -8, 1 << 40])
def test_alignment_is_a_power_of_two(align: int) -> None:
    """Nothing else is taken, as with fiptool."""
    with pytest.raises(ImageError, match="power of two"):
        lay_out(_images(PAYLOADS), align)


def test_empty_and_doubled_images_are_refused() -> None:
    """Fiptool leaves an empty file out without a word; the RSE would not find its image."""
    with pytest.raises(ImageError, match=r"rse-s.*the file is empty"):
        lay_out(_images({S: b""}))
    with pytest.raises(ImageError, match="given twice"):
        lay_out(_images({S: b"x"}) * 2)


def _entry(number: int, package: bytes, **change: int) -> bytes:
    uuid, offset, size, flags = ENTRY.unpack_from(package, HEADER.size + number * ENTRY.size)
    fields = {"offset": offset, "size": size} | change
    new = ENTRY.pack(uuid, fields["offset"], fields["size"], flags)
    at = HEADER.size + number * ENTRY.size
    return package[:at] + new + package[at + ENTRY.size :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: b"", r"x\.fip\+0x0 \[ToC header\]"),
        (lambda p: b"\0" * 64, "expected 0xaa640001, got 0x0: no FIP"),
        (lambda p: p[:40], r"\[ToC entry 0\]: bytes 0x10 to 0x38 are needed, there are 0x28"),
        (lambda p: p[:16] + p[16:56] * 1100, "no end within 1024 entries"),
        (lambda p: _entry(1, p, size=1 << 63), r"\[ToC entry rse-s\]: image at"),
        (lambda p: _entry(0, p, offset=0), r"\[ToC entry rse-bl2\]: image at 0x0 to"),
        (lambda p: _entry(1, p, offset=8192), r"rse-s\]: .*at 0x2000, inside rse-bl2"),
        (lambda p: p[:56] + p[16:32] + p[72:], "this image is there twice"),
    ],
)
def test_damage_is_named_by_offset_and_field(package: bytes, change: object, message: str) -> None:
    """A package that cannot be right is refused, and the message says where."""
    with pytest.raises(ImageError, match=message):
        _parsed(change(package))  # type: ignore[operator]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.booleans(), st.data())
def test_no_input_breaks_the_parser(junk: bytes, real: bool, data: st.DataObject) -> None:
    """Any bytes give a package whose images are all inside, or the project's own error."""
    if real:
        entries = data.draw(
            st.lists(st.tuples(st.sampled_from([BL2.bytes, S.bytes, OTHER.bytes, bytes(16)]),
                               st.integers(0, 500) | st.integers(0, 2**64 - 1),
                               st.integers(0, 500) | st.integers(0, 2**64 - 1)), max_size=5)
        )  # fmt: skip
        junk = b"".join(ENTRY.pack(*entry, 0) for entry in entries) + junk
        junk = HEADER.pack(0xAA640001, 1, 0) + junk
    try:
        fip = _parsed(junk)
    except ImageError:
        return
    for entry in fip.entries:
        assert (
            fip.image(entry).read(0, entry.size) == junk[entry.offset : entry.offset + entry.size]
        )


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 200), st.integers(0, 255))
def test_one_changed_byte_of_the_table_never_breaks_the_parser(at: int, byte: int) -> None:
    """The same for a package that was good but for one byte."""
    layout = lay_out(_images(PAYLOADS))
    package = bytearray(
        layout.toc
        + b"".join(image.content.read(0, image.content.size) for _, image in layout.parts)
    )
    package[at] = byte
    try:
        fip = _parsed(bytes(package))
    except ImageError:
        return
    assert all(entry.offset + entry.size <= len(package) for entry in fip.entries)


def test_unpack_names_files_and_writes_over_nothing(package: bytes, tmp_path: Path) -> None:
    """Known images get their name, others their UUID; a file that is there stays as it is."""
    fip = _parsed(package)
    folder = tmp_path / "out"
    paths = unpack_fip(fip, folder)
    assert [path.name for path in paths] == ["rse-bl2.bin", "rse-s.bin", f"{OTHER}.bin"]
    assert (folder / "rse-s.bin").read_bytes() == PAYLOADS[S]
    (folder / "rse-s.bin").write_bytes(b"mine")
    (folder / "rse-bl2.bin").unlink()
    with pytest.raises(ImageError, match=r"rse-s\.bin: is there already"):
        unpack_fip(fip, folder)
    assert not (folder / "rse-bl2.bin").exists()
    unpack_fip(fip, folder, ["rse-s"], force=True)
    assert (folder / "rse-s.bin").read_bytes() == PAYLOADS[S]
    with pytest.raises(ImageError, match="no image rse-ns"):
        unpack_fip(fip, folder, ["rse-ns"], force=True)


def test_the_command_makes_changes_and_takes_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """create, update, info, remove and unpack, as a person types them."""
    for name in ("bl2", "s", "x"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    fip = str(tmp_path / "f.fip")
    blob = f"uuid={OTHER},file={tmp_path / 'x'}"
    image = ["image", "fip"]
    assert main([*image, "create", "--rss-bl2", str(tmp_path / "bl2"), "--blob", blob, fip]) == 0
    assert main([*image, "update", fip, "--rse-s", str(tmp_path / "s")]) == 0
    assert main([*image, "info", fip]) == 0
    out = capsys.readouterr().out
    assert "3 images, alignment 0x2000" in out
    assert "rse-s                0x00004000" in out
    assert main([*image, "remove", fip, "--rse-bl2", "--blob", f"uuid={OTHER}"]) == 0
    assert main([*image, "unpack", fip, "--out", str(tmp_path / "u")]) == 0
    assert [path.name for path in (tmp_path / "u").iterdir()] == ["rse-s.bin"]
    assert main([*image, "info", str(tmp_path / "none.fip")]) == 2
    assert "none.fip: image: no such file" in capsys.readouterr().err


def test_a_failed_update_leaves_the_package_as_it_was(tmp_path: Path, package: bytes) -> None:
    """The new file takes the place of the old one only when it is complete."""
    fip = tmp_path / "f.fip"
    fip.write_bytes(package)
    (tmp_path / "empty").write_bytes(b"")
    assert main(["image", "fip", "update", str(fip), "--rse-s", str(tmp_path / "empty")]) == 2
    assert fip.read_bytes() == package
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "f.fip", "package.fip"]


@pytest.fixture
def fiptool() -> str:
    """TF-A's own tool."""
    path = shutil.which("fiptool")
    if path is None:
        pytest.skip("fiptool is not installed (Debian: arm-trusted-firmware-tools)")
    return path


@pytest.mark.parametrize("align", [1, 4096, 8192])
def test_fiptool_writes_the_same_bytes(fiptool: str, tmp_path: Path, align: int) -> None:
    """create, update and remove give what fiptool gives, byte for byte.

    The fiptool of Debian does not know the RSE's options: it gets them as blobs, in the order that
    a fiptool of the platform would use, and only to create.
    """
    payloads = PAYLOADS | {OTHER_2: b"second" * 300}
    for uuid, data in payloads.items():
        (tmp_path / str(uuid)).write_bytes(data)
    (tmp_path / "tb").write_bytes(b"tb" * 999)

    def blob(uuid: UUID) -> list[str]:
        return ["--blob", f"uuid={uuid},file={tmp_path / str(uuid)}"]

    def both(command: str, *arguments: str) -> None:
        at = ["--align", str(align)]
        force = ["--force"] if command == "remove" else []
        theirs = [fiptool, command, *at, *arguments, *force, str(tmp_path / "theirs.fip")]
        subprocess.run(theirs, check=True, capture_output=True)
        assert main(["image", "fip", command, *at, *arguments, str(tmp_path / "ours.fip")]) == 0
        assert (tmp_path / "ours.fip").read_bytes() == (tmp_path / "theirs.fip").read_bytes()

    tb = ["--tb-fw", str(tmp_path / "tb")]
    both("create", *blob(BL2), *blob(S), *blob(OTHER), *tb)
    both("create", *blob(OTHER), "--nt-fw", str(tmp_path / "tb"), "--plat-toc-flags", "12ab")
    both("update", *tb, *blob(OTHER_2))
    both("update", *blob(OTHER), "--plat-toc-flags", "1")
    both("remove", "--tb-fw", "--blob", f"uuid={OTHER_2}")


def test_fiptool_reads_ours_and_we_read_its(fiptool: str, tmp_path: Path, package: bytes) -> None:
    """Both unpack the package of the other to the same files."""
    (tmp_path / "f.fip").write_bytes(package)
    (tmp_path / "theirs").mkdir()
    unpack = [fiptool, "unpack", "--out", str(tmp_path / "theirs"), str(tmp_path / "f.fip")]
    subprocess.run(unpack, check=True, capture_output=True)
    theirs = {path.stem.lower(): path.read_bytes() for path in (tmp_path / "theirs").iterdir()}
    # A fiptool with the RSE's options names its files by them, any other by UUID.
    named = {name_of(UUID(n)) if n.count("-") == 4 else n: data for n, data in theirs.items()}
    ours = {p.stem: p.read_bytes() for p in unpack_fip(_parsed(package), tmp_path / "ours")}
    assert named == ours
