# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (one row, one line)
"""The ways to damage a package (FIP) or the partition table around it (GPT), and their rows.

What an RSE does with them: BL1_2 looks for its image of BL2, BL2 for those of its own; each reads
the first header and the entries up to the one it wants, and trusts neither offset nor size, but
checks no CRC, no overlap, no end of a table, and never the second copy of a partition table.
Source: TF-M 2.2 to 2.3.1 rse/common/fip_parser/{fip_parser,gpt,host_flash_atu}.c.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip import ENTRY, HEADER, Fip, FipEntry, parse_fip
from hil.images.fip_uuids import BY_NAME
from hil.images.gpt import Gpt, Table, parse_gpt
from hil.images.gpt_format import ENTRY as PARTITION
from hil.images.gpt_format import HEADER as GPT_HEADER
from hil.images.gpt_format import Partition
from hil.images.mutant_rules import Loader, Verdict
from hil.images.mutations import Material, Mutation, NotApplicableError, at, fill, flip

#: Name, what is done, how, who reads it, what it does.
Row = tuple[str, str, Mutation, Loader, Verdict]
#: Rows that stand for all.
SMALL_SET = frozenset(
    {"fip-name", "fip-bl2-missing", "fip-s-overlapping", "fip-s-into-next"}
    | {"gpt-signature", "gpt-header-crc", "gpt-backup-only", "gpt-fip-overlapping"}
)

#: The only size of a sector that TF-M reads (FLASH_LBA_SIZE).
_SECTOR = 512
BANKS = ("FIP_A", "FIP_B")
_METADATA = ("FWU-Metadata", "Bkup-FWU-Metadata")
_PRIVATE = ("private_metadata_1",)
#: More than any flash of a host, less than would wrap 64 bits.
_FAR = 1 << 40

#: From uuid, offset, size, flags of an entry to those instead; the package and entry are given too.
_Fields = tuple[bytes, int, int, int]
_Change = Callable[[Fip, FipEntry], _Fields]


def fip_entry(name: str, change: _Change) -> Mutation:
    """Change the entry of one image in the table of a package."""

    def mutate(material: Material) -> bytes:
        fip = parse_fip(Content.of(material.good))
        uuid = BY_NAME[name].uuid
        entry = next((each for each in fip.entries if each.uuid == uuid), None)
        if entry is None:
            raise NotApplicableError(f"it has no image {name}")
        return _over(material.good, entry.entry_offset, ENTRY.pack(*change(fip, entry)))

    return mutate


def _unknown(_fip: Fip, entry: FipEntry) -> _Fields:
    return b"\xff" * 16, entry.offset, entry.size, entry.flags


def _beyond(_fip: Fip, entry: FipEntry) -> _Fields:
    return entry.uuid.bytes, _FAR, entry.size, entry.flags


def _huge(_fip: Fip, entry: FipEntry) -> _Fields:
    return entry.uuid.bytes, entry.offset, entry.size + (1 << 32), entry.flags


def _elsewhere(fip: Fip, entry: FipEntry) -> _Fields:
    other = next((each for each in fip.entries if each is not entry), None)
    if other is None:
        raise NotApplicableError("it has no other image")
    return entry.uuid.bytes, other.offset, entry.size, entry.flags


def _into_next(fip: Fip, entry: FipEntry) -> _Fields:
    behind = [each.offset for each in fip.entries if each.offset > entry.offset]
    end = min(behind, default=fip.size)
    return entry.uuid.bytes, entry.offset, end - entry.offset + 1, entry.flags


def _no_end(material: Material) -> bytes:
    """Give the entry that ends the table a UUID."""
    fip = parse_fip(Content.of(material.good))
    return _over(material.good, HEADER.size + ENTRY.size * len(fip.entries), b"\xff" * 16)


def _gpt(material: Material) -> tuple[Gpt, Table, Table]:
    gpt = parse_gpt(Content.of(material.good))
    gpt.require_sound()
    if gpt.sector_size != _SECTOR:
        raise NotApplicableError(f"an RSE reads sectors of {_SECTOR} bytes only")
    assert gpt.primary is not None
    assert gpt.backup is not None
    return gpt, gpt.primary, gpt.backup


def partitions(
    names: tuple[str, ...], change: Callable[[Gpt, Partition, bytes], bytes]
) -> Mutation:
    """Change the entries of partitions in both copies, whose CRCs are made right again.

    Args:
        names: Those of them that are there; at least one must be.
        change: From the entry's bytes (128) to those instead.
    """

    def mutate(material: Material) -> bytes:
        gpt, *tables = _gpt(material)
        if not any(part.name in names for part in gpt.table.partitions):
            raise NotApplicableError(f"it has no partition {' or '.join(names)}")
        data = material.good
        for table in tables:
            for part in table.partitions:
                if part.name in names:
                    old = data[part.entry_offset : part.entry_offset + PARTITION.size]
                    data = _over(data, part.entry_offset, change(gpt, part, old))
            data = _with_entries_crc(data, table)
        return data

    return mutate


def _renamed(_gpt: Gpt, _part: Partition, entry: bytes) -> bytes:
    return entry[:56] + "X".encode("utf-16-le") + entry[58:]


def _moved(sector: int) -> Callable[[Gpt, Partition, bytes], bytes]:
    """Put a partition somewhere else, of the same length."""

    def change(_gpt: Gpt, part: Partition, entry: bytes) -> bytes:
        last = sector + part.last_lba - part.first_lba
        return entry[:32] + sector.to_bytes(8, "little") + last.to_bytes(8, "little") + entry[48:]

    return change


def _on_other_bank(gpt: Gpt, part: Partition, entry: bytes) -> bytes:
    other = BANKS[1 - BANKS.index(part.name)]
    found = next((each for each in gpt.table.partitions if each.name == other), None)
    if found is None:
        raise NotApplicableError(f"it has no partition {other}")
    try:
        parse_fip(gpt.read(found))
    except ImageError:
        raise NotApplicableError(f"{other} holds no package") from None
    return _moved(found.first_lba)(gpt, part, entry)


def _one_sector(_gpt: Gpt, part: Partition, entry: bytes) -> bytes:
    return entry[:40] + part.first_lba.to_bytes(8, "little") + entry[48:]


def _gpt_field(offset: int, value: bytes) -> Mutation:
    """Overwrite a field of the first header, whose CRC is made right again."""

    def mutate(material: Material) -> bytes:
        _, primary, _ = _gpt(material)
        data = _over(material.good, _SECTOR + offset, value)
        return _with_header_crc(data, primary)

    return mutate


def _entries_crc(material: Material) -> bytes:
    _, primary, _ = _gpt(material)
    return _gpt_field(88, (primary.header.entries_crc ^ 1).to_bytes(4, "little"))(material)


def _header_byte(offset: int) -> Mutation:
    """Flip a bit of the first header, and make nothing right."""

    def mutate(material: Material) -> bytes:
        _gpt(material)
        return flip(at(_SECTOR + offset))(material)

    return mutate


def _without_copy(*, primary: bool) -> Mutation:
    """Erase header and entries of one copy."""

    def mutate(material: Material) -> bytes:
        _, first, second = _gpt(material)
        header = (first if primary else second).header
        data = _over(material.good, header.my_lba * _SECTOR, b"\xff" * _SECTOR)
        return _over(data, header.entries_lba * _SECTOR, b"\xff" * header.entries_size)

    return mutate


def _with_entries_crc(data: bytes, table: Table) -> bytes:
    header = table.header
    start = header.entries_lba * _SECTOR
    crc = zlib.crc32(data[start : start + header.entries_size])
    data = _over(data, header.my_lba * _SECTOR + 88, crc.to_bytes(4, "little"))
    return _with_header_crc(data, table)


def _with_header_crc(data: bytes, table: Table) -> bytes:
    start = table.header.my_lba * _SECTOR
    header = bytearray(data[start : start + max(table.header.header_size, GPT_HEADER.size)])
    header[16:20] = bytes(4)
    return _over(data, start + 16, zlib.crc32(header).to_bytes(4, "little"))


def _over(data: bytes, at_: int, new: bytes) -> bytes:
    return data[:at_] + new + data[at_ + len(new) :]


_NO, _YES = Verdict.REFUSED, Verdict.ACCEPTED


def _fip_rows() -> list[Row]:
    rows: list[Row] = []
    for name, search, check in (
        ("rse-bl2", Loader.FIP_BL1_2, Loader.FIP_BL1_2_FOUND),
        ("rse-s", Loader.FIP_BL2, Loader.FIP_BL2),
    ):
        what = f"the entry of {name}"
        start = f"fip-{name.removeprefix('rse-')}"
        for change, text, function, loader, verdict in (
            ("missing", "has an unknown UUID: the image is not found", _unknown, search, _NO),
            ("out-of-range", "has an offset beyond the flash", _beyond, search, _NO),
            ("size", "says 4 GiB more", _huge, search, _NO),
            ("overlapping", "leads to another image, which is not what it should be", _elsewhere, check, _NO),
            ("into-next", "says a size that reaches into what is behind it: nothing looks", _into_next, search, _YES),
        ):  # fmt: skip
            rows.append(
                (f"{start}-{change}", f"{what} {text}", fip_entry(name, function), loader, verdict)
            )
    return rows


# fmt: off
FIP_ROWS: tuple[Row, ...] = (
    ("fip-name", "one bit of the word that a package begins with", flip(at(0)), Loader.FIP_BL1_2, _NO),
    ("fip-serial-number", "one bit of the serial number, which nothing reads", flip(at(4)), Loader.FIP_BL1_2, _YES),
    ("fip-no-end", "the table has no end: a search for what is there does not come so far", _no_end, Loader.FIP_BL1_2, _YES),
    ("fip-all-ff", "erased flash", fill(0xFF), Loader.FIP_BL1_2, _NO),
    *_fip_rows(),
)

#: Rows that a generation of TF-M reads otherwise: name, generation, who reads it, what it does. The
#: loader of the row itself has no verdict then, unless it is named again.
#: 2.1 and 2.2 round addresses with 32 bits: what is a multiple of 4 GiB beyond is found at the start.
OTHERWISE: tuple[tuple[str, str, Loader, Verdict], ...] = (
    ("fip-bl2-out-of-range", "2.1", Loader.FIP_BL1_2_FOUND, _NO),
    ("fip-bl2-out-of-range", "2.2", Loader.FIP_BL1_2_FOUND, _NO),
    ("gpt-entries-out-of-range", "2.2", Loader.GPT, _YES),
)

_TABLE = Loader.GPT
GPT_ROWS: tuple[Row, ...] = (
    ("gpt-signature", "one bit of the first header's signature: the second header is not looked at", _header_byte(0), _TABLE, _NO),
    ("gpt-header-crc", "one bit of the first header's CRC, which nothing checks", _header_byte(16), _TABLE, _YES),
    ("gpt-entries-crc", "one bit of the entries' CRC, which nothing checks", _entries_crc, _TABLE, _YES),
    ("gpt-entry-size", "entries of 256 bytes, more than the RSE has room for", _gpt_field(84, (256).to_bytes(4, "little")), _TABLE, _NO),
    ("gpt-entries-out-of-range", "the entries are beyond the flash", _gpt_field(72, (_FAR // _SECTOR).to_bytes(8, "little")), _TABLE, _NO),
    ("gpt-backup-only", "the first header and its entries are erased: the second copy is not looked at", _without_copy(primary=True), _TABLE, _NO),
    ("gpt-primary-only", "the second header and its entries are erased", _without_copy(primary=False), _TABLE, _YES),
    ("gpt-fip-missing", "the partitions FIP_A and FIP_B have other names", partitions(BANKS, _renamed), _TABLE, _NO),
    ("gpt-fip-out-of-range", "FIP_A and FIP_B are beyond the flash", partitions(BANKS, _moved(_FAR // _SECTOR)), _TABLE, _NO),
    ("gpt-fip-overlapping", "FIP_A begins where FIP_B does: its package boots whichever is active", partitions(BANKS[:1], _on_other_bank), _TABLE, _YES),
    ("gpt-fip-one-sector", "FIP_A and FIP_B end with their first sector: nothing reads where they end", partitions(BANKS, _one_sector), _TABLE, _YES),
    ("gpt-no-metadata", "neither copy of the FWU metadata, which names the active bank", partitions(_METADATA, _renamed), _TABLE, _NO),
    ("gpt-no-private-metadata", "the RSE's own metadata is missing", partitions(_PRIVATE, _renamed), _TABLE, _NO),
)
# fmt: on
