# SPDX-License-Identifier: Apache-2.0
"""The synthetic set of four dies, release by release, and what is refused.

HUK of die i = bytes 0x20*i to 0x20*i+31, GUK = a0..bf, BL1_2 = 8192 zero bytes, not reprovisioned.
"""

from __future__ import annotations

import pytest

from hil.errors import ModelError
from hil.model import keys
from hil.model.boot_state import BootState, Lcs, TpMode, bl1_2_hash
from hil.model.key_table import KEY_TABLE
from hil.model.releases import RELEASES, release_for

HUKS = [bytes(range(0x20 * i, 0x20 * i + 32)) for i in range(4)]
GUK = bytes(range(0xA0, 0xC0))
BL1_2 = bl1_2_hash(bytes(8192))
STATE = BootState(TpMode.TCI, Lcs.SE, 0, BL1_2)
SEEDS = [
    "536977221d3674aca277ad0c5675153f566ef2dc1e703e7e518cdfa27a3141a9",
    "69ccce5e624214b2ef5c2860c44c53cad7e773d2718ea5e056ea422f344ba323",
    "a8b1eb38532ce321f7dcea4f0498956d870fffe42a14e2b62e6f8ab417851b63",
    "1e2637bacf4e94c0669cc47be432ea62424670a1880644c6b952b77751f72d5a",
]
OWN_VHUKS = [
    "7a58df932b66fa3897274e045bd0595d3e042bfa26d61da1f3e89d384a7a53b1",
    "f5f8fef3077c0cb5f59697b12a31979a6ea729c509b0256935034e7380e12c5d",
    "994d745465521a38cfe8bb106d98221df6f84d621205fec835aff638ca7af783",
    "c9bd50139fae411a3280084b2af39771d2f4f7bed0ea6ae2894cdcc87f878889",
]
V2_2, V2_3 = release_for("2.2.2"), release_for("2.3.1")


def test_bl1_2_hash_and_boot_state() -> None:
    """The hash covers the padded code area; the state digest is the known one."""
    assert BL1_2.hex() == "9f1dcbc35c350d6027f98be0f5c8b43b42ca52b7604459c0c42be3aa88913d47"
    digest = "a24f1473af573ba578f7d90d22b9bd44bd0d35f8192bf3e523e45e13eb9b7d86"
    assert STATE.digest().hex() == digest


@pytest.mark.parametrize("die", range(4))
def test_seeds_and_own_vhuks(die: int) -> None:
    """Each die's seed, and the vHUK that it has without a handshake."""
    for release in (V2_2, V2_3):
        seed = keys.vhuk_seed(HUKS[die], release)
        assert seed.hex() == SEEDS[die]
        assert keys.vhuk(GUK, [seed], STATE, release).hex() == OWN_VHUKS[die]


def test_agreed_vhuk_binds_the_first_seed_only() -> None:
    """With the real length every array that begins with seed 0 gives the vHUK of RSE 0."""
    seeds = [bytes.fromhex(seed) for seed in SEEDS]
    assert keys.vhuk(GUK, seeds, STATE, V2_3).hex() == OWN_VHUKS[0]
    assert keys.vhuk(GUK, seeds, STATE, release_for("fixed")).hex() not in OWN_VHUKS


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            BootState(TpMode.PCI, Lcs.SE, 0, BL1_2),
            "df1ffd1e9927c6f8b96455cc4f40a63c3a8f780737daabd9e1127b38ffad8c9a",
        ),
        (
            BootState(TpMode.TCI, Lcs.DM, 0, BL1_2),
            "4f5ea93baa74b8be8986fd5035d4a32a7f586869df5d53745d6a4f956b772f66",
        ),
    ],
    ids=["PCI", "DM"],
)
def test_vhuk_changes_with_tp_mode_and_lcs(state: BootState, expected: str) -> None:
    """TP mode and life-cycle state enter as their known encodings."""
    assert keys.vhuk(GUK, [keys.vhuk_seed(HUKS[0], V2_3)], state, V2_3).hex() == expected


@pytest.mark.parametrize(
    ("derive", "expected"),
    [
        (
            lambda: keys.iak_seed(HUKS[0], STATE, V2_2),
            "87b79281d2728ad38b5d518d7385515338ffd4b1b5f1ce346ec20f97b162ceff",
        ),
        (
            lambda: keys.iak_seed(HUKS[0], STATE, V2_3),
            "872d874bc29aa78f85e337d0e395964af5dfdb5144ea69b5f293e18af1de352b",
        ),
        (
            lambda: keys.rot_cdi(HUKS[0], STATE, V2_3),
            "3501e81f882d0426b233e90cb4fabd09a86bbc6daaa67d97d9be9ce2734270ca",
        ),
        (
            lambda: keys.dak_seed(GUK, STATE, V2_3),
            "9aa5c0140eb4a0858f789a5149818778a375b34f7bd8e32dc28d7d2831967fdd",
        ),
        (
            lambda: keys.vhuk_seed(HUKS[0], release_for("2.1.0")),
            "85f9a042d5e6207efef176d5b1c0769f85d02c7e0bbf8c6b8acbd4b79093643e",
        ),
    ],
    ids=["IAK 2.2", "IAK 2.3", "ROT CDI", "DAK", "seed 2.1"],
)
def test_other_keys_of_the_set(derive: object, expected: str) -> None:
    """Attestation keys and the seed of the older encoding."""
    assert derive().hex() == expected  # type: ignore[operator]


def test_2_1_orders_the_boot_state_differently() -> None:
    """LCS comes before the TP mode in 2.1, so even one encoding would give other keys."""
    old = release_for("2.1.0")
    assert STATE.preimage(order=old.state_order)[:8].hex() == "03000000aa551111"
    assert STATE.preimage(order=V2_2.state_order)[:8].hex() == "aa55111103000000"


def test_dcu_words_enter_only_the_keys_of_the_boot_keys() -> None:
    """With ADAC the DAK seed sees the DCU words; the vHUK never does."""
    adac = BootState(TpMode.TCI, Lcs.SE, 0, BL1_2, dcu=bytes(16))
    assert keys.dak_seed(GUK, adac, V2_3) != keys.dak_seed(GUK, STATE, V2_3)
    seed = [bytes.fromhex(SEEDS[0])]
    assert keys.vhuk(GUK, seed, adac, V2_3) == keys.vhuk(GUK, seed, STATE, V2_3)


def test_session_key_from_2_3_on_hashes_the_ivs() -> None:
    """2.2 takes the IVs as label with the boot state, 2.3 their SHA-384 as context without it."""
    other = BootState(TpMode.TCI, Lcs.DM, 0, BL1_2)
    ivs = [bytes([i]) * 32 for i in range(3)]
    assert keys.session_key(GUK, ivs, STATE, V2_2) != keys.session_key(GUK, ivs, other, V2_2)
    assert keys.session_key(GUK, ivs, STATE, V2_3) == keys.session_key(GUK, ivs, other, V2_3)
    assert keys.session_key(GUK, ivs[:2], STATE, V2_3) != keys.session_key(GUK, ivs, STATE, V2_3)


def test_bl2_key_depends_on_the_security_counter() -> None:
    """Each security counter has its own decryption key."""
    found = {bytes(keys.bl2_decryption_key(GUK, counter, V2_3)) for counter in range(4)}
    assert len(found) == 4


def test_each_release_has_one_row_for_each_key_and_scheme() -> None:
    """No two rows of the table claim the same derivation."""
    claims = [
        (row.name, release, scheme)
        for row in KEY_TABLE
        for release in row.releases
        for scheme in row.boot_keys
    ]
    assert len(claims) == len(set(claims))
    assert {release for _, release, _ in claims} == {release.name for release in RELEASES}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: keys.image_binding_key(GUK, V2_2), "release 2.2.x does not derive"),
        (lambda: keys.derive("vhuk", V2_3, GUK, state=STATE), "label comes from the protocol"),
        (lambda: keys.derive("dak_seed", V2_3, GUK, state=STATE), "needs boot keys CCA"),
        (lambda: keys.derive("vhuk", V2_3, GUK, label=bytes(32)), "context is boot state"),
        (lambda: keys.derive("wuk", V2_3, GUK), "known: bl2_decryption_key"),
        (lambda: keys.vhuk_seed(bytes(16), V2_3), "HUK of 32 bytes, got 16"),
        (lambda: keys.vhuk(GUK, [], STATE, V2_3), "seeds of 32 bytes"),
        (lambda: keys.vhuk(GUK, [bytes(31)], STATE, V2_3), "seeds of 32 bytes"),
        (lambda: keys.bl2_decryption_key(GUK, 2**32, V2_3), "number of 32 bits"),
        (lambda: keys.master_key(TpMode.PCI, None, b"x"), "needs a KRTL"),
    ],
)
def test_what_the_firmware_cannot_do_is_refused(call: object, message: str) -> None:
    """Every refusal says what was expected."""
    with pytest.raises(ModelError, match=message):
        call()  # type: ignore[operator]
