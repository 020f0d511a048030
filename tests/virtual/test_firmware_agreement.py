# SPDX-License-Identifier: Apache-2.0
"""A whole system of virtual RSEs, from virgin dies to the runtime: who agrees."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from firmware_builders import Recipe, development_key, huk, kdf
from firmware_lab import RELEASES, booted

from hil.virtual.firmware import BootEnd

RUNNING, HALT = BootEnd.RUNNING, BootEnd.HALT


def hkdf(key: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 without salt, 32 bytes (RFC 5869: one block)."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


@pytest.mark.parametrize(
    ("release", "groups"),
    [
        ("2.2.2", [{0, 1, 3}, {2}]),
        ("2.3.1", [{0, 1, 2, 3}]),
        ("fixed", [{0, 1, 2, 3}]),
    ],
)
@pytest.mark.parametrize("source", ["bl1_2", "runtime"])
def test_four_rses_agree_as_their_release_lets_them(
    tmp_path: Path, release: str, groups: list[set[int]], source: str
) -> None:
    """2.2.2 leaves the even ids alone (in-place re-encryption); 2.3.1 and fixed agree."""
    lab = booted(tmp_path, release)
    assert lab.ends() == [RUNNING] * 4
    assert lab.agreement(source) == groups


def test_the_fingerprint_of_2_3_1_is_that_of_seed_0_alone(tmp_path: Path) -> None:
    """VHUK = KDF(GUK, seed_0, state): computed here from the dies' keys, without the firmware."""
    lab = booted(tmp_path, "2.3.1")
    seed = kdf(huk(0), b"VHUK_SEED_DERIVATION\0")
    bl1_2 = hashlib.sha256(Recipe(0).bl1_2).digest()
    words = b"".join(word.to_bytes(4, "little") for word in (0x111155AA, 3, 0))
    vhuk = kdf(development_key("GUK"), seed, hashlib.sha256(words + bl1_2).digest())
    expected = hashlib.sha256(b"HIL1-VHUK" + vhuk).hexdigest()[:32]
    assert [chip.fingerprint() for chip in lab.chips] == [expected] * 4
    sub_key = hkdf(vhuk, (3000).to_bytes(4, "little"))
    runtime = hkdf(sub_key, b"HIL1-VHUK")[:16].hex()
    assert [chip.fingerprint("runtime") for chip in lab.chips] == [runtime] * 4
    state = f"state rse=3 lcs=3 tp=111155aa reprov=0 bl1_2={bl1_2[:4].hex()} policy=1"
    assert f"[HIL1] {state}" in lab.chips[3].lines


def test_fixed_binds_the_seeds_of_all_rses(tmp_path: Path) -> None:
    """The label is seed_0 || ... || seed_3, all derived from the dies' HUKs."""
    lab = booted(tmp_path, "fixed")
    seeds = [kdf(huk(chip), b"VHUK_SEED_DERIVATION\0") for chip in range(4)]
    bl1_2 = hashlib.sha256(Recipe(0).bl1_2).digest()
    words = b"".join(word.to_bytes(4, "little") for word in (0x111155AA, 3, 0))
    state = hashlib.sha256(words + bl1_2).digest()
    vhuk = kdf(development_key("GUK"), b"".join(seeds), state)
    expected = hashlib.sha256(b"HIL1-VHUK" + vhuk).hexdigest()[:32]
    assert [chip.fingerprint() for chip in lab.chips] == [expected] * 4
    prints = [hashlib.sha256(b"HIL1-SEED" + seed).hexdigest()[:8] for seed in seeds]
    assert [chip.seeds() for chip in lab.chips] == [prints] * 4


@pytest.mark.parametrize("release", RELEASES)
def test_the_agreed_vhuk_persists_over_power_cycles(tmp_path: Path, release: str) -> None:
    """The same fingerprint at the next boot, but for 2.2.2's even ids; OTP is all that survives."""
    lab = booted(tmp_path, release)
    first = [chip.fingerprint() for chip in lab.chips]
    clients = lab.chips[3].seeds()[1:]
    lab.reboot()
    lab.run(limit=20.0)
    second = [chip.fingerprint() for chip in lab.chips]
    stable = [chip for chip in range(4) if first[chip] == second[chip]]
    assert stable == ([0, 1, 3] if release == "2.2.2" else [0, 1, 2, 3])
    # Random client seeds are new at each boot, HUK-derived ones are not.
    assert (lab.chips[3].seeds()[1:] == clients) == (release == "fixed")
    assert [chip.boots for chip in lab.chips] == [1] * 4


@pytest.mark.parametrize("release", RELEASES)
def test_without_the_policy_bit_everybody_is_alone_and_silent(tmp_path: Path, release: str) -> None:
    """No handshake, four different vHUKs, no frame on any link, one seed reported."""
    lab = booted(tmp_path, release, recipe=lambda number: Recipe(number, policies=0))
    assert lab.ends() == [RUNNING] * 4
    assert lab.agreement() == [{0}, {1}, {2}, {3}]
    assert lab.links.log == []
    assert [len(chip.seeds()) for chip in lab.chips] == [1] * 4


def test_another_bl1_2_disagrees_without_any_error(tmp_path: Path) -> None:
    """2.3.1: a die with another BL1_2 boots on, with a vHUK of its own."""
    other = bytes(reversed(Recipe(0).bl1_2))
    lab = booted(
        tmp_path,
        "2.3.1",
        recipe=lambda number: Recipe(number, bl1_2=other) if number == 1 else Recipe(number),
    )
    assert lab.ends() == [RUNNING] * 4
    assert lab.agreement() == [{0, 2, 3}, {1}]
