# SPDX-License-Identifier: Apache-2.0
"""The virtual RSE in the host's flash: packages, partitions, and every row of the catalogue for them."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from firmware_builders import bl2_image, mcuboot_image, put
from firmware_lab import Chip, again, single

from hil.errors import UsageError
from hil.images.mutant_rules import Outcome, Place, Verdict
from hil.images.mutants import CATALOGUE, Kind, Mutant
from hil.images.mutations import Material
from hil.virtual.firmware import BootEnd, FirmwareConfig

RELEASES = ["2.2.2", "2.3.1"]
FIP_B = 0x800000
SECTOR = 512
#: In the order of the tables; the secure image last but one, so that a package goes on behind it.
UUIDS = {
    "bl2": "a3b3b30debc94048b480155361c17048",
    "scp": "bfd5098da7074f15891c372210cb51e2",
    "s": "22ea3385f86e4793968a2fe3dd5033cc",
    "ap": "124c50e0f2da45e985c8dad9609b7a11",
}
#: Pages of the ATU that partitions begin at, in sectors, and how many they have.
PARTITIONS = {
    "FWU-Metadata": (48, 16), "Bkup-FWU-Metadata": (64, 16), "private_metadata_1": (80, 16),
    "FIP_A": (96, 256), "FIP_B": (352, 256),
}  # fmt: skip
SECTORS = 656


@functools.cache
def package() -> bytes:
    """A package with all images that are loaded, as fiptool lays it out."""
    images = {
        "bl2": bl2_image(),
        "scp": mcuboot_image(version="0.0.1", load=0x71000000, slot=0x80000, payload=0x1000),
        "s": mcuboot_image(version="1.2.3+4", load=0x31000000, slot=0x60000, payload=0x6000),
        "ap": mcuboot_image(version="0.0.1", load=0x70000000, slot=0x80000, payload=0x1000),
    }
    table, body, at = struct.pack("<IIQ", 0xAA640001, 0x12345678, 0), b"", 0x2000
    for name, data in images.items():
        table += struct.pack("<16sQQQ", bytes.fromhex(UUIDS[name]), at + len(body), len(data), 0)
        body += data.ljust(-(-len(data) // 0x2000) * 0x2000, b"\xff")
    table += struct.pack("<16sQQQ", bytes(16), at + len(body), 0, 0)
    return table.ljust(at, b"\xff") + body


def metadata(
    active: int = 0, previous: int = 0, states: bytes = b"\xfc\xfc\xff\xff", size: int = 32
) -> bytes:
    """FWU metadata of version 2 without a descriptor."""
    body = struct.pack("<IIIIHH4sI", 2, active, previous, size, 0, 0, states, 0)
    return struct.pack("<I", zlib.crc32(body)) + body


def disk(described: bytes | None = None, *, without: tuple[str, ...] = ()) -> bytes:
    """The host's flash with the package in both banks, and metadata."""
    parts = {n: p for n, p in PARTITIONS.items() if n not in without}
    image = bytearray(SECTOR * SECTORS)
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", b"t" * 16, name.encode().ljust(16, b"\1")[:16], first,
                    first + count - 1, 0, name.encode("utf-16-le"))
        for name, (first, count) in parts.items()
    ).ljust(128 * 128, b"\0")  # fmt: skip
    for here, other, table in ((1, SECTORS - 1, 2), (SECTORS - 1, 1, SECTORS - 33)):
        put(image, table * SECTOR, entries)
        head = struct.pack("<8sII", b"EFI PART", 0x10000, 92)
        rest = struct.pack("<IQQQQ16sQIII", 0, here, other, 34, SECTORS - 34, b"d" * 16, table, 128,
                           128, zlib.crc32(entries))  # fmt: skip
        crc = struct.pack("<I", zlib.crc32(head + bytes(4) + rest))
        put(image, here * SECTOR, head + crc + rest)
    for name in ("FWU-Metadata", "Bkup-FWU-Metadata"):
        if name in parts:
            put(image, parts[name][0] * SECTOR, metadata() if described is None else described)
    for name in ("FIP_A", "FIP_B"):
        if name in parts:
            put(image, parts[name][0] * SECTOR, package())
    return bytes(image)


def _chip(folder: Path, release: str, kind: str) -> Chip:
    chip = single(folder, release)
    assert chip.end is BootEnd.RUNNING
    chip.power_on(host_flash=kind)
    return chip


@pytest.fixture(params=RELEASES, scope="module")
def fip_chip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chip:
    """A provisioned chip that boots from packages."""
    return _chip(tmp_path_factory.mktemp("fip"), request.param, "fip")


@pytest.fixture(params=RELEASES, scope="module")
def gpt_chip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chip:
    """A provisioned chip that boots from partitions."""
    return _chip(tmp_path_factory.mktemp("gpt"), request.param, "gpt")


def boot(chip: Chip, first: bytes, second: bytes = b"") -> Chip:
    """Boot with this at the start of the flash and that 8 MiB behind it."""
    flash = bytearray(first if not second else first.ljust(FIP_B, b"\xff") + second)
    chip.memory.flash = flash
    return again(chip)


def _judge(chip: Chip, expected: Outcome) -> None:
    """Compare a boot with what the catalogue says."""
    if expected.verdict is not Verdict.REFUSED:
        assert chip.end is BootEnd.RUNNING, chip.text
        return
    assert chip.end is BootEnd.HALT, chip.text
    said = {
        "BL1_2": "[INF] Starting TF-M BL1_2" in chip.lines,
        "BL2": "[INF] Starting bootloader" in chip.lines,
    }
    furthest = next((name for name in ("BL2", "BL1_2") if said[name]), "BL1_1")
    assert furthest == expected.ends, chip.text


def _expected(mutant: Mutant, place: Place, chip: Chip) -> Outcome:
    generation = chip.config.release[:3]
    (loader,) = mutant.loaders(generation)
    expected = mutant.expected(loader, place, generation)
    assert expected is not None
    return expected


def _rows(kind: Kind) -> Iterator[Mutant]:
    return (row for row in CATALOGUE if row.kind is kind)


@pytest.mark.parametrize("mutant", list(_rows(Kind.FIP)), ids=lambda m: m.name)
@pytest.mark.parametrize("place", [Place.ALONE, Place.WITH_SPARE])
def test_a_damaged_package_does_what_the_catalogue_says(
    mutant: Mutant, place: Place, fip_chip: Chip
) -> None:
    """Alone, and with a good one in the second place: refused by which stage, recovered, accepted."""
    spare = package() if place is Place.WITH_SPARE else b""
    boot(fip_chip, mutant.apply(Material(package())), spare)
    _judge(fip_chip, _expected(mutant, place, fip_chip))


@pytest.mark.parametrize("mutant", list(_rows(Kind.GPT)), ids=lambda m: m.name)
def test_a_damaged_partition_table_does_what_the_catalogue_says(
    mutant: Mutant, gpt_chip: Chip
) -> None:
    """Nothing but what the search reads decides."""
    boot(gpt_chip, mutant.apply(Material(disk())))
    _judge(gpt_chip, _expected(mutant, Place.ALONE, gpt_chip))


def test_the_good_package_boots_from_either_place(fip_chip: Chip) -> None:
    """First, second, both; a package that only the second place has serves both slots."""
    for first, second in ((package(), b""), (b"", package()), (package(), package())):
        boot(fip_chip, first, second)
        assert fip_chip.end is BootEnd.RUNNING, fip_chip.text
        assert "[INF] Telling SCP to start AP cores" in fip_chip.lines
        assert fip_chip.lines.count("[INF] Primary   slot: version=1.2.3+4") == 1
        assert fip_chip.lines.count("[INF] Secondary slot: version=1.2.3+4") == 1


def test_without_a_package_bl1_2_ends_before_it_says_its_name(fip_chip: Chip) -> None:
    """2.3 names the UUID and tries provisioning; both end with their fatal line."""
    boot(fip_chip, b"\xff" * 64)
    assert fip_chip.end is BootEnd.HALT
    assert "[INF] Starting TF-M BL1_2" not in fip_chip.lines
    new = fip_chip.config.release == "2.3.1"
    assert ("[ERR] Failed to find image with UUID starting A3B3B30D" in fip_chip.lines) is new
    assert ("[INF] Beginning RSE provisioning" in fip_chip.lines) is new
    fatal = "0xe5a5a52e (0x4000008b)" if new else "-1431677611"
    assert f"[ERR] Fatal boot error {fatal}" in fip_chip.lines


@pytest.mark.parametrize(
    ("described", "bank"),
    [
        (metadata(0), "FIP_A"),
        (metadata(1), "FIP_B"),
        (metadata(2), None),
        (metadata(1, previous=2), None),
        (metadata(0, size=4000), None),
        (b"\0" + metadata(0)[1:], None),
    ],
    ids=["bank-0", "bank-1", "bank-2", "previous-2", "size", "crc"],
)
def test_the_metadata_name_the_bank(described: bytes, bank: str | None, gpt_chip: Chip) -> None:
    """Of both banks only the active one is looked at; metadata that are wrong name none."""
    for damaged in ("FIP_A", "FIP_B"):
        flash = bytearray(disk(described))
        put(flash, PARTITIONS[damaged][0] * SECTOR, b"\xff" * 64)
        boot(gpt_chip, bytes(flash))
        good = bank is not None and bank != damaged
        assert gpt_chip.end is (BootEnd.RUNNING if good else BootEnd.HALT), gpt_chip.text


def test_only_2_2_leaves_a_bank_that_is_not_valid(gpt_chip: Chip) -> None:
    """It takes the previous one then; 2.3 does not look at the states."""
    flash = bytearray(disk(metadata(0, 1, b"\xff\xfc\xff\xff")))
    put(flash, PARTITIONS["FIP_B"][0] * SECTOR, b"\xff" * 64)
    boot(gpt_chip, bytes(flash))
    old = gpt_chip.config.release == "2.2.2"
    assert gpt_chip.end is (BootEnd.HALT if old else BootEnd.RUNNING), gpt_chip.text


def test_one_copy_of_the_metadata_is_enough(gpt_chip: Chip) -> None:
    """The second one is looked at only where the first has no partition."""
    boot(gpt_chip, disk(without=("FWU-Metadata",)))
    assert gpt_chip.end is BootEnd.RUNNING, gpt_chip.text


def test_any_flash_ends_in_a_halt(fip_chip: Chip, gpt_chip: Chip) -> None:
    """Whatever the tables say, nothing is raised and nothing hangs."""
    good = disk()
    for lie in (0, 1, 127, 129, 0xFFFFFFFF):
        flash = bytearray(good)
        put(flash, SECTOR + 80, struct.pack("<II", 0xFFFFFFFF, lie))
        assert boot(gpt_chip, bytes(flash)).end is BootEnd.HALT
    for offset in (0, 0x1FFF, 0x3FFFFFF, 1 << 32, (1 << 64) - 1):
        for size in (0, 1, 0x1000000, 0xFFFFFFFF):
            flash = bytearray(package())
            put(flash, 16 + 16, struct.pack("<QQ", offset, size))
            assert boot(fip_chip, bytes(flash)).end is BootEnd.HALT


def test_an_unknown_use_of_the_host_flash_is_refused() -> None:
    """The message says what there is."""
    with pytest.raises(UsageError, match="'gtp'; known are fip, gpt"):
        FirmwareConfig("2.3.1", 0, host_flash="gtp")
