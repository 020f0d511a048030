# SPDX-License-Identifier: Apache-2.0
"""Damaged packages and partition tables: each row does to an RSE's search what it says."""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

import pytest

from hil.cli import main
from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip import FipImage, lay_out, parse_fip
from hil.images.fip_uuids import BY_NAME
from hil.images.gpt import parse_gpt
from hil.images.gpt_write import NewPartition, NewTable
from hil.images.mutant_rules import Loader, Place, Verdict
from hil.images.mutants import CATALOGUE, Kind, Mutant, find_mutant
from hil.images.mutations import Material, NotApplicableError
from hil.images.output import new_file

IMAGES = {"rse-bl2": b"bl2!" * 500, "rse-s": b"tfm_s" * 900, "rse-ns": b"ns" * 100,
          "rse-sic-tables-s": b"sic" * 100}  # fmt: skip
WANTED = {Loader.FIP_BL1_2: "rse-bl2", Loader.FIP_BL1_2_FOUND: "rse-bl2",
          Loader.FIP_BL2: "rse-s", Loader.GPT: "rse-bl2"}  # fmt: skip
FIP_ROWS = [mutant for mutant in CATALOGUE if mutant.kind is Kind.FIP]
GPT_ROWS = [mutant for mutant in CATALOGUE if mutant.kind is Kind.GPT]
#: Bytes of the host's flash.
FLASH = 1 << 20
#: First sectors of what a host's flash of the RSE is divided into.
PARTITIONS = {
    "FIP_A": 64, "FIP_B": 256, "FWU-Metadata": 512, "Bkup-FWU-Metadata": 520,
    "private_metadata_1": 528,
}  # fmt: skip


class NotFoundError(Exception):
    """The RSE finds no image."""


def _package(folder: Path, names: list[str]) -> bytes:
    images = [FipImage(BY_NAME[name].uuid, Content.of(IMAGES[name])) for name in names]
    layout = lay_out(images, 8192)
    with new_file(folder / "x.fip") as output:
        output.resize(layout.size)
        layout.write(output)
    return (folder / "x.fip").read_bytes()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A package with BL2, the secure and the non-secure image."""
    return _package(tmp_path_factory.mktemp("fip"), list(IMAGES))


def _disk(folder: Path, package: bytes, sector: int = 512, without: str = "") -> bytes:
    parts = tuple(
        NewPartition(name, UUID(int=first), first, first + (127 if "FIP" in name else 7))
        for name, first in PARTITIONS.items()
        if name != without
    )
    with new_file(folder / "x.img") as output:
        NewTable(sector, FLASH // 512, UUID(int=1), parts).write(output)
        for name in ("FIP_A", "FIP_B"):
            output.write(PARTITIONS[name] * sector, package)
    return (folder / "x.img").read_bytes()


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, package: bytes) -> bytes:
    """The host's flash: the package in both banks, and metadata."""
    return _disk(tmp_path_factory.mktemp("gpt"), package)


def _at(flash: bytes, offset: int, size: int) -> bytes:
    """Return what the RSE maps; nothing beyond the flash can be mapped."""
    if offset + size > max(len(flash), FLASH):
        raise NotFoundError(f"{offset:#x}")
    return flash.ljust(FLASH, b"\xff")[offset : offset + size]


def _image_of(flash: bytes, base: int, name: str) -> bytes:
    """Find an image as TF-M's fip_parser.c does, and return what is loaded as that image."""
    if _at(flash, base, 4) != struct.pack("<I", 0xAA640001):
        raise NotFoundError("name")
    for place in range(base + 16, base + 0x1000 - 40, 40):
        uuid, offset, size = struct.unpack_from("<16sQQ", _at(flash, place, 40))
        if uuid == BY_NAME[name].uuid.bytes:
            if size >> 32:
                raise NotFoundError("size")
            _at(flash, base + offset, size)
            # How long the image is, its own header says.
            return _at(flash, base + offset, len(IMAGES[name]))
        if uuid == bytes(16):
            break
    raise NotFoundError("no entry")


def _bank_of(flash: bytes, active: int) -> int:
    """Find the active bank as TF-M's gpt.c and host_flash_atu.c (2.3.1) do."""
    header = struct.unpack("<8sIIIIQQQQ16sQIII", _at(flash, 512, 92))
    if header[0] != b"EFI PART":
        raise NotFoundError("signature")
    lba, count, size = header[10:13]
    _at(flash, lba * 512, count * size)

    def first_lba(name: str) -> int | None:
        for place in range(lba * 512, lba * 512 + count * size, size):
            entry = struct.unpack("<16s16sQQQ72s", _at(flash, place, 128))
            if size <= 128 and entry[5].startswith(f"{name}\0".encode("utf-16-le")):
                return int(entry[2])
        return None

    if first_lba("private_metadata_1") is None:
        raise NotFoundError("private metadata")
    if first_lba("FWU-Metadata") is None and first_lba("Bkup-FWU-Metadata") is None:
        raise NotFoundError("metadata")
    first = first_lba(("FIP_A", "FIP_B")[active])
    if first is None:
        raise NotFoundError("bank")
    return first * 512


def _boots(flash: bytes, loader: Loader, bank: int = 0) -> bool:
    try:
        base = _bank_of(flash, bank) if loader is Loader.GPT else 0
        return _image_of(flash, base, WANTED[loader]) == IMAGES[WANTED[loader]]
    except NotFoundError:
        return False


@pytest.mark.parametrize("row", FIP_ROWS, ids=lambda row: row.name)
def test_a_row_of_a_package_does_to_the_search_what_it_says(row: Mutant, package: bytes) -> None:
    """Refused rows keep the RSE from its image, accepted ones do not; the good package boots."""
    ((loader, verdict),) = row.verdicts.items()
    assert _boots(package, loader)
    assert _boots(row.apply(Material(package)), loader) is (verdict is Verdict.ACCEPTED)


@pytest.mark.parametrize("active", [0, 1])
@pytest.mark.parametrize("row", GPT_ROWS, ids=lambda row: row.name)
def test_a_row_of_a_partition_table_does_to_the_search_what_it_says(
    row: Mutant, active: int, disk: bytes
) -> None:
    """The same whichever bank is active; no content of a partition changes."""
    assert _boots(disk, Loader.GPT, active)
    damaged = row.apply(Material(disk))
    assert _boots(damaged, Loader.GPT, active) is (row.verdicts[Loader.GPT] is Verdict.ACCEPTED)
    inside = slice(PARTITIONS["FIP_A"] * 512, 536 * 512)
    assert damaged[inside] == disk[inside]
    assert len(damaged) == len(disk)


def test_what_the_requirement_names_is_there() -> None:
    """Entry missing, offset out of range, overlapping; header CRC and backup only."""
    names = {mutant.name for mutant in FIP_ROWS + GPT_ROWS}
    assert names >= {
        "fip-bl2-missing", "fip-bl2-out-of-range", "fip-bl2-overlapping", "fip-s-missing",
        "fip-s-out-of-range", "fip-s-overlapping", "gpt-header-crc", "gpt-backup-only",
    }  # fmt: skip


def test_only_what_a_row_damages_is_wrong_with_the_table(disk: bytes) -> None:
    """CRCs are right again after a change of entries, so that nothing else can be the reason."""
    for name in ("gpt-fip-missing", "gpt-no-metadata", "gpt-fip-one-sector"):
        row = find_mutant(name)
        assert row is not None
        assert parse_gpt(Content.of(row.apply(Material(disk)))).problems == ()
    only = find_mutant("gpt-backup-only")
    assert only is not None
    gpt = parse_gpt(Content.of(only.apply(Material(disk))))
    assert gpt.primary is None
    assert gpt.backup is not None


def test_the_place_decides_with_packages_too() -> None:
    """Without partitions the other package helps; a table has no spare that is looked at."""
    missing, signature = find_mutant("fip-s-missing"), find_mutant("gpt-signature")
    assert missing is not None
    assert signature is not None
    assert str(missing.expected(Loader.FIP_BL2, Place.WITH_SPARE)) == "recovered by BL2"
    assert str(missing.expected(Loader.FIP_BL2)) == "refused by BL2"
    assert str(signature.expected(Loader.GPT, Place.WITH_SPARE)) == "refused by BL1_2"


def test_of_2_1_nothing_is_said_about_partitions() -> None:
    """Its search takes the first partition with another name: no row can say what comes of it."""
    assert {row.expected(Loader.GPT, generation="2.1") for row in GPT_ROWS} == {None}
    assert None not in {row.expected(Loader.GPT, generation="2.2") for row in GPT_ROWS}


def test_what_is_far_beyond_the_flash_wraps_in_2_2() -> None:
    """Addresses are rounded with 32 bits there: what is found is judged, not that it is missing."""
    far, table = find_mutant("fip-bl2-out-of-range"), find_mutant("gpt-entries-out-of-range")
    assert far is not None
    assert table is not None
    assert far.loaders("2.3") == (Loader.FIP_BL1_2,)
    assert far.loaders("2.2") == (Loader.FIP_BL1_2_FOUND,)
    assert far.expected(Loader.FIP_BL1_2, generation="2.2") is None
    assert str(table.expected(Loader.GPT, generation="2.2")) == "accepted"
    assert str(table.expected(Loader.GPT, generation="2.3")) == "refused by BL1_2"


def test_rows_that_do_not_fit_say_why(tmp_path: Path, package: bytes) -> None:
    """Nothing is damaged that is not there; the reason is one phrase."""
    alone = Material(_package(tmp_path, ["rse-bl2"]))
    for name, reason in {
        "fip-s-missing": "no image rse-s",
        "fip-bl2-overlapping": "no other image",
    }.items():
        row = find_mutant(name)
        assert row is not None
        with pytest.raises(NotApplicableError, match=reason):
            row.apply(alone)
    large, bare = _disk(tmp_path, package, 4096), _disk(tmp_path, package, without="FIP_B")
    empty = _disk(tmp_path, b"")
    for name, data, reason in (
        ("gpt-signature", large, "sectors of 512"),
        ("gpt-fip-overlapping", bare, "no partition FIP_B"),
        ("gpt-fip-overlapping", empty, "FIP_B holds no package"),
        ("gpt-no-private-metadata", _disk(tmp_path, package, without="private_metadata_1"),
         "no partition private_metadata_1"),
    ):  # fmt: skip
        row = find_mutant(name)
        assert row is not None
        with pytest.raises(NotApplicableError, match=reason):
            row.apply(Material(data))


@pytest.mark.parametrize("row", FIP_ROWS + GPT_ROWS, ids=lambda row: row.name)
def test_a_row_on_anything_else_is_an_error_of_the_project(row: Mutant) -> None:
    """No package and no table: one clear error, or a changed byte, never a traceback."""
    for data in (b"", b"\xff" * 100, b"\x01\x00\x64\xaa" + b"\xff" * 600, b"EFI PART" * 200):
        try:
            row.apply(Material(data))
        except ImageError:
            continue
        assert row.name in {"fip-name", "fip-serial-number", "fip-all-ff"}


@pytest.mark.parametrize("what", ["package", "disk"])
def test_mutate_takes_packages_and_flash_images(
    what: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """One copy for each row, with what a boot does; what is in them can be told from the good one."""
    data = request.getfixturevalue(what)
    path = tmp_path / "good.bin"
    path.write_bytes(data)
    assert main(["image", "mutate", str(path), "-o", str(tmp_path / "out")]) == 0
    rows = FIP_ROWS if what == "package" else GPT_ROWS
    written = {each.name for each in (tmp_path / "out").iterdir()}
    assert written == {f"good.{row.name}.bin" for row in rows}
    shown = capsys.readouterr().out
    assert "refused by BL1_2" in shown
    assert ("refused by BL2" in shown) is (what == "package")
    damaged = (tmp_path / "out" / f"good.{rows[0].name}.bin").read_bytes()
    assert damaged != data
    assert path.read_bytes() == data


def test_the_helpers_of_these_tests_refuse_an_odd_package(package: bytes) -> None:
    """A package without its name is refused by the search and by the parser alike."""
    broken = b"\0" + package[1:]
    assert not _boots(broken, Loader.FIP_BL1_2)
    with pytest.raises(ImageError):
        parse_fip(Content.of(broken))
