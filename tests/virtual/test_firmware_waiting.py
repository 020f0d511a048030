# SPDX-License-Identifier: Apache-2.0
"""Systems of virtual RSEs in which one is wrong: who waits, who fails, what is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from firmware_builders import Recipe
from firmware_lab import RELEASES, WAITING, booted, single

from hil.virtual import faults
from hil.virtual.firmware import BootEnd

RUNNING, HALT = BootEnd.RUNNING, BootEnd.HALT


def test_another_guk_at_2_2_2_stops_the_server_and_leaves_the_clients_waiting(
    tmp_path: Path,
) -> None:
    """The server's tag check fails; it never answers; nothing tells why."""
    lab = booted(tmp_path, "2.2.2", faults={1: faults.OTHER_GUK})
    assert lab.ends() == [HALT, WAITING, WAITING, WAITING]
    assert lab.chips[0].lines[-2] == "[ERR] Fatal boot error -1431677611"
    assert lab.chips[1].lines[-2] == "[INF] Starting TF-M BL1_2"


def test_another_guk_at_2_3_1_shows_as_sfcp_errors(tmp_path: Path) -> None:
    """Server: decryption failed (12). The odd client: protocol error (51). The rest waits."""
    lab = booted(tmp_path, "2.3.1", faults={1: faults.OTHER_GUK})
    assert lab.ends() == [HALT, HALT, WAITING, WAITING]
    assert lab.chips[0].lines[-2] == "[ERR] Fatal boot error 0xa5a5a5a9 (0xc)"
    assert lab.chips[1].lines[-2] == "[ERR] Fatal boot error 0xa5a5a596 (0x33)"


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1"])
@pytest.mark.parametrize("absent", [0, 2])
def test_a_peer_that_never_joins_is_waited_for_without_a_word(
    tmp_path: Path, release: str, absent: int
) -> None:
    """No timeout, no line: every RSE's last line is that BL1_2 started."""
    lab = booted(tmp_path, release, faults={absent: faults.NEVER_JOIN})
    assert lab.ends() == [HALT if chip == absent else WAITING for chip in range(4)]
    assert {chip.lines[-2] for chip in lab.chips} == {"[INF] Starting TF-M BL1_2"}


def test_fixed_names_the_missing_client(tmp_path: Path) -> None:
    """The server says whose seed is missing, the clients that the server does not answer."""
    lab = booted(tmp_path, "fixed", faults={2: faults.NEVER_JOIN})
    assert lab.ends() == [HALT] * 4
    fatal = "[ERR] Fatal boot error 0xe5a5a51e (0x400000bb)"
    server = "[ERR] RSE handshake: no seed from RSE 2 after 3000 ms"
    client = "[ERR] RSE handshake: no reply from RSE 0 after 3000 ms"
    assert lab.chips[0].lines[-3:-1] == [server, fatal]
    assert lab.chips[1].lines[-3:-1] == lab.chips[3].lines[-3:-1] == [client, fatal]
    assert lab.chips[2].lines[-2] == "[INF] Starting TF-M BL1_2"


def test_fixed_names_the_missing_server(tmp_path: Path) -> None:
    """All clients say that RSE 0 is silent, after the time that was configured."""
    lab = booted(tmp_path, "fixed", faults={0: faults.NO_BOOT}, timeout=1.5)
    line = "[ERR] RSE handshake: no reply from RSE 0 after 1500 ms"
    assert all(line in chip.lines for chip in lab.chips[1:])
    assert lab.chips[0].uart.data == b""


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1"])
def test_the_same_message_on_all_chips_makes_them_all_servers(tmp_path: Path, release: str) -> None:
    """Everybody is RSE 0 and waits for the others."""
    lab = booted(tmp_path, release, recipe=lambda _number: Recipe(0))
    assert lab.ends() == [WAITING] * 4


@pytest.mark.parametrize(("release", "end"), [("2.2.2", RUNNING), ("2.3.1", WAITING)])
def test_two_chips_with_one_id(tmp_path: Path, release: str, end: BootEnd | None) -> None:
    """2.2.2 goes by links and never looks; SFCP drops what is for another node, so all wait."""
    lab = booted(tmp_path, release, recipe=lambda number: Recipe(1 if number == 2 else number))
    assert lab.ends() == [end] * 4


def test_a_client_that_dies_after_the_handshake_harms_nobody(tmp_path: Path) -> None:
    """Its siblings run; it never reports."""
    lab = booted(tmp_path, "2.3.1", faults={3: faults.DIE_IN_BL1_2})
    assert lab.ends() == [RUNNING, RUNNING, RUNNING, HALT]
    assert lab.chips[3].fingerprint() is None


def test_the_last_to_come_holds_all_seeds_of_2_3_1(tmp_path: Path) -> None:
    """Replies go out at once: a slow client has the full array, the others had stale slots."""
    lab = booted(tmp_path, "2.3.1")
    full = lab.chips[0].seeds()
    complete = [chip.number for chip in lab.chips if chip.seeds() == full]
    assert complete == [0, 3]
    assert [seed == mine for seed, mine in zip(full, lab.chips[1].seeds(), strict=True)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("release", RELEASES)
def test_a_client_that_leaves_reset_late_is_asked_again(tmp_path: Path, release: str) -> None:
    """What the server sent to it before is lost; all run nevertheless."""
    lab = booted(tmp_path, release)
    lab.reboot()
    lab.run(limit=20.0, released={2: 1.0, 3: 1.5})
    assert lab.ends() == [RUNNING] * 4


def test_stock_2_2_2_cannot_do_it(tmp_path: Path) -> None:
    """As tagged: UNSUPPORTED with the policy bit; without it BL2 stops at post init."""
    with_bit = booted(tmp_path, "2.2.2", faults=dict.fromkeys(range(4), faults.STOCK_2_2_2))
    assert with_bit.ends() == [HALT] * 4
    assert with_bit.chips[2].lines[-2] == "[ERR] Fatal boot error -1431677611"
    (tmp_path / "without").mkdir()
    chip = single(tmp_path / "without", "2.2.2", faults={0: faults.STOCK_2_2_2})
    assert chip.lines[-3:-1] == ["[INF] Starting bootloader", "[ERR] Platform post init failed"]


def test_a_bl1_2_with_another_hash_than_provisioned_is_refused(tmp_path: Path) -> None:
    """The ROM compares what it loaded with the hash in OTP; there is no recovery in BL1_1."""
    recipe = Recipe(0, policies=0, bl1_2_hash=hashlib.sha256(b"another BL1_2").digest())
    chip = booted(tmp_path, "2.3.1", amount=1, recipe=lambda _number: recipe).chips[0]
    assert chip.lines[-3:-1] == [
        "[ERR] BL1_2 image failed to validate",
        "[ERR] Fatal boot error 0xa5a5a5a4 (0x1)",
    ]
