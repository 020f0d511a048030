# SPDX-License-Identifier: Apache-2.0
"""What BL1_2 and BL2 of a virtual RSE accept, refuse, and say about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from firmware_builders import bl2_image, put, secure_image
from firmware_lab import again, single

from hil.virtual.firmware import BootEnd
from hil.virtual.otp_layout import OtpMap
from hil.virtual.releases import release as release_rules

RUNNING, HALT = BootEnd.RUNNING, BootEnd.HALT


def test_a_damaged_bl2_falls_back_to_the_second_slot(tmp_path: Path) -> None:
    """One flipped bit in the code: signature, then image 1."""
    chip = single(tmp_path)
    chip.memory.flash[0x1000] ^= 1
    again(chip)
    start = chip.lines.index("[INF] Attempting to boot image 0")
    assert chip.lines[start : start + 7] == [
        "[INF] Attempting to boot image 0",
        "[INF] BL2 image decrypted successfully",
        "[ERR] Signature validation failed",
        "[ERR] BL2 image signature failed to validate",
        "[ERR] BL2 image failed to validate",
        "[INF] Attempting to boot image 1",
        "[INF] BL2 image decrypted successfully",
    ]
    assert chip.end is RUNNING


@pytest.mark.parametrize(
    ("release", "tail"),
    [
        ("2.2.2", ["[ERR] Fatal boot error -1431677611"]),
        (
            "2.3.1",
            [
                "[INF] Beginning RSE provisioning",
                "[ERR] Fatal boot error 0xe5a5a5c1 (0x40000064)",
            ],
        ),
    ],
)
def test_without_any_bl2_the_boot_ends_in_recovery(
    tmp_path: Path, release: str, tail: list[str]
) -> None:
    """Both slots empty: 2.3 tries to provision, which a chip in SE does not need."""
    chip = single(tmp_path, release)
    chip.memory.flash[:0x40000] = b"\xff" * 0x40000
    again(chip)
    assert chip.end is HALT
    assert chip.lines.count("[ERR] BL2 image failed to decrypt") == 2
    assert chip.lines[-1 - len(tail) : -1] == tail


def test_a_bl2_of_another_key_is_named(tmp_path: Path) -> None:
    """The key in the image has to have the hash in OTP."""
    chip = single(tmp_path)
    for slot in (0, 0x20000):
        chip.memory.flash[slot + 16] ^= 1
    again(chip)
    assert chip.lines.count("[ERR] Image ROTPK hash mismatch") == 2


def test_a_bl2_older_than_the_counter_in_otp_is_refused(tmp_path: Path) -> None:
    """BL1's security counter in OTP is above the image's."""
    chip = single(tmp_path)
    OtpMap(chip.otp, release_rules("2.3.1")).set_security_counter(0, 2)
    put(chip.memory.flash, 0x20000, bl2_image(counter=2))
    again(chip)
    assert chip.lines.count("[ERR] BL2 image security_counter failed to validate") == 1
    assert chip.end is RUNNING


REFUSED = [
    "[ERR] Image in the primary slot is not valid!",
    "[INF] Removing image 0 from SRAM at address 0x31020000",
    "[INF] No slot to load for image 0",
    "[ERR] Unable to find bootable image",
]


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1"])
@pytest.mark.parametrize(
    "at",
    [0x30, 0x400, 0x6000, 0x6400 + 24, 0x6400 + 80, len(secure_image()) - 3],
    ids=["header", "code", "middle", "hash", "key", "signature"],
)
def test_a_flipped_bit_in_the_secure_image_is_refused(
    tmp_path: Path, release: str, at: int
) -> None:
    """Hash, key and signature errors all read the same."""
    chip = single(tmp_path, release)
    chip.memory.flash[0x40000 + at] ^= 0x10
    again(chip)
    assert chip.end is HALT
    assert chip.lines[-5:-1] == REFUSED
    assert "Jumping to the first image slot" not in chip.text


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1"])
def test_what_follows_a_signature_in_its_tlv_is_not_read(tmp_path: Path, release: str) -> None:
    """`imgtool sign --pad-sig` fills it with zeros; MCUboot takes numbers out of the sequence only."""
    good = secure_image()
    at = good.rindex(b"\x22\x00") + 2
    size = int.from_bytes(good[at : at + 2], "little")
    assert at + 2 + size == len(good)
    area = good.rindex(b"\x07\x69") + 2
    total = int.from_bytes(good[area : area + 2], "little") + 2
    padded = bytearray(good + bytes(2))
    padded[at : at + 2] = (size + 2).to_bytes(2, "little")
    padded[area : area + 2] = total.to_bytes(2, "little")
    chip = single(tmp_path, release)
    put(chip.memory.flash, 0x40000, bytes(padded))
    again(chip)
    assert chip.end is RUNNING, chip.text
    assert "[INF] Image 0 loaded from the primary slot" in chip.lines


def test_an_erased_secure_slot_is_not_found(tmp_path: Path) -> None:
    """All FF: no header, so nothing is invalid, there is just nothing."""
    chip = single(tmp_path)
    chip.memory.flash[0x40000:0xA0000] = b"\xff" * 0x60000
    again(chip)
    assert chip.lines[-5:-1] == [
        "[INF] Image 0 Primary slot: Image not found",
        "[INF] Image 0 Secondary slot: Image not found",
        "[INF] No slot to load for image 0",
        "[ERR] Unable to find bootable image",
    ]


def test_a_secure_image_of_a_stranger_is_refused(tmp_path: Path) -> None:
    """Properly signed, by a key whose hash is not in OTP."""
    pem = tmp_path / "stranger.pem"
    pem.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    chip = single(tmp_path)
    put(chip.memory.flash, 0x40000, secure_image(key=str(pem)))
    again(chip)
    assert chip.lines[-6:-1] == ["[ERR] Key hash NOT found for image 0!", *REFUSED]


def test_the_newest_image_boots_and_raises_the_counter_for_ever(tmp_path: Path) -> None:
    """Secondary slot with a higher version wins; its security counter then bars the old one."""
    chip = single(tmp_path)
    put(chip.memory.flash, 0x100000, secure_image("2.0.0", counter=3))
    again(chip)
    assert "[INF] Image 0 loaded from the secondary slot" in chip.lines
    assert "[INF] Bootloader chainload address offset: 0x100000" in chip.lines
    assert "[INF] Image version: v2.0.0" in chip.lines
    chip.memory.flash[0x100000:0x160000] = b"\xff" * 0x60000
    again(chip)
    rollback = "[ERR] Image security counter value 1 lower than monotonic value 3"
    assert chip.lines[-6:-1] == [rollback, *REFUSED]
