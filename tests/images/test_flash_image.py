# SPDX-License-Identifier: Apache-2.0
"""Whole flash images, the bounded reads and atomic writes under them, and images in place."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from hil.cli import main
from hil.errors import ImageError
from hil.images.content import Content, open_content
from hil.images.host_flash import Piece, verify_piece, write_flash
from hil.images.output import file_name, new_file
from hil.images.signing import SignRecipe, sign


def _pieces(*pieces: tuple[str, int, bytes]) -> list[Piece]:
    return [Piece(name, Content.of(data, Path(f"{name}.bin")), at) for name, at, data in pieces]


def test_pieces_are_in_their_places_and_the_rest_is_erased(tmp_path: Path) -> None:
    """The order of the pieces does not matter; the digest is that of the file."""
    path = tmp_path / "flash.bin"
    pieces = _pieces(("s", 0x40, b"sss"), ("bl2", 0, b"bl2"))
    written = write_flash(path, pieces, 0x100, 0xFF)
    expected = b"bl2".ljust(0x40, b"\xff") + b"sss".ljust(0xC0, b"\xff")
    assert path.read_bytes() == expected
    assert written.sha256 == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (
            [("a", 0, b"12345"), ("b", 4, b"1")],
            r"b\.bin.*b at 0x4 overlaps a \(a\.bin, 0x0 to 0x5\)",
        ),
        ([("a", 0xFE, b"123")], r"a\.bin.*a at 0xfe to 0x101 reaches beyond 0x100"),
        ([("a", -1, b"123")], "reaches beyond"),
    ],
)
def test_pieces_that_do_not_fit_are_refused(
    tmp_path: Path, pieces: list[tuple[str, int, bytes]], message: str
) -> None:
    """Nothing is written then."""
    with pytest.raises(ImageError, match=message):
        write_flash(tmp_path / "flash.bin", _pieces(*pieces), 0x100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, -1, 1 << 60])
def test_absurd_sizes_are_refused(tmp_path: Path, size: int) -> None:
    """No disk is filled by a wrong number."""
    with pytest.raises(ImageError, match="expected a flash of"):
        write_flash(tmp_path / "flash.bin", [], size)


def test_a_piece_that_is_not_there_is_found() -> None:
    """Verification compares every byte."""
    flash = Content.of(b"bl2x" + bytes(12), Path("flash.bin"))
    verify_piece(flash, _pieces(("bl2", 0, b"bl2x"))[0])
    with pytest.raises(ImageError, match=r"flash\.bin\+0x1 \[bl2\]: does not hold bl2\.bin"):
        verify_piece(flash, _pieces(("bl2", 1, b"bl2x"))[0])


def test_srec_cat_writes_the_same_bytes(tmp_path: Path) -> None:
    """The host flash of TF-M's documents: a package at the base, another at 8 MiB."""
    srec_cat = shutil.which("srec_cat")
    if srec_cat is None:
        pytest.skip("srec_cat is not installed (Debian: srecord)")
    a, b = os.urandom(5000), os.urandom(3000)
    (tmp_path / "a").write_bytes(a)
    (tmp_path / "b").write_bytes(b)
    end = 0x800000 + len(b)
    subprocess.run([srec_cat, "a", "-Binary", "-offset", "0x0", "b", "-Binary", "-offset", "0x800000",
                    "-o", "theirs", "-Binary"], check=True, cwd=tmp_path)  # fmt: skip
    write_flash(tmp_path / "ours", _pieces(("a", 0, a), ("b", 0x800000, b)), end)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize("in_file", [True, False], ids=["file", "memory"])
def test_reads_are_bounded(tmp_path: Path, in_file: bool) -> None:
    """A field outside of the content is an error before anything is allocated."""
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    with open_content(path) as opened:
        content = opened if in_file else Content.of(b"0123456789", path)
        part = content.part(2, 5)
        assert (part.read(1, 3), part.sha256()) == (b"345", hashlib.sha256(b"23456").hexdigest())
        with pytest.raises(ImageError, match=r"x\+0x5 \[size\]: bytes 0x3 to 0x6.*there are 0x5"):
            part.read(3, 3, "size")
        for offset, size in ((-1, 2), (0, 1 << 62), (1 << 62, 1), (0, -1)):
            with pytest.raises(ImageError):
                content.read(offset, size)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a FIFO without a writer, and nothing at all are told apart from an image."""
    os.mkfifo(tmp_path / "fifo")
    for name, message in (
        ("fifo", "no regular file"),
        ("", "regular file"),
        ("none", "no such file"),
    ):
        with pytest.raises(ImageError, match=message), open_content(tmp_path / name):
            pass


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    """Never a short read that looks like the whole."""
    path = tmp_path / "x"
    path.write_bytes(bytes(100))
    with open_content(path) as content:
        path.write_bytes(bytes(50))
        with pytest.raises(ImageError, match="became shorter"):
            content.read(0, 100)


def test_the_old_file_stays_when_the_writer_fails(tmp_path: Path) -> None:
    """Others see the old file or the new one, never a part, and nothing is left over."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(ImageError), new_file(path) as output:
        output.write(0, Content.of(b"new").read(0, 4))
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_file_that_is_written_anew_keeps_its_permissions(tmp_path: Path) -> None:
    """A message that only its owner may read stays so."""
    path = tmp_path / "x"
    path.touch(0o600)
    with new_file(path) as output:
        output.write(0, b"new")
    assert path.stat().st_mode & 0o777 == 0o600
    with new_file(tmp_path / "y") as output:
        output.write(0, b"new")
    assert (tmp_path / "y").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rse-bl2.bin", "rse-bl2.bin"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "_"),
        ("", "_"),
        ("a\0b\nc d", "a_b_c_d"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_from_images_never_leave_the_folder(text: str, name: str) -> None:
    """No separator and no leading dot comes through."""
    assert file_name(text) == name


@pytest.fixture
def xip(tmp_path: Path, dev_key_path: Path) -> list[str]:
    """Options for a package with an encrypted image of three pages and its signed table."""
    image = os.urandom(3 * 1024)
    hashes = b"".join(hashlib.sha256(image[at : at + 1024]).digest() for at in (0, 1024, 2048))
    (tmp_path / "s.bin").write_bytes(image)
    (tmp_path / "table.bin").write_bytes(struct.pack("<I8sI", 1, b"n" * 8, len(hashes)) + hashes)
    recipe = SignRecipe(key=dev_key_path, version="1.0.0", security_counter=1, header_size=0x400,
                        slot_size=0x3800, load_address=0x31000000)  # fmt: skip
    signed = sign(tmp_path / "table.bin", recipe, tmp_path / "signed")
    return ["--rse-s", str(tmp_path / "s.bin"), "--rse-sic-tables-s", str(signed.path)]


def test_image_in_place_goes_with_its_table(
    tmp_path: Path, xip: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A package whose table is of its image is written, and checks."""
    fip = str(tmp_path / "f.fip")
    assert main(["image", "fip", "create", *xip, fip]) == 0
    assert main(["image", "fip", "check", fip]) == 0
    assert "rse-s in place, page hashes are right" in capsys.readouterr().out


def test_table_of_another_image_is_refused(
    tmp_path: Path, xip: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """BL2 would find everything right and the RSE stop later: so no package is written."""
    fip = tmp_path / "f.fip"
    data = bytearray((tmp_path / "s.bin").read_bytes())
    data[1500] ^= 1
    (tmp_path / "s.bin").write_bytes(data)
    assert main(["image", "fip", "create", *xip, str(fip)]) == 2
    assert "the hash of page 1 (at 0x400) is another" in capsys.readouterr().err
    assert not fip.exists()
    assert main(["image", "fip", "create", *xip, str(fip), "--unchecked"]) == 0
    assert main(["image", "fip", "check", str(fip)]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--align", "16"], r"rse-s\]: at 0x.*expected a multiple of 0x1000"),
        (["without image"], "the table is there, rse-s is not"),
        (["no table"], "ih_magic"),
    ],
)
def test_sets_that_bl2_refuses_are_refused(
    tmp_path: Path, xip: list[str], arguments: list[str], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """An offset that cannot be mapped, a table alone, something else in its place."""
    more: list[str] = []
    if arguments == ["without image"]:
        xip = xip[2:]
    elif arguments == ["no table"]:
        xip[3] = str(tmp_path / "table.bin")
    else:
        more = arguments
    assert main(["image", "fip", "create", *xip, *more, str(tmp_path / "f.fip")]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_the_command_fills_slots_of_a_platform(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Raw slots, as rdv3 has them: no package, no table; and a slot comes out again."""
    (tmp_path / "bl2").write_bytes(b"bl2" * 100)
    (tmp_path / "s").write_bytes(b"s" * 500)
    flash = str(tmp_path / "flash.bin")
    slots = ["--slot", f"bl2={tmp_path / 'bl2'}", "--slot", f"tfm_s={tmp_path / 's'}"]
    assert (
        main(["image", "flash", "create", flash, *slots, "--at", f"0x700000={tmp_path / 's'}"]) == 0
    )
    data = Path(flash).read_bytes()
    assert len(data) == 0x800000
    assert data[0x40000 : 0x40000 + 501] == b"s" * 500 + b"\xff"
    assert data[0x700000:].startswith(b"s" * 500)
    out = tmp_path / "out"
    assert main(["image", "flash", "extract", flash, "bl2", "--out", str(out)]) == 0
    assert out.read_bytes() == (b"bl2" * 100).ljust(0x20000, b"\xff")
    (tmp_path / "s").write_bytes(bytes(0x60001))
    assert main(["image", "flash", "create", flash, *slots]) == 2
    assert "tfm_s at 0x40000 to 0xa0001 reaches beyond 0xa0000" in capsys.readouterr().err
    assert main(["image", "flash", "create", flash, "--slot", f"bl9={out}"]) == 2
    assert "rdv3 has no slot 'bl9'; there are bl2, bl2_secondary, tfm_s" in capsys.readouterr().err
    assert Path(flash).read_bytes() == data


#: Offsets that TF-M's flash_layout.h gives, by platform: the last slots, which sum up all others.
LAST_SLOTS = [
    ("rdv3", "ap_bl1_secondary 0x00460000 0xb0460000   0x80000"),
    ("rdv3r1", "ap_bl1_secondary 0x005e0000 0xb05e0000  0x100000"),
    ("rd1ae", "si_cl2_secondary 0x01680000"),
    ("css-aspen", "si_cl1_secondary 0x003c7000"),
    ("tc", "fip_b"),
]


@pytest.mark.parametrize(("platform", "line"), LAST_SLOTS)
def test_slots_are_where_tf_m_has_them(
    platform: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The flash layout of each platform, to its last slot."""
    assert main(["image", "flash", "slots", "--platform", platform]) == 0
    out = capsys.readouterr().out
    assert " ".join(line.split()) in " ".join(out.splitlines()[-1].split())
