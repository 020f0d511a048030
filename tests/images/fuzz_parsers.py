# SPDX-License-Identifier: Apache-2.0
"""Every parser of `hil.images` as a function of any bytes.

Right answers are a value or the project's own error. `test_fuzz_targets.py` asks them with what
hypothesis thinks of, `fuzz_with_atheris.py` with what leads to new code.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from hil.errors import HilError, ImageError
from hil.images import mcuboot
from hil.images.bl1_2_format import find_bl1_image, read_bl1_image
from hil.images.content import Content
from hil.images.dma_ics import find_sequence
from hil.images.fip import parse_fip, updated, without
from hil.images.gpt import parse_gpt
from hil.images.mcuboot_check import check_image
from hil.images.message_values import message_values
from hil.images.mutants import CATALOGUE
from hil.images.mutations import Material
from hil.images.provisioning import parse_message
from hil.images.recognise import recognise
from hil.images.rom import parse_rom
from hil.images.sic_table import find_sic_table
from hil.images.xip import check_xip, in_package

HERE = Path("input.bin")
#: An image of up to 32 KiB is enough to reach every field; the rest is payload.
MOST = 1 << 15
_GPT = struct.Struct("<8sIIIIQQQQ16sQIII")


def fip(data: bytes) -> None:
    """A package: its table, each image, the tables of page hashes, and writing it again."""
    found = parse_fip(Content.of(data, HERE))
    for entry in found.entries:
        found.image(entry).sha256()
    updated(found, [])
    without(found, [entry.uuid for entry in found.entries[:1]])
    with contextlib.suppress(ImageError):
        list(check_xip(in_package(found)))


def gpt(data: bytes) -> None:
    """A partition table behind a sector that is no part of it, as it is and with its CRCs made right."""
    _gpt(data)
    _gpt(_with_crcs(data))


def _gpt(data: bytes) -> None:
    with contextlib.suppress(ImageError):
        table = parse_gpt(Content.of(data, HERE))
        with contextlib.suppress(ImageError):
            for part in table.table.partitions:
                table.read(part).sha256()


def _with_crcs(data: bytes) -> bytes:
    """Return a disk whose first header is the beginning of the data, its CRCs right."""
    head, body = data[: _GPT.size].ljust(_GPT.size, b"\0"), data[_GPT.size :]
    fields = list(_GPT.unpack(head))
    fields[0], fields[2], fields[4] = b"EFI PART", _GPT.size, 0
    fields[5] = 1
    start, size = fields[10] * 512, fields[11] * fields[12]
    disk = bytearray(512) + bytearray(512) + body
    fields[13] = zlib.crc32(disk[start : start + size]) if size < MOST else 0
    fields[3] = 0
    fields[3] = zlib.crc32(_GPT.pack(*fields))
    disk[512 : 512 + _GPT.size] = _GPT.pack(*fields)
    return bytes(disk)


def image(data: bytes) -> None:
    """A MCUboot image: header, TLVs, hash and signature."""
    for start in (data, mcuboot.MAGIC + data):
        with contextlib.suppress(ImageError):
            parsed = mcuboot.parse_image(start, HERE)
            check_image(start, parsed)
            str(parsed.dependencies)
        mcuboot.peek_version(start)


def bl2(data: bytes) -> None:
    """BL1_2's own format."""
    find_bl1_image(data, HERE)
    read_bl1_image(data, HERE)


def message(data: bytes) -> None:
    """A provisioning message or bundle and its values."""
    for kind in (b"", struct.pack("<I", 0x1111B10B), struct.pack("<I", 0x4444DA7A)):
        with contextlib.suppress(ImageError):
            message_values(parse_message(kind + data, HERE).message)


def dma(data: bytes) -> None:
    """A sequence of DMA commands, alone and in a ROM."""
    find_sequence(data)
    parse_rom(Content.of(data, HERE))


def sic(data: bytes) -> None:
    """A table of page hashes, and whether it is of something."""
    for size in (0, len(data)):
        table = find_sic_table(data[:4] + bytes(8) + struct.pack("<I", size) + data)
        if table is not None:
            table.is_of(data)
    find_sic_table(data)


def any_file(data: bytes) -> None:
    """What a file of a build tree is."""
    recognise(HERE, data)


def mutant(data: bytes) -> None:
    """A row of the catalogue, chosen by the first byte, on the rest."""
    if data:
        CATALOGUE[data[0] % len(CATALOGUE)].apply(Material(data[1:]))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "fip": fip, "gpt": gpt, "mcuboot": image, "bl2": bl2, "message": message, "dma": dma, "sic": sic,
    "any": any_file, "mutant": mutant,
}  # fmt: skip
#: Beginnings that lead further than chance does.
SEEDS: dict[str, tuple[bytes, ...]] = {
    "fip": (struct.pack("<IIQ", 0xAA640001, 1, 0) + b"u" * 16 + struct.pack("<QQQ", 96, 4, 0)
            + struct.pack("<16sQQQ", bytes(16), 100, 0, 0) + b"data",),
    "gpt": (_GPT.pack(b"EFI PART", 1, 92, 0, 0, 1, 63, 34, 40, bytes(16), 2, 4, 128, 0)
            + struct.pack("<16s16sQQQ72s", b"t" * 16, b"u" * 16, 34, 35, 0, b"F\0I\0P\0") * 4,),
    "mcuboot": (struct.pack("<IHHIIBBHI4x", 0, 32, 0, 8, 0, 1, 2, 3, 4) + b"payload."
                + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + bytes(32),),
    "any": (mcuboot.MAGIC, struct.pack("<I", 0x1111B10B), struct.pack("<I", 0xAA640001)),
}  # fmt: skip


def check(target: str, data: bytes) -> None:
    """Run a target; anything but the project's own error goes through."""
    with contextlib.suppress(HilError):
        TARGETS[target](data)
