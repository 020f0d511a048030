# SPDX-License-Identifier: Apache-2.0
"""The checks that the launcher adds to pyOCD."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from hil.targets.pyocd_settings import PyocdSettings

pytest.importorskip("pyocd")
from pyocd.core import exceptions
from pyocd.core.memory_map import FlashRegion, MemoryMap, RamRegion, RomRegion
from pyocd.core.options import OPTIONS_INFO
from pyocd.target.builtin import target_musca_b1

from hil.targets import pyocd_guards as guards
from hil.targets.image_chunks import Chunk
from hil.targets.pyocd_errors import Refusal, explain

FLASH, RAM, RAM2, ROM = 0xB0000000, 0x31000000, 0x31080000, 0x11000000


def flash_object(*buffers: int) -> Any:
    """What pyOCD makes of a flash algorithm, as far as the guards look at it."""
    return SimpleNamespace(
        page_buffers=list(buffers), double_buffer_supported=len(buffers) > 1, use_analyzer=True
    )


def memory_map(flash: Any = None) -> MemoryMap:
    regions = MemoryMap(
        RomRegion(name="rom", start=ROM, length=0x20000),
        RamRegion(name="vm0", start=RAM, length=0x80000),
        RamRegion(name="vm1", start=RAM2, length=0x80000),
        FlashRegion(name="boot_flash", start=FLASH, length=0x800000, blocksize=0x4000),
    )
    regions.get_region_for_address(FLASH).flash = flash or flash_object(RAM)
    return regions


def image(
    address: int, size: int, memory: str, name: str = "bl2"
) -> tuple[dict[str, Any], list[Chunk]]:
    return {"name": name, "memory": memory}, [Chunk(address, bytes(size))]


@pytest.mark.parametrize(
    ("address", "size", "memory"),
    [(FLASH, 0x800000, "flash"), (RAM, 16, "ram"), (RAM + 0x7FFF0, 0x20, "ram")],
    ids=["all of the flash", "ram", "across adjacent banks"],
)
def test_images_inside_their_memory_pass(address: int, size: int, memory: str) -> None:
    """Up to the last byte, and across regions that touch."""
    guards.check_images(memory_map(), [image(address, size, memory)])


@pytest.mark.parametrize(
    ("address", "size", "memory", "said"),
    [
        (0xC0000000, 16, "flash", "at 0xc0000000, the target type has nothing there"),
        (FLASH + 0x7FFFF8, 16, "flash", "at 0xb0800000, the target type has nothing there"),
        (FLASH, 16, "ram", "has flash there"),
        (RAM, 16, "flash", "has ram there"),
        (ROM, 16, "ram", "has rom there"),
    ],
)
def test_images_outside_their_memory_are_refused(
    address: int, size: int, memory: str, said: str
) -> None:
    """The refusal names the image, the first address that does not fit and what is there."""
    with pytest.raises(Refusal, match=f"image bl2.*{said}"):
        guards.check_images(memory_map(), [image(address, size, memory)])


def test_overlapping_images_are_refused() -> None:
    """Two images that share one byte are both named; touching ones pass."""
    one = image(FLASH, 0x100, "flash", "one")
    guards.check_images(memory_map(), [one, image(FLASH + 0x100, 1, "flash", "two")])
    with pytest.raises(Refusal, match=r"image two at 0xb00000ff\.\..* overlaps one"):
        guards.check_images(memory_map(), [one, image(FLASH + 0xFF, 1, "flash", "two")])


def test_a_file_that_changed_after_planning_is_refused(tmp_path: Path) -> None:
    """What is loaded is what was planned, or nothing."""
    path = tmp_path / "bl2.bin"
    path.write_bytes(b"planned")
    digest = hashlib.sha256(b"planned").hexdigest()
    planned = {"name": "bl2", "path": str(path), "sha256": digest}
    assert guards.read_image(planned) == b"planned"
    path.write_bytes(b"changed")
    with pytest.raises(Refusal, match="has changed since the load was planned"):
        guards.read_image(planned)


@pytest.mark.parametrize(
    ("buffers", "stays"),
    [((0x1000, 0x5000), True), ((0x5000, 0x1000), True), ((0x1000, 0x1100), False)],
)
def test_double_buffering_needs_buffers_a_page_apart(buffers: Sequence[int], stays: bool) -> None:
    """Page buffers that overlap lose data; then pyOCD must not use two. The analyzer is off."""
    flash = flash_object(*buffers)
    notes = guards.tame_flash(memory_map(flash))
    assert flash.double_buffer_supported is stays
    assert (len(notes) == 0) is stays
    assert flash.use_analyzer is False


def test_pyocds_own_musca_b1_is_tamed() -> None:
    """The builtin target that is known to write wrong data is recognised."""
    regions = target_musca_b1.MuscaB1.MEMORY_MAP.clone()
    for region in regions:
        if region.is_flash:
            region.flash = flash_object(*region.algo["page_buffers"])
    assert any("qspi" in note for note in guards.tame_flash(regions))


class Memory:
    """A target with readable memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read_memory_block8(self, address: int, size: int) -> list[int]:
        return list(self._content[address : address + size])


def test_read_back_passes_what_is_there() -> None:
    """More is compared than is read at a time, and in more than one place."""
    content = bytes(range(256)) * 600
    guards.read_back(Memory(content), "bl2", [Chunk(0, content)])
    guards.read_back(
        Memory(content), "bl2", [Chunk(7, content[7:9]), Chunk(90_000, content[90_000:])]
    )


def test_read_back_finds_a_single_wrong_byte() -> None:
    """The refusal says where, what was found, what was expected, and how much differs."""
    content = bytes(70_000)
    wrong = bytearray(content)
    wrong[66_000] = 0x10
    with pytest.raises(
        Refusal, match="read back 0x10 at 0x000101d0, the file has 0x00; 1 of 70000"
    ):
        guards.read_back(Memory(bytes(wrong)), "bl2", [Chunk(0, content)])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reset.post_dealy": 0.1}, "no option 'reset.post_dealy'"),
        ({"reset.post_delay": "abc"}, "'abc' given, float expected"),
        ({"allow_no_cores": 1}, "1 given, bool expected"),
        ({"primary_core": True}, "True given, int expected"),
    ],
)
def test_unknown_and_mistyped_options_are_refused(options: dict[str, Any], said: str) -> None:
    """PyOCD itself would take them in silence."""
    with pytest.raises(Refusal, match=said):
        guards.check_options(options, OPTIONS_INFO)


def test_good_options_pass() -> None:
    """An integer is good where a float is expected."""
    guards.check_options({"reset.post_delay": 0, "dap_protocol": "swd"}, OPTIONS_INFO)


class Core:
    """A halted target: state, PC, SP, and the words of memory."""

    def __init__(self, state: str, pc: int, words: dict[int, int], sp: int = 0x30010000) -> None:
        self._state, self._words = state, words
        self._registers = {"pc": pc, "sp": sp}

    def get_state(self) -> Any:
        return SimpleNamespace(name=self._state)

    def read_core_register(self, name: str) -> int:
        return self._registers[name]

    def read32(self, address: int) -> int:
        return self._words[address]


VECTORS = {0xE000ED08: ROM, ROM: 0x30010000, ROM + 4: ROM + 0x401}


def test_a_core_at_its_reset_vector_passes() -> None:
    """The PC is compared with the entry that the vector table names."""
    assert guards.check_at_reset_vector(Core("HALTED", ROM + 0x400, VECTORS)) == ROM + 0x400


@pytest.mark.parametrize(
    ("state", "pc", "said"),
    [
        ("RUNNING", ROM + 0x400, "the core is running after a reset"),
        ("HALTED", RAM, "halted at 0x31000000, not at its reset vector 0x11000400"),
    ],
)
def test_a_reset_that_did_not_happen_is_noticed(state: str, pc: int, said: str) -> None:
    """PyOCD only warns when a reset and halt does not halt, and not at all when it is no reset."""
    with pytest.raises(Refusal, match=said):
        guards.check_at_reset_vector(Core(state, pc, VECTORS))


def test_a_stack_that_is_not_the_vector_tables_is_noticed() -> None:
    """The table was written after the core took its stack: what starts is not what was loaded."""
    with pytest.raises(Refusal, match="with SP 0x20000000, its vector table has 0x30010000"):
        guards.check_at_reset_vector(Core("HALTED", ROM + 0x400, VECTORS, sp=0x20000000))


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (exceptions.ProbeDisconnected("gone"), "gone", "unplugged"),
        (exceptions.TransferFaultError(fault_address=0x1234), "bus fault at 0x00001234", "there"),
        (exceptions.DebugError("No cores were discovered!"), "No cores", "locked"),
        (KeyError("r99"), "KeyError: 'r99'", None),
        (AssertionError(), "AssertionError", None),
    ],
)
def test_exceptions_are_explained(error: BaseException, said: str, hint: str | None) -> None:
    """Each has a sentence, and a remedy where one is known."""
    why = explain(error)
    assert said in why.message
    assert (hint or "") in (why.hint or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"taget": "x"}, "Extra inputs are not permitted"),
        ({"connect_mode": "under_reset"}, "'under-reset'"),
        ({"reset_type": "core"}, "'system' or 'nreset'"),
        ({"options": {"connect_mode": "halt"}}, r"use launcher\.connect_mode"),
        ({"options": {"auto_unlock": True}}, "unlocking erases the device"),
        ({"options": {"keep_unwritten": True}}, r"use launcher\.keep_unwritten"),
        ({"timeouts": {"open": 0}}, "greater than 0"),
    ],
)
def test_wrong_settings_say_what_is_expected(changes: dict[str, Any], said: str) -> None:
    """Mistakes in the board file are found when it is read."""
    with pytest.raises(ValidationError, match=said):
        PyocdSettings.model_validate({"kind": "pyocd", "target": "rse_virtual", **changes})


def test_a_core_that_is_not_there_is_refused() -> None:
    """PyOCD would take the first one in silence."""
    target = SimpleNamespace(cores={0: object(), 2: object()})
    guards.check_core(target, 2)
    with pytest.raises(Refusal, match="the chip has no core 7; it has 0, 2"):
        guards.check_core(target, 7)


def test_paths_do_not_depend_on_the_working_directory() -> None:
    """The worker lives in another directory: user script and packs are made absolute."""
    given = PyocdSettings.model_validate(
        {"kind": "pyocd", "target": "t", "user_script": "a.py", "pack": "b.pack"}
    )
    assert given.user_script == Path.cwd() / "a.py"
    assert given.pack == (Path.cwd() / "b.pack",)
