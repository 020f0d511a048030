# SPDX-License-Identifier: Apache-2.0
"""GPT images: both copies of the table, partitions in place, and what sgdisk and fdisk say."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.cli import main
from hil.errors import ImageError
from hil.images.content import Content, open_content
from hil.images.gpt import Gpt, parse_gpt
from hil.images.gpt_write import NewPartition, NewTable, mend, patch
from hil.images.output import new_file

DISK = UUID("11111111-2222-3333-4444-555555555555")
GUIDS = [UUID(int=number) for number in (0xA, 0xB, 0xC)]
SIZES = [512, 4096]


def _write(path: Path, sector: int = 512, sectors: int = 1024) -> Path:
    parts = (
        NewPartition("FIP_A", GUIDS[0], 64, 127),
        NewPartition("FIP_B", GUIDS[1], 128, 191, attributes=4),
    )
    with new_file(path) as output:
        NewTable(sector, sectors, DISK, parts).write(output)
    return path


def _parsed(data: bytes) -> Gpt:
    return parse_gpt(Content.of(data, Path("x.img")))


@pytest.fixture(params=SIZES)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An image of two partitions, with sectors of 512 and of 4096 bytes."""
    return _write(tmp_path / "x.img", request.param)


def test_what_is_written_is_read(image: Path) -> None:
    """Both copies are sound and say the same, whatever the sector size."""
    gpt = _parsed(image.read_bytes())
    assert gpt.problems == ()
    assert gpt.backup is not None
    assert gpt.table.partitions[0].name == "FIP_A"
    assert [part.guid for part in gpt.table.partitions] == GUIDS[:2]
    assert gpt.table.partitions[1].attributes == 4
    assert gpt.table.entries == gpt.backup.entries
    part = gpt.partition("FIP_B")
    assert (part.offset, part.size) == (128 * gpt.sector_size, 64 * gpt.sector_size)
    assert image.stat().st_size == 1024 * gpt.sector_size


def test_patch_changes_one_partition_and_nothing_else(image: Path, tmp_path: Path) -> None:
    """Data go to the first byte of the partition; the rest of it becomes zero."""
    before = bytearray(image.read_bytes())
    gpt = _parsed(bytes(before))
    part = gpt.partition("FIP_A")
    before[part.offset : part.offset + part.size] = b"\xee" * part.size
    with new_file(image) as output:
        output.write(0, bytes(before))
        patch(output, gpt, "FIP_A", Content.of(b"fip" * 100))
    after = image.read_bytes()
    expected = b"fip" * 100 + bytes(part.size - 300)
    assert after[part.offset : part.offset + part.size] == expected
    before[part.offset : part.offset + part.size] = expected
    assert after == bytes(before)
    with new_file(image) as output:
        output.write(0, after)
        patch(output, gpt, "FIP_A", Content.of(b"X"), keep_rest=True)
    assert image.read_bytes()[part.offset : part.offset + 4] == b"Xipf"


def test_patch_refuses_too_much_and_unknown_partitions(image: Path, tmp_path: Path) -> None:
    """A partition is never left over its end."""
    gpt = _parsed(image.read_bytes())
    size = gpt.partition("FIP_A").size
    with new_file(tmp_path / "out") as output:
        output.write(0, image.read_bytes())
        patch(output, gpt, "FIP_A", Content.of(bytes(size)))
        with pytest.raises(
            ImageError, match=f"{size + 1} bytes, partition 'FIP_A' has room for {size}"
        ):
            patch(output, gpt, "FIP_A", Content.of(bytes(size + 1)))
        with pytest.raises(
            ImageError, match="no partition is called 'FIP_C'; there are 'FIP_A', 'FIP_B'"
        ):
            patch(output, gpt, "FIP_C", Content.of(b"x"))


#: What is damaged, as (copy, offset in the header), and the field that the message names.
DAMAGE = [
    ("first", 0, "Signature"),
    ("first", 8, "Revision"),
    ("first", 13, "HeaderSize"),
    ("first", 16, "HeaderCRC32"),
    ("first", 60, "HeaderCRC32"),
    ("second", 16, "HeaderCRC32"),
    ("second", 50, "HeaderCRC32"),
]


@pytest.mark.parametrize(("copy", "at", "field"), DAMAGE)
def test_one_damaged_copy_is_found_told_and_mended(
    image: Path, tmp_path: Path, copy: str, at: int, field: str
) -> None:
    """The other copy serves for reading; nothing is written until the image is mended."""
    good = image.read_bytes()
    sector = _parsed(good).sector_size
    data = bytearray(good)
    data[(sector if copy == "first" else len(data) - sector) + at] ^= 0xFF
    gpt = _parsed(bytes(data))
    assert [problem.field for problem in gpt.problems] == [field]
    assert gpt.partition("FIP_A").first_lba == 64
    with new_file(tmp_path / "out") as output:
        output.write(0, bytes(data))
        with pytest.raises(ImageError, match=field):
            patch(output, gpt, "FIP_A", Content.of(b"x"))
        mend(output, gpt)
    assert (tmp_path / "out").read_bytes() == good


@pytest.mark.parametrize("where", ["first", "second"])
def test_damaged_entries_are_found_by_their_crc(image: Path, where: str) -> None:
    """One bit of a name or place of a partition is enough."""
    data = bytearray(image.read_bytes())
    sector = _parsed(bytes(data)).sector_size
    entries = 2 * sector if where == "first" else len(data) - sector - max(16384, sector)
    data[entries + 32] ^= 1
    gpt = _parsed(bytes(data))
    assert [problem.field for problem in gpt.problems] == ["PartitionEntryArrayCRC32"]


def test_both_copies_damaged_is_an_error(image: Path) -> None:
    """Then nothing in the image can be trusted."""
    data = bytearray(image.read_bytes())
    sector = _parsed(bytes(data)).sector_size
    data[sector + 40] ^= 1
    data[-sector + 40] ^= 1
    with pytest.raises(ImageError, match="HeaderCRC32"):
        _parsed(bytes(data))


def test_grown_image_is_told_and_mended(tmp_path: Path) -> None:
    """The second copy belongs into the last sector, also after the image was made larger."""
    path = _write(tmp_path / "x.img")
    data = path.read_bytes() + bytes(512 * 100)
    gpt = _parsed(data)
    assert [problem.field for problem in gpt.problems] == ["AlternateLBA"]
    with new_file(path) as output:
        output.write(0, data)
        mend(output, gpt)
    gpt = _parsed(path.read_bytes())
    assert gpt.problems == ()
    assert gpt.table.header.last_usable == 1124 - 34


def test_copies_that_differ_are_told(tmp_path: Path) -> None:
    """Two sound copies that say different things: the first one counts, and the message says so."""
    one = bytearray(_write(tmp_path / "one.img").read_bytes())
    with new_file(tmp_path / "two.img") as output:
        parts = (NewPartition("FIP_A", GUIDS[0], 64, 130),)
        NewTable(512, 1024, DISK, parts).write(output)
    one[-512 * 33 :] = (tmp_path / "two.img").read_bytes()[-512 * 33 :]
    gpt = _parsed(bytes(one))
    assert [problem.field for problem in gpt.problems] == ["entries_crc"]
    assert gpt.partition("FIP_A").last_lba == 127


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([("a", 10, 20)], "usable are 34 to 990"),
        ([("a", 40, 991)], "usable are 34 to 990"),
        ([("a", 50, 40)], "sectors 50 to 40"),
        ([("a", 40, 60), ("b", 60, 70)], "begins in sector 60, inside 'a'"),
        ([("x" * 37, 40, 60)], "1 to 36 characters"),
        ([("", 40, 60)], "1 to 36 characters"),
    ],
)
def test_tables_that_cannot_be_right_are_not_written(
    tmp_path: Path, parts: list[tuple[str, int, int]], message: str
) -> None:
    """The file is not there afterwards."""
    new = tuple(NewPartition(name, GUIDS[0], first, last) for name, first, last in parts)
    with pytest.raises(ImageError, match=message), new_file(tmp_path / "x.img") as output:
        NewTable(512, 1024, DISK, new).write(output)
    assert list(tmp_path.iterdir()) == []


def _with_header(data: bytes, **change: int) -> bytes:
    """Return the image with other values in the first header, its CRC right."""
    fields = {"first": ("<Q", 40), "last": ("<Q", 48), "entries": ("<Q", 72), "count": ("<I", 80),
              "width": ("<I", 84), "length": ("<I", 12), "alternate": ("<Q", 32)}  # fmt: skip
    new = bytearray(data)
    for name, value in change.items():
        form, at = fields[name]
        struct.pack_into(form, new, 512 + at, value)
    new[528:532] = bytes(4)
    struct.pack_into("<I", new, 528, zlib.crc32(new[512 : 512 + 92]))
    return bytes(new)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"count": 0xFFFFFFFF}, "NumberOfPartitionEntries"),
        ({"width": 0xFFFFFFF8}, "NumberOfPartitionEntries"),
        ({"width": 1}, "NumberOfPartitionEntries"),
        ({"entries": 2**63}, "PartitionEntryLBA"),
        ({"first": 2**60}, "FirstUsableLBA"),
        ({"last": 2**40}, "FirstUsableLBA"),
        ({"length": 0xFFFFFFFF}, "HeaderSize"),
    ],
)
def test_length_fields_are_checked_before_they_are_believed(
    tmp_path: Path, change: dict[str, int], field: str
) -> None:
    """A header with a right CRC and absurd numbers is refused, not followed."""
    data = _write(tmp_path / "x.img").read_bytes()
    assert _parsed(_with_header(data, **change)).problems[0].field == field


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_input_breaks_the_parser(data: st.DataObject) -> None:
    """Any bytes, and any header with a right CRC, give a table inside the image or our error."""
    if data.draw(st.booleans()):
        image = data.draw(st.binary(max_size=2000))
    else:
        image = bytearray(_SMALL)
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(512, 1536 + 300))
            image[at] = data.draw(st.integers(0, 255))
        image[528:532] = bytes(4)
        struct.pack_into("<I", image, 512 + 88, zlib.crc32(image[1024 : 1024 + 128 * 128]))
        struct.pack_into("<I", image, 528, zlib.crc32(image[512 : 512 + 92]))
        image = bytes(image)
    try:
        gpt = _parsed(image)
    except ImageError:
        return
    for part in gpt.table.partitions:
        assert gpt.read(part).size == part.size
        assert part.offset + part.size <= len(image)


def _small() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return _write(Path(folder) / "x.img", 512, 300).read_bytes()


_SMALL = _small()


def test_fip_in_a_partition_is_changed_in_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bank gets a new image, the other one and the table stay as they are."""
    image, fip, new = (str(tmp_path / name) for name in ("flash.img", "f.fip", "bl2"))
    Path(new).write_bytes(b"2" * 3000)
    sizes = [a for name in ("FIP_A", "FIP_B") for a in ("--partition", f"name={name},size=1M")]
    assert main(["image", "gpt", "create", image, "--size", "4M", *sizes]) == 0
    assert main(["image", "fip", "create", "--rse-s", new, fip]) == 0
    assert main(["image", "gpt", "patch", image, "FIP_A", fip]) == 0
    assert main(["image", "gpt", "patch", image, "FIP_B", fip]) == 0
    assert main(["image", "fip", "update", image, "--partition", "FIP_A", "--rse-bl2", new]) == 0
    capsys.readouterr()
    assert main(["image", "fip", "info", image, "--partition", "FIP_A"]) == 0
    assert "2 images" in capsys.readouterr().out
    assert main(["image", "gpt", "extract", image, "FIP_B", "--out", str(tmp_path / "b")]) == 0
    bank = (tmp_path / "b").read_bytes()
    assert bank == Path(fip).read_bytes().ljust(1 << 20, b"\0")
    assert main(["image", "gpt", "info", image]) == 0
    assert "2 FIP_B" in capsys.readouterr().out
    Path(new).write_bytes(bytes(2 << 20))
    assert main(["image", "fip", "update", image, "--partition", "FIP_B", "--rse-s", new]) == 2
    assert "needs 0x202000 bytes, the partition has 0x100000" in capsys.readouterr().err


def test_info_of_a_damaged_image_has_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is shown all the same; the exit status says that something is wrong."""
    path = _write(tmp_path / "x.img")
    data = bytearray(path.read_bytes())
    data[-1000] = 1
    data[-512] = 0
    path.write_bytes(data)
    assert main(["image", "gpt", "info", str(path)]) == 1
    out, err = capsys.readouterr()
    assert "FIP_A" in out
    assert "[Signature]" in err
    assert main(["image", "gpt", "mend", str(path)]) == 0
    assert main(["image", "gpt", "info", str(path)]) == 0


def _tool(name: str, package: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return path


@pytest.mark.parametrize("size", [4, 64, 300], ids="{}M".format)
def test_sgdisk_writes_the_same_bytes(tmp_path: Path, size: int) -> None:
    """With the same GUIDs the whole image is equal: MBR, both headers, both arrays of entries."""
    sgdisk = _tool("sgdisk", "gdisk")
    theirs, ours = tmp_path / "theirs.img", tmp_path / "ours.img"
    theirs.touch()
    os.truncate(theirs, size << 20)
    sgdisk_call = [sgdisk, "-o", "-U", str(DISK), "-a", "1", "-n", "1:2048:+1M", "-c", "1:FIP_A",
                   "-u", f"1:{GUIDS[0]}", "-n", "2:0:+512K", "-c", "2:FIP_B", "-u", f"2:{GUIDS[1]}",
                   "-t", f"2:{GUIDS[2]}", str(theirs)]  # fmt: skip
    subprocess.run(sgdisk_call, check=True, capture_output=True)
    parts = ["--partition", f"name=FIP_A,size=1M,start=2048,guid={GUIDS[0]}",
             "--partition", f"name=FIP_B,size=512k,guid={GUIDS[1]},type={GUIDS[2]}"]  # fmt: skip
    create = ["image", "gpt", "create", str(ours), "--size", f"{size}M", "--disk-guid", str(DISK)]
    assert main([*create, "--align", "1", *parts]) == 0
    with open_content(ours) as mine, open_content(theirs) as other:
        assert mine.same_as(other)
        assert parse_gpt(other).problems == ()


def test_sgdisk_finds_no_problem_after_a_patch(tmp_path: Path) -> None:
    """Theirs, patched by us, verifies; and holds what dd would have put there."""
    sgdisk = _tool("sgdisk", "gdisk")
    path, copy, fip = tmp_path / "x.img", tmp_path / "copy.img", tmp_path / "fip"
    path.touch()
    os.truncate(path, 4 << 20)
    subprocess.run([sgdisk, "-o", "-n", "1:2048:+1M", "-c", "1:FIP_A", str(path)], check=True,
                   capture_output=True)  # fmt: skip
    shutil.copyfile(path, copy)
    fip.write_bytes(os.urandom(70000))
    assert main(["image", "gpt", "patch", str(path), "FIP_A", str(fip)]) == 0
    dd = ["dd", f"if={fip}", f"of={copy}", "bs=512", "seek=2048", "conv=notrunc", "status=none"]
    subprocess.run(dd, check=True)
    assert path.read_bytes() == copy.read_bytes()
    verify = subprocess.run([sgdisk, "--verify", str(path)], check=True, capture_output=True)
    assert b"No problems found" in verify.stdout


def test_fdisk_reads_sectors_of_4096_bytes(tmp_path: Path) -> None:
    """Sgdisk takes files as 512 bytes a sector only; fdisk can be told."""
    fdisk = _tool("fdisk", "fdisk")
    path = _write(tmp_path / "x.img", 4096)
    listing = subprocess.run([fdisk, "-b", "4096", "-l", str(path)], check=True, capture_output=True,
                             text=True)  # fmt: skip
    assert "corrupt" not in listing.stderr
    assert str(DISK).upper() in listing.stdout
    rows = [
        line.split()[1:4]
        for line in listing.stdout.splitlines()
        if ".img1" in line or ".img2" in line
    ]
    assert rows == [["64", "127", "64"], ["128", "191", "64"]]


@pytest.mark.parametrize("erased", [b"\xff", b"\x00"])
def test_an_erased_beginning_is_mended_whole(image: Path, erased: bytes) -> None:
    """MBR, header and entries: byte for byte what they were."""
    before = image.read_bytes()
    size = _parsed(before).table.header.first_usable * _parsed(before).sector_size
    image.write_bytes(erased * size + before[size:])
    assert main(["image", "gpt", "mend", str(image)]) == 0
    assert image.read_bytes() == before


def test_a_mbr_of_somebody_s_own_stays(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only one that is missing is written, and code in front of it is left alone."""
    before = image.read_bytes()
    own = b"code" + before[4:500] + b"own entries" + before[511:]
    own = own[:510] + b"\x55\xaa" + own[512:]
    image.write_bytes(own)
    assert main(["image", "gpt", "mend", str(image)]) == 0
    assert image.read_bytes() == own
    assert "mended: " not in capsys.readouterr().out
    image.write_bytes(own[:510] + bytes(2) + own[512:])
    assert main(["image", "gpt", "mend", str(image)]) == 0
    assert image.read_bytes() == b"code" + before[4:]
    assert "no MBR in the first sector" in capsys.readouterr().out


def test_a_size_that_no_flash_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, instead of after hours of zeros."""
    path = tmp_path / "x.img"
    assert main(["image", "gpt", "create", str(path), "--size", "1000G"]) == 2
    assert "--size: expected at most 0x40000000 bytes" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
