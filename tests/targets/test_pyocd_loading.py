# SPDX-License-Identifier: Apache-2.0
"""What of a flash is written: the device's own content decides; and every byte is read back."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from virtual_boards import USER_SCRIPT, BoardProcess

from hil.targets.pyocd_settings import PyocdSettings

pytest.importorskip("pyocd")
from intelhex import IntelHex

from hil.targets.image_chunks import Chunk, chunks_of
from hil.targets.load_pieces import Unit, within
from hil.targets.pyocd_errors import Refusal
from hil.targets.pyocd_guards import check_at_reset_vector
from hil.targets.pyocd_session import Chip

FLASH, VM1, SECTOR = 0xB0000000, 0x31080000, 0x4000


def chip_of(board: BoardProcess, told: list[tuple[str, int, int]], **changes: Any) -> Chip:
    settings = PyocdSettings.model_validate(
        {
            "kind": "pyocd",
            "target": "rse_virtual",
            "user_script": str(USER_SCRIPT),
            "options": {"reset.post_delay": 0.0},
            **changes,
        }
    )
    return Chip(board.probe, settings.model_dump(mode="json"), lambda *step: told.append(step))


def image(path: Path, address: int, memory: str = "flash") -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "name": path.stem,
        "path": str(path),
        "address": address,
        "memory": memory,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@pytest.fixture
def bl2(tmp_path: Path) -> dict[str, Any]:
    """Two sectors and a bit."""
    path = tmp_path / "bl2.bin"
    path.write_bytes(random.Random(1).randbytes(2 * SECTOR + 100))
    return image(path, FLASH)


@pytest.fixture
def tail(tmp_path: Path) -> dict[str, Any]:
    """Shares its first sector with the end of BL2, and ends in the next."""
    path = tmp_path / "tail.bin"
    path.write_bytes(random.Random(2).randbytes(SECTOR))
    return image(path, FLASH + 2 * SECTOR + 0x200)


@pytest.fixture
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path) as process:
        yield process


@pytest.fixture
def chip(board: BoardProcess, told: list[tuple[str, int, int]]) -> Iterator[Chip]:
    chip = chip_of(board, told)
    chip.hold(None)
    yield chip
    chip.close()


def counts(answer: dict[str, Any]) -> list[tuple[int, int]]:
    return [(found["written"], found["skipped"]) for found in answer["images"]]


def test_a_first_load_writes_all_and_a_second_nothing(
    chip: Chip, bl2: dict[str, Any], tail: dict[str, Any], told: list[tuple[str, int, int]]
) -> None:
    """The second load compares, finds every sector equal, and erases nothing."""
    first = chip.load([bl2, tail])
    assert counts(first) == [(bl2["size"], 0), (tail["size"], 0)]
    assert first["erased"] == 4 * SECTOR
    steps = list(dict.fromkeys(step for step, _, _ in told))
    assert steps == ["compare", "erase", "program", "verify"]
    assert told[-1] == ("verify", first["size"], first["size"])
    told.clear()
    second = chip.load([bl2, tail])
    assert counts(second) == [(0, bl2["size"]), (0, tail["size"])]
    assert second["erased"] == 0
    assert [found["digest"] for found in second["images"]] == [bl2["sha256"], tail["sha256"]]
    assert {step for step, _, _ in told} == {"compare"}


def test_what_changed_on_the_device_is_written_again(
    tmp_path: Path, bl2: dict[str, Any], tail: dict[str, Any]
) -> None:
    """A bit that flipped behind the harness's back costs its sector, with all images in it."""
    with BoardProcess(tmp_path) as board:
        chip = chip_of(board, [])
        chip.hold(None)
        chip.load([bl2, tail])
        chip.close()
    cells = tmp_path / "state" / "chip0.flash"
    content = bytearray(cells.read_bytes())
    content[2 * SECTOR + 99] ^= 1  # the last byte of BL2
    cells.write_bytes(content)
    with BoardProcess(tmp_path) as board:
        chip = chip_of(board, [])
        chip.hold(None)
        answer = chip.load([bl2, tail])
        chip.close()
    assert answer["erased"] == SECTOR
    assert counts(answer) == [(100, 2 * SECTOR), (SECTOR - 0x200, 0x200)]
    assert cells.read_bytes()[: bl2["size"]] == Path(bl2["path"]).read_bytes()


def test_always_writes_what_is_there_already(chip: Chip, bl2: dict[str, Any]) -> None:
    """With flash=always nothing is compared and everything written."""
    chip.load([bl2])
    answer = chip.load([bl2], "always")
    assert (counts(answer), answer["erased"]) == ([(bl2["size"], 0)], 3 * SECTOR)


def test_never_only_looks(
    chip: Chip, bl2: dict[str, Any], tail: dict[str, Any], tmp_path: Path
) -> None:
    """With flash=never other content is refused and left; the right one is verified; RAM is written."""
    chip.load([bl2])
    with pytest.raises(
        Refusal, match="image tail: the device does not hold it: 2 of its 2 sectors"
    ) as no:
        chip.load([bl2, tail], "never")
    assert "flash=changed" in str(no.value.hint)
    path = tmp_path / "message.bin"
    path.write_bytes(b"message" * 100)
    message = image(path, VM1, "ram")
    answer = chip.load([bl2, message], "never")
    assert counts(answer) == [(0, bl2["size"]), (700, 0)]
    assert [found["digest"] for found in answer["images"]] == [bl2["sha256"], message["sha256"]]
    flash = bytes(chip._session.target.read_memory_block8(tail["address"], 16))
    assert flash == b"\xff" * 16


@pytest.mark.parametrize("asked", [False, True])
def test_what_a_reset_changes_is_found_where_asked(
    tmp_path: Path, bl2: dict[str, Any], asked: bool
) -> None:
    """With verify_after_reset all is read once more after the reset, and that reset is blamed."""
    with BoardProcess(tmp_path, "--fault=reset-spoils-flash") as board:
        chip = chip_of(board, [], verify_after_reset=asked)
        chip.hold(None)
        if asked:
            with pytest.raises(Refusal, match="image bl2: read back 0x00 at 0xb0000050") as caught:
                chip.load([bl2])
            assert "right before the reset" in str(caught.value.hint)
        else:
            chip.load([bl2])
        chip.close()


def test_a_core_whose_flash_was_read_after_the_reset_still_starts_anew(
    board: BoardProcess, bl2: dict[str, Any], tmp_path: Path
) -> None:
    """With verify_after_reset neither registers nor RAM are those of the flash algorithm in the end."""
    path = tmp_path / "dtcm.bin"
    path.write_bytes(random.Random(4).randbytes(0x2000))
    ram = image(path, 0x30000000, "ram")
    chip = chip_of(board, [], verify_after_reset=True)
    chip.hold(None)
    chip.load([ram, bl2])
    target = chip._session.target
    check_at_reset_vector(target)
    assert bytes(target.read_memory_block8(0x30000000, 0x2000)) == path.read_bytes()
    chip.close()


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"targetid": 0x07E5E477}, None),
        ({"targetid": 0x17E5E477}, None),
        ({"targetid": 0x07E50477}, "TARGETID is 0x07e5e477, expected 0x07e50477"),
        ({"registers": [{"address": 0x58200000, "value": 0x52534E46}]}, None),
        (
            {"registers": [{"address": 0x58200000, "value": 0x52534E00, "mask": 0xFFFFFF00}]},
            None,
        ),
        (
            {"registers": [{"address": 0x58200000, "value": 1}]},
            "the word at 0x58200000 is 0x52534e46, expected 0x00000001",
        ),
        ({"dpidr": 0x0BE12477}, "DPIDR is 0x4c013477"),
    ],
)
def test_the_chip_is_known_before_anything_is_erased(
    board_of_module: BoardProcess, expected: dict[str, Any], said: str | None
) -> None:
    """DPIDR, TARGETID and registers of the board file are compared; the revision does not count."""
    chip = chip_of(board_of_module, [], expect_identity=expected)
    try:
        if said is None:
            chip.hold(None)
        else:
            with pytest.raises(Refusal, match=said) as caught:
                chip.hold(None)
            assert "nothing was erased" in str(caught.value.hint)
    finally:
        chip.close()


@pytest.fixture(scope="module")
def board_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path_factory.mktemp("board")) as process:
        yield process


def hex_file(folder: Path, *chunks: Chunk) -> Path:
    file = IntelHex()
    for chunk in chunks:
        file.frombytes(chunk.data, offset=chunk.address)
    path = folder / "image.hex"
    file.write_hex_file(str(path))
    return path


def elf_file(folder: Path, *chunks: Chunk) -> Path:
    """An ELF file with a segment for each chunk, loaded elsewhere than where it is linked."""
    header = struct.pack(
        "<4s5B7xHHIIIIIHHHHHH",
        b"\x7fELF", 1, 1, 1, 0, 0, 2, 40, 1, 0, 52, 0, 0, 52, 32, len(chunks), 40, 0, 0,
    )  # fmt: skip
    offset = 52 + 32 * len(chunks)
    segments, content = b"", b""
    for chunk in chunks:
        size = len(chunk.data)
        segments += struct.pack("<8I", 1, offset, 0x20000000, chunk.address, size, size + 64, 5, 4)
        content += chunk.data
        offset += size
    path = folder / "image.elf"
    path.write_bytes(header + segments + content)
    return path


@pytest.mark.parametrize("make", [hex_file, elf_file])
def test_files_with_addresses_are_taken_apart(tmp_path: Path, make: Any) -> None:
    """Every part of hex and ELF files has its place; parts that touch are one."""
    given = [
        Chunk(FLASH, b"a" * 100),
        Chunk(FLASH + 100, b"b" * 20),
        Chunk(FLASH + 0x1000, b"c" * 9),
    ]
    path = make(tmp_path, *given)
    found = chunks_of("bl2", str(path), FLASH, path.read_bytes())
    assert found == [Chunk(FLASH, b"a" * 100 + b"b" * 20), Chunk(FLASH + 0x1000, b"c" * 9)]


@pytest.mark.parametrize("make", [hex_file, elf_file])
def test_a_part_outside_the_map_is_refused(chip: Chip, tmp_path: Path, make: Any) -> None:
    """PyOCD would skip it and report success; the whole image is refused, nothing is erased."""
    path = make(tmp_path, Chunk(FLASH, b"a" * 100), Chunk(0xC0000000, b"b" * 10))
    said = r"image image \(10 bytes at 0xc0000000\) needs flash at 0xc0000000, .* has nothing there"
    with pytest.raises(Refusal, match=said):
        chip.load([image(path, FLASH)])


@pytest.mark.parametrize("make", [hex_file, elf_file])
def test_a_file_with_addresses_is_loaded_and_read_back(
    chip: Chip, tmp_path: Path, make: Any
) -> None:
    """Each part stands at its address, and the digest is that of the file that was found there."""
    parts = [Chunk(FLASH + 8, b"a" * 100), Chunk(FLASH + 3 * SECTOR, b"b" * 77)]
    given = image(make(tmp_path, *parts), FLASH + 8)
    answer = chip.load([given])
    assert answer["size"] == 177
    assert answer["images"] == [{"digest": given["sha256"], "written": 177, "skipped": 0}]
    for part in parts:
        there = chip._session.target.read_memory_block8(part.address, len(part.data))
        assert bytes(there) == part.data


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.bin", b"", "the file is empty"),
        ("a.hex", b":00000001FF\n", "the file is empty"),
        ("a.hex", b":10010000214601360121470136007EFE09D2190141\n", "is no Intel hex file"),
        ("a.hex", b"\xff\xfe", "is no Intel hex file"),
        ("a.hex", b":020000040800F2\n:0400000001020304F2\n:00000001FF\n", "begins at 0x08000000"),
        ("a.elf", b"no elf at all", "is no ELF file"),
        ("a.axf", elf_file, "is cut off: a segment ends after the file"),
        ("a.bin", b"\x7fELF\x01\x01", "is an ELF file; give its name the suffix .elf"),
        ("a", b":00000001FF\r\n", "is an Intel hex file; give its name the suffix .hex"),
        ("a.s19", b"S0030000FC\nS9030000FC\n", "is a file of S-records, which are not read"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, name: str, content: Any, said: str) -> None:
    """Each ends as one refusal that names image and file."""
    if callable(content):
        content = content(tmp_path, Chunk(FLASH, b"x" * 100)).read_bytes()[:-50]
    with pytest.raises(Refusal, match=f"image bl2: .*{said}"):
        chunks_of("bl2", str(tmp_path / name), FLASH, content)


#: The virtual board with sectors of 4 KiB and pages of 16 KiB; `movs r2, #1` erases 4 KiB.
SMALL_SECTORS = """\
import runpy
board = runpy.run_path({script!r})
from pyocd.core.memory_map import FlashRegion, MemoryMap
words = [0x220123A0 if word == 0x220223A0 else word for word in board["INSTRUCTIONS"]]
class Small(board["RseVirtual"]):
    MEMORY_MAP = MemoryMap(
        *(region for region in board["RseVirtual"].MEMORY_MAP.clone() if not region.is_flash),
        FlashRegion(
            name="boot_flash", start=0xB0000000, length=0x800000, sector_size=0x1000,
            page_size=0x4000, erased_byte_value=0xFF,
            algo=board["FLASH_ALGO"] | {{"instructions": words}},
        ),
    )
board["TARGET"]["rse_small"] = Small
"""


def test_a_page_of_several_sectors_is_written_as_one(
    board: BoardProcess, bl2: dict[str, Any], tmp_path: Path
) -> None:
    """One changed byte costs its page; its other sectors, which pyOCD would erase, are kept."""
    script = tmp_path / "small.py"
    script.write_text(SMALL_SECTORS.format(script=str(USER_SCRIPT)))
    chip = chip_of(board, [], target="rse_small", user_script=script)
    chip.hold(None)
    assert chip.load([bl2])["erased"] == 3 * SECTOR
    path = Path(bl2["path"])
    content = bytearray(path.read_bytes())
    content[SECTOR + 0x1800] ^= 0xFF
    path.write_bytes(content)
    changed = image(path, FLASH)
    answer = chip.load([changed])
    chip.close()
    assert (answer["erased"], counts(answer)) == (SECTOR, [(SECTOR, SECTOR + 100)])
    assert answer["images"][0]["digest"] == changed["sha256"]


@pytest.mark.parametrize("keep", [False, True])
def test_an_image_that_begins_inside_a_page_of_several_sectors_spares_the_next_page(
    board: BoardProcess, bl2: dict[str, Any], tmp_path: Path, keep: bool
) -> None:
    """Only the sectors of its own page are erased; what stood before it there is kept if asked for."""
    script = tmp_path / "small.py"
    script.write_text(SMALL_SECTORS.format(script=str(USER_SCRIPT)))
    chip = chip_of(board, [], target="rse_small", user_script=script, keep_unwritten=keep)
    chip.hold(None)
    chip.load([bl2])
    content = Path(bl2["path"]).read_bytes()
    path = tmp_path / "inside.bin"
    path.write_bytes(random.Random(3).randbytes(0x1000))
    chip.load([image(path, FLASH + 0x2800)])
    found = bytes(chip._session.target.read_memory_block8(FLASH, 2 * SECTOR))
    chip.close()
    assert found[SECTOR:] == content[SECTOR : 2 * SECTOR]
    assert found[:0x2800] == (content[:0x2800] if keep else b"\xff" * 0x2800)


def test_parts_within_units() -> None:
    """Only the bytes in the units are taken, neighbours as one."""
    chunk = Chunk(0x1800, bytes(range(256)) * 0x30)  # 0x1800 to 0x4800
    parts = within([chunk], {Unit(0x1000, 0x1000), Unit(0x2000, 0x1000), Unit(0x4000, 0x1000)})
    assert [(part.address, part.end) for part in parts] == [(0x1800, 0x3000), (0x4000, 0x4800)]
    assert b"".join(part.data for part in parts) == chunk.data[:0x1800] + chunk.data[0x2800:]
