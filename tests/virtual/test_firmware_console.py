# SPDX-License-Identifier: Apache-2.0
"""What a virtual RSE prints, byte by byte, and what it never lets out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from firmware_builders import Recipe, development_key, huk, kdf
from firmware_lab import RELEASES, Lab, again, booted, single

from hil.errors import UsageError
from hil.virtual import faults
from hil.virtual.firmware import BootEnd, FirmwareConfig

RUNNING, HALT = BootEnd.RUNNING, BootEnd.HALT


def test_only_chip_0_loads_the_ap_and_each_says_its_chip_id(tmp_path: Path) -> None:
    """AP BL1 (image 2) is for chip 0 alone; the order is 5, 4, 3, 2, 0."""
    lab = booted(tmp_path, "2.3.1")
    loaded = [
        re.findall(r"Image (\d) loaded from the primary slot", chip.text) for chip in lab.chips
    ]
    # The LCP image is loaded once for each of the four LCPs.
    assert loaded[0] == ["5", "4", "3", "3", "3", "3", "2", "0"]
    assert loaded[1] == loaded[3] == ["5", "4", "3", "3", "3", "3", "0"]
    assert [f"[INF] CHIP ID: {n}" in chip.lines for n, chip in enumerate(lab.chips)] == [True] * 4


def test_the_spm_of_2_2_2_sends_its_nul_bytes(tmp_path: Path) -> None:
    """Banner bytes as in a capture of a real Debug build."""
    chip = single(tmp_path, "2.2.2")
    assert (
        b"[INF] Jumping to the first image slot\r\n"
        b"\x1b[1;34mBooting TF-M v2.2.2\x1b[0m\r\n\x00"
        b"\x1b[1;34m[Sec Thread] Secure image initializing!\x1b[0m\r\n\x00"
        b"TF-M isolation level is: \x000x00000002\r\n"
        b"[DBG][Crypto] Init \x1b[0;32mMbed TLS 3.6.5\x1b[0m...\r\n" in chip.uart.data
    )


def test_2_3_1_frames_as_tfm_log_does(tmp_path: Path) -> None:
    """CR CR LF where the format string has its own CR LF; no NUL anywhere."""
    chip = again(single(tmp_path))
    assert chip.uart.data.startswith(
        b"[INF] Noise Source: rosc_id: 0, subsample_count: 0x20\r\r\n"
        b"[INF] SP800-90B: high_threshold: 821, repetition_count: 81\r\r\n"
        b"[INF] Starting TF-M BL1_1\r\n"
    )
    assert b"[NOT] Booting TF-M \x1b[1;34mv2.3.1\x1b[0m\r\n" in chip.uart.data
    assert b"\0" not in chip.uart.data


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1"])
def test_a_panicking_runtime_resets_again_and_again(tmp_path: Path, release: str) -> None:
    """The dump, then a new boot."""
    lab = Lab(
        tmp_path,
        release,
        amount=1,
        faults={0: faults.PANIC_IN_RUNTIME},
        recipe=lambda number: Recipe(number, policies=0),
    )
    lab.run()
    chip = lab.chips[0]
    assert chip.boots == 20
    assert chip.lines.count("FATAL ERROR: SecureFault") == 15
    assert re.search(r"SFAR: 0x10000000\n(\[INF\] .*\n){0,2}\[INF\] Starting TF-M BL1_1", chip.text)


def test_bl2_can_hang_at_the_doorbell(tmp_path: Path) -> None:
    """The last line names what BL2 waits for."""
    chip = single(tmp_path, faults={0: faults.HANG_IN_BL2})
    assert chip.end is HALT
    assert chip.lines[-2] == "[INF] BL2: Wait for doorbell from SCP before loading LCP..."


def test_the_report_stands_between_key_setup_and_bl2(tmp_path: Path) -> None:
    """State, seeds, vHUK, then "Attempting to boot image 0"."""
    chip = single(tmp_path)
    start = chip.lines.index("[INF] Starting TF-M BL1_2")
    shapes = [r"\[HIL1\] state ", r"\[HIL1\] seeds rse=0 fp=[0-9a-f]{8}$"]
    shapes += [r"\[HIL1\] vhuk rse=0 of=1 src=bl1_2 fp=[0-9a-f]{32}$", r"\[INF\] Attempting"]
    for shape, line in zip(shapes, chip.lines[start + 1 :], strict=False):
        assert re.match(shape, line)


def test_stock_firmware_reports_nothing(tmp_path: Path) -> None:
    """Without the reporter there is no [HIL1] line at all."""
    chip = single(tmp_path, faults={0: faults.NO_REPORT})
    assert chip.end is RUNNING
    assert "HIL1" not in chip.text


@pytest.mark.parametrize("release", RELEASES)
def test_no_secret_ever_leaves(tmp_path: Path, release: str) -> None:
    """Neither UARTs nor the objects' representations hold a key, a seed or the vHUK."""
    lab = booted(tmp_path, release, faults={2: faults.OTHER_GUK})
    secrets = [development_key(name) for name in ("GUK", "KP_CM", "KCE_CM", "KP_DM", "KCE_DM")]
    for number in range(4):
        secrets += [huk(number), kdf(huk(number), b"VHUK_SEED_DERIVATION\0")]
    shown = b"".join(chip.uart.data for chip in lab.chips)
    for chip in lab.chips:
        machine = chip.rse._machine
        shown += repr((chip.rse, chip.config, machine, machine.otp, machine.lcm)).encode()
    for secret in secrets:
        assert secret[:6] not in shown
        assert secret[:6].hex().encode() not in shown.lower()


def test_an_unknown_fault_is_named_with_the_known_ones() -> None:
    """The message says what there is and what was probably meant."""
    with pytest.raises(UsageError, match="did you mean 'never-join'") as caught:
        FirmwareConfig("2.3.1", 0, faults=frozenset({"never-joins"}))
    assert "panic-in-runtime" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"release": "2.3"}, "2.2.2, 2.3.1, fixed"),
        ({"rse_amount": 9}, "1 to 8"),
        ({"rom_key": b"short"}, "64 bytes"),
        ({"faults": frozenset({faults.STOCK_2_2_2})}, "for release 2.2.2"),
    ],
    ids=["release", "amount", "key", "stock"],
)
def test_a_wrong_configuration_says_what_was_expected(config: dict[str, object], says: str) -> None:
    """Each value outside its domain is refused when the configuration is made."""
    values = {"release": "2.3.1", "chip": 0, **config}
    with pytest.raises(UsageError, match=re.escape(says)):
        FirmwareConfig(**values)  # type: ignore[arg-type]
