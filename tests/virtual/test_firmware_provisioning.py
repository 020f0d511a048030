# SPDX-License-Identifier: Apache-2.0
"""From a virgin die to SE: the resets, the lines, the fuses, and what goes wrong on the way."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from firmware_builders import Recipe, development_key, huk, message
from firmware_lab import MESSAGE_ADDRESS, RELEASES, SRAM_BASE, Chip, Lab

from hil.errors import UsageError
from hil.virtual.firmware import BootEnd
from hil.virtual.otp import OTP_SIZE, Otp

CM_LINES = {
    "2.2.2": [
        "Writing CM provisioning values",
        "Writing BL1_2 provisioning values",
        "Provisioning HUK",
    ],
    "2.3.1": [
        "Writing BL1_2 provisioning values",
        "Provisioning HUK",
        "Writing CM provisioning values",
    ],
}


def single(folder: Path, release: str, recipe: Recipe | None = None) -> Chip:
    """One chip with a message in its SRAM."""
    lab = Lab(folder, release, amount=1, recipe=lambda number: recipe or Recipe(number, policies=0))
    return lab.chips[0]


def finish(chip: Chip) -> BootEnd:
    """One boot to its end."""
    steps = chip.rse.boot()
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            end: BootEnd = stop.value
            return end


def run(chip: Chip) -> Chip:
    for _ in chip.life():
        pass
    return chip


def fatal_code(chip: Chip) -> int:
    """The real code in the fatal line of 2.3."""
    last = chip.lines[-2]
    assert last.startswith("[ERR] Fatal boot error 0x"), chip.text
    shown, code = (int(word.strip("()"), 16) for word in last.split()[-2:])
    assert shown ^ code == 0xA5A5A5A5
    return code


@pytest.mark.parametrize("release", RELEASES)
def test_a_virgin_die_needs_five_resets_and_prints_the_blobs_lines_in_order(
    tmp_path: Path, release: str
) -> None:
    """TP mode, SP mode, CM part, SP mode, DM part: only the sixth boot reaches BL1_2."""
    chip = run(single(tmp_path, release))
    assert chip.boots == 6
    before = chip.text.split("[INF] Starting TF-M BL1_2")[0]
    assert before.count("[INF] Starting TF-M BL1_1\n") == 6
    assert before.count("[INF] Beginning RSE provisioning\n") == 5
    middle = CM_LINES["2.2.2" if release == "2.2.2" else "2.3.1"]
    expected = ["Running blob", "Provisioning GUK", "Provisioning KP_CM", "Provisioning DMA ICS"]
    expected += [f"Writing {name} area info" for name in ("CM", "BL1_2", "SOC", "DM", "dynamic")]
    expected += [*middle, "Provisioning KCE_CM", "Transitioning to DM LCS", "Running blob"]
    expected += ["Provisioning KP_DM", "Provisioning KCE_DM", "Writing DM provisioning values"]
    expected += [] if release == "2.2.2" else ["Writing DM ROTPK values"]
    expected += ["Transitioning to SE LCS"]
    words = ("Running", "Provisioning", "Writing", "Transitioning")
    said = [line.removeprefix("[INF] ") for line in before.split("\n")]
    assert [line for line in said if line.startswith(words)] == expected


def test_the_fuses_hold_what_the_message_says_and_the_dies_own_huk(tmp_path: Path) -> None:
    """Hardware words, area infos and the announced RSE id stand where the firmware expects them."""
    chip = run(single(tmp_path, "2.3.1", Recipe(5, policies=0x10)))
    image = (tmp_path / "otp0.bin").read_bytes()
    assert len(image) == OTP_SIZE
    names = ("GUK", "KP_CM", "KCE_CM", "KP_DM", "KCE_DM")
    assert image[:0xC0] == huk(0) + b"".join(development_key(name) for name in names)
    assert struct.unpack_from("<I", image, 0xE0)[0] == 0x0000FFFF
    offset, size, zeros = struct.unpack_from("<HHI", image, 0xF8)
    assert (offset, size) == (0x300, 676)
    assert zeros == 32 - struct.unpack_from("<I", image, 0xF8)[0].bit_count()
    count, version, policies, rse_id = struct.unpack_from("<IIII", image, offset)
    assert (version, policies, rse_id) == (1, 0x10, 5)
    watched = image[offset + 4 : offset + 676 - 4 * 136]
    assert count == 8 * len(watched) - int.from_bytes(watched, "little").bit_count()
    assert "[INF] CHIP ID: 5" in chip.lines


@pytest.mark.parametrize("release", RELEASES)
def test_provisioning_survives_power_off_at_every_step(tmp_path: Path, release: str) -> None:
    """A chip that loses power between boots goes on where its fuses say, with a fresh message."""
    chip = single(tmp_path, release)
    ends = []
    while len(ends) < 10 and BootEnd.RUNNING not in ends:
        chip.power_on()
        chip.load_message(message(Recipe(0, policies=0)))
        # SP mode is lost without power, so each session needs the boot that asks for it, too.
        ends += [finish(chip), finish(chip)]
    assert ends == [BootEnd.RESET] * 6 + [BootEnd.RUNNING] * 2


def test_a_provisioned_chip_boots_without_a_message(tmp_path: Path) -> None:
    """The next power-on needs one BL1_1 start and no message."""
    chip = run(single(tmp_path, "2.3.1"))
    chip.clear()
    chip.power_on()
    run(chip)
    assert (chip.boots, chip.end) == (1, BootEnd.RUNNING)
    assert "provisioning" not in chip.text


def test_without_a_message_2_3_1_says_so(tmp_path: Path) -> None:
    """PROVISIONING_MESSAGE_NOT_FOUND, framed as the real line with its extra CR."""
    chip = single(tmp_path, "2.3.1")
    chip.load_message(bytes(16))
    run(chip)
    assert chip.end is BootEnd.HALT
    assert chip.uart.data.endswith(
        b"[INF] Beginning RSE provisioning\r\n"
        b"[ERR] BL1 provisioning failed\r\n"
        b"[ERR] Fatal boot error 0xe5a5a5fd (0x40000058)\r\r\n"
    )


def test_2_2_2_hides_every_code(tmp_path: Path) -> None:
    """At 2.2 the fatal line always shows the same number."""
    chip = single(tmp_path, "2.2.2")
    chip.load_message(bytes(16))
    run(chip)
    assert chip.uart.data.endswith(
        b"[ERR] BL1 provisioning failed\r\n[ERR] Fatal boot error -1431677611\r\r\n"
    )


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "code", "boots"),
    [
        (lambda m: flipped(m, 0), 0x40000058, 1),
        (lambda m: struct.pack("<I", 0x2222CE57) + m[4:], 0x40000048, 1),
        (lambda m: struct.pack("<I", 0x3333DA7A) + m[4:], 0x40000046, 1),
        (lambda m: m[:4] + struct.pack("<I", 0x20000) + m[8:], 0x40000049, 1),
        (lambda m: m[:4] + struct.pack("<I", len(m) - 9) + m[8:], 0x4000003E, 3),
        (lambda m: flipped(m, 20), 0xB0000019, 3),
        (lambda m: flipped(m, 8 + 248 + 16 + 400), 0xB0000019, 3),
        (lambda m: flipped(m, len(m) - 1), 0xB0000019, 3),
    ],
    ids=["type", "certificate", "plain-data", "too-long", "cut", "signature", "data", "secret"],
)
def test_a_bad_message_is_refused_with_its_code_and_wiped(
    tmp_path: Path, damage: Callable[[bytes], bytes], code: int, boots: int
) -> None:
    """One bit anywhere ends in the fitting code; nothing of the blob runs, the region is zeroed."""
    chip = single(tmp_path, "2.3.1")
    bad = damage(message(Recipe(0)))
    chip.load_message(bad)
    run(chip)
    assert (chip.end, chip.boots) == (BootEnd.HALT, boots)
    assert "[ERR] BL1 provisioning failed" in chip.lines
    assert fatal_code(chip) == code
    assert "Running blob" not in chip.text
    start = MESSAGE_ADDRESS["2.3.1"] - SRAM_BASE
    wiped = not any(chip.memory.sram[start : start + len(bad)])
    # A message that was never found is not wiped either.
    assert wiped == (code != 0x40000058)


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        (Recipe(0, tp=3), 0x40000052),
        (Recipe(0, tp=0), 0x40000050),
        (Recipe(0, purpose=2 | 2 << 9 | 1 << 11), 0x40000050),
        (Recipe(0, purpose=2 | 2 << 9 | 1 << 11 | 1 << 27 | 3 << 28), 0x4000002B),
        (Recipe(0, metadata=1 << 2 | 1 << 28), 0x4000004E),
        (Recipe(0, metadata=1 << 2 | 2 << 28 | 1 << 30), 0x4000002C),
        (Recipe(0, metadata=1 | 2 << 28), 0x4000004F),
        (Recipe(0, signer=ec.generate_private_key(ec.SECP256R1())), 0xB0000019),
    ],
    ids=["tp", "virgin", "lcs", "chained", "ccm", "personal", "cipher", "stranger"],
)
def test_a_blob_that_asks_for_the_wrong_thing_is_refused(
    tmp_path: Path, recipe: Recipe, code: int
) -> None:
    """Well-formed blobs for another chip, state or key are refused with the firmware's codes."""
    if recipe.tp == 0:
        recipe = replace(recipe, purpose=2 | 1 << 11)
    chip = run(single(tmp_path, "2.3.1", recipe))
    assert chip.end is BootEnd.HALT
    assert fatal_code(chip) == code


def test_a_production_chip_counts_its_krtl_uses(tmp_path: Path) -> None:
    """PCI: the secrets are under KRTL; 2.3's CM blob warns, with the next line glued on."""
    chip = run(single(tmp_path, "2.3.1", Recipe(0, policies=0, tp=1)))
    assert chip.end is BootEnd.RUNNING
    warning = "[WRN] KTRL Usage counter expected to be 0, but read as 3[INF] Provisioning GUK"
    assert warning in chip.lines
    assert "tp=2222aa55" in chip.text


def test_a_die_that_was_written_before_is_bricked(tmp_path: Path) -> None:
    """A fuse in the CM area before CM provisioning is tampering, and stays so."""
    chip = single(tmp_path, "2.3.1")
    chip.otp.write_word(0x310, 1)
    run(chip)
    assert fatal_code(chip) == 0x40000054
    chip.clear()
    chip.power_on()
    run(chip)
    assert fatal_code(chip) == 0x4000000E


@pytest.mark.parametrize(
    ("fuse", "code"),
    [(0xF8, 0x40000001), (0x100, 0x40000002), (0x108, 0x40000004), (0x110, 0x40000005)],
    ids=["cm", "bl1_2", "dm", "dynamic"],
)
def test_a_changed_area_info_is_fatal_before_the_first_banner(
    tmp_path: Path, fuse: int, code: int
) -> None:
    """The zero count of each info word is checked before "Starting TF-M BL1_1"."""
    chip = run(single(tmp_path, "2.3.1"))
    chip.clear()
    word = chip.otp.word(fuse)
    chip.otp.write_word(fuse, word | ~word & 0x8000)
    run(chip)
    assert fatal_code(chip) == code
    assert "Starting" not in chip.text


def test_a_changed_bl1_2_is_fatal_in_rom(tmp_path: Path) -> None:
    """BL1_2's zero count is compared by the integrity checker, whose own code comes through."""
    chip = run(single(tmp_path, "2.3.1"))
    chip.clear()
    at = chip.otp.read(0x100, 2)
    code_at = int.from_bytes(at, "little") + 60
    chip.otp.write_word(code_at, 0xFFFFFFFF)
    run(chip)
    assert fatal_code(chip) == 0x90000009


def test_a_changed_cm_area_silences_bl1_2(tmp_path: Path) -> None:
    """In SE the CM area is checked by BL1_2, whose UART is not up yet: nothing is printed."""
    chip = run(single(tmp_path, "2.3.1"))
    chip.clear()
    chip.otp.write_word(0x300 + 12, 0xFF)
    run(chip)
    assert chip.end is BootEnd.HALT
    assert chip.lines[-2] == "[INF] Jumping to BL1_2"


def test_a_changed_hardware_key_is_fatal(tmp_path: Path) -> None:
    """The LCM's own zero counts of HUK and the other keys are checked in SE."""
    chip = run(single(tmp_path, "2.3.1"))
    chip.clear()
    chip.otp.write_word(0x04, 0xFFFFFFFF)
    run(chip)
    assert fatal_code(chip) == 0x30000000


def test_fuses_only_go_from_0_to_1(tmp_path: Path) -> None:
    """A write that would clear a bit is refused as a whole and leaves no trace in the file."""
    otp = Otp(tmp_path / "otp.bin")
    otp.write(0x200, b"\x0f\x00")
    with pytest.raises(Exception, match="0x30000016"):
        otp.write(0x200, b"\x1e\xff")
    assert Otp(tmp_path / "otp.bin").read(0x200, 2) == b"\x0f\x00"


def test_an_otp_file_of_another_size_is_named(tmp_path: Path) -> None:
    """A wrong file says what was expected."""
    (tmp_path / "otp.bin").write_bytes(bytes(100))
    with pytest.raises(UsageError, match=r"otp\.bin has 100 bytes, expected 16384"):
        Otp(tmp_path / "otp.bin")
