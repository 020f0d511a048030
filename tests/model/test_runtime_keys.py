# SPDX-License-Identifier: Apache-2.0
"""Keys of the runtime, against HKDF written out here, and keys of elliptic curves."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model import keys
from hil.model.boot_state import TpMode
from hil.model.bundle_boot import bundle_key
from hil.model.ecc import P256, P384, ecc_private_key, psa_private_key, public_point
from hil.model.fingerprint import PARTITION_ID, Source, vhuk_fingerprint
from hil.model.kdf import kdf
from hil.model.key_table import KEY_TABLE, Slot
from hil.model.releases import RELEASES, release_for
from hil.model.runtime_keys import (
    TFM_SP_CRYPTO,
    TFM_SP_PS,
    builtin_huk,
    hkdf,
    iak_private,
    partition_value,
    ps_key,
)
from hil.model.secret import Secret

VHUK = bytes.fromhex("7a58df932b66fa3897274e045bd0595d3e042bfa26d61da1f3e89d384a7a53b1")
V2_3 = release_for("2.3.1")
CM_2_1 = "57a74c71440bf9403205521e745a42f223520230cd9d1fe5063043831a4c7d1c"
DM_2_1 = "b3e704e927e1bc41ebb383466db316e63baae8114783cba6b239c1725bf856a3"
SEED = bytes.fromhex("872d874bc29aa78f85e337d0e395964af5dfdb5144ea69b5f293e18af1de352b")


def own_hkdf(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256 and no salt."""
    prk = hmac.digest(bytes(32), key, "sha256")
    block, stream = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        stream += block
    return stream[:length]


def test_each_owner_has_a_sub_key_of_its_own() -> None:
    """The id enters as signed 32 bits, little-endian; the crypto service has the vHUK itself."""
    for user in (256, 3000, -0x3C000000, -1):
        assert builtin_huk(VHUK, user) == own_hkdf(VHUK, struct.pack("<i", user), 32)
    assert builtin_huk(VHUK, TFM_SP_CRYPTO) == VHUK
    assert builtin_huk(VHUK, 3000) != builtin_huk(VHUK, 3001)


def test_the_ps_test_partition_counts_as_ps() -> None:
    """Only in a build that has it; elsewhere its id is one like any other."""
    assert builtin_huk(VHUK, 3007, ps_test=3007) == builtin_huk(VHUK, TFM_SP_PS)
    assert builtin_huk(VHUK, 3007) != builtin_huk(VHUK, TFM_SP_PS)
    assert builtin_huk(VHUK, 3008, ps_test=3007) == builtin_huk(VHUK, 3008)


def test_ps_keys_depend_on_client_asset_and_generation() -> None:
    """AES-128, from the sub-key of PS."""
    sub = own_hkdf(VHUK, struct.pack("<i", 256), 32)
    assert ps_key(VHUK, -1, 5) == own_hkdf(sub, struct.pack("<iQ", -1, 5), 16)
    assert ps_key(VHUK, 7, 5, generation=2) == own_hkdf(sub, struct.pack("<iQI", 7, 5, 2), 16)
    with pytest.raises(ModelError, match="uid: -1 does not fit 8 bytes"):
        ps_key(VHUK, 7, -1)


def test_a_partition_value_is_the_runtime_fingerprint() -> None:
    """What the reporter prints is its own derivation from the built-in HUK key, truncated."""
    value = partition_value(VHUK, PARTITION_ID, b"HIL1-VHUK")
    assert vhuk_fingerprint(VHUK, Source.RUNTIME) == value[:16].hex()


@pytest.mark.parametrize(("bits", "size"), [(384, 48), (256, 32)])
def test_the_attestation_key_is_hkdf_plus_one(bits: int, size: int) -> None:
    """PSA Crypto reads as many bytes as the curve has and adds one."""
    number = int.from_bytes(own_hkdf(SEED, b"", size), "big") + 1
    assert iak_private(SEED, bits) == number.to_bytes(size, "big")
    with pytest.raises(ModelError, match="expected 256 or 384 bits, got 521"):
        iak_private(SEED, 521)


def test_psa_keys_skip_what_is_too_large() -> None:
    """A piece that is no candidate is dropped and the next one taken."""
    large = (P256.order - 1).to_bytes(32, "big")
    most = (P256.order - 2).to_bytes(32, "big")
    expected = (P256.order - 1).to_bytes(32, "big")
    assert psa_private_key(P256, iter([b"\xff" * 32, large, most])) == expected
    assert psa_private_key(P256, iter([bytes(32)])) == (1).to_bytes(32, "big")
    with pytest.raises(ModelError, match="no piece"):
        psa_private_key(P256, iter([large]))


@given(st.binary(min_size=48, max_size=48))
def test_bl1_reduces_48_bytes_for_both_curves(derived: bytes) -> None:
    """A big-endian number modulo the order, in the size of the curve."""
    number = int.from_bytes(derived, "big")
    for curve, size in ((P256, 32), (P384, 48)):
        assert curve.derived_size == 48
        if number % curve.order:
            assert ecc_private_key(curve, derived) == (number % curve.order).to_bytes(size, "big")


def test_bytes_that_give_no_key_are_refused() -> None:
    """Wrong sizes and the one multiple of the order."""
    with pytest.raises(ModelError, match="expected 48 derived bytes, got 32"):
        ecc_private_key(P256, bytes(32))
    with pytest.raises(ModelError, match="multiple of the order"):
        ecc_private_key(P384, P384.order.to_bytes(48, "big"))


def test_the_public_point_of_one_is_the_generator() -> None:
    """X and Y, big-endian."""
    point = public_point(P256, (1).to_bytes(32, "big"))
    assert point.hex().startswith("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0")
    assert len(public_point(P384, (1).to_bytes(48, "big"))) == 96


def test_the_rak_comes_from_the_iak_seed() -> None:
    """48 bytes under the label RAPK_PRIV, reduced; not before 2.3."""
    derived = keys.derive("rak_private_seed", V2_3, SEED)
    number = int.from_bytes(derived, "big") % P384.order
    assert keys.rak_private(SEED, V2_3) == number.to_bytes(48, "big")
    assert len(public_point(P384, keys.rak_private(SEED, V2_3))) == 96
    with pytest.raises(ModelError, match=r"release 2\.2\.x does not derive"):
        keys.rak_private(SEED, release_for("2.2.2"))


def test_keys_of_random_origin_are_in_the_table_and_cannot_be_computed() -> None:
    """The PKA SRAM key is drawn anew at each boot."""
    (row,) = [row for row in KEY_TABLE if row.slot is Slot.RNG]
    assert (row.name, row.length) == ("pka_sram_key", 16)
    with pytest.raises(ModelError, match="draws it at random"):
        keys.derive("pka_sram_key", V2_3, bytes(32))


#: Every key of the hierarchy: releases that derive it, label without its NUL.
HIERARCHY = {
    ("vhuk_seed", "VHUK_SEED_DERIVATION"): "2.1 2.2 2.3",
    ("vhuk", None): "2.1 2.2 2.3",
    ("iak_seed", "BL1_CPAK_SEED_DERIVATION"): "2.1 2.2",
    ("iak_seed", "BL1_IAK_SEED_DERIVATION"): "2.3",
    ("dak_seed", "BL1_DAK_SEED_DERIVATION"): "2.1 2.2 2.3",
    ("rot_cdi", "BL1_ROT_CDI_DERIVATION"): "2.1 2.2 2.3",
    ("image_binding_key", "BL1_2_IMAGE_BINDING_KEY_DERIVATION"): "2.3",
    ("runtime_secure_image_key", "RUNTIME_SECURE_ENCRYPTION_KEY"): "2.2 2.3",
    ("runtime_non_secure_image_key", "RUNTIME_NON_SECURE_ENCRYPTION_KEY"): "2.2 2.3",
    ("bl2_decryption_key", "BL2_DECRYPTION_KEY"): "2.2 2.3",
    ("session_key", None): "2.1 2.2",
    ("session_key", "SFCP_SESSION_KEY_DERIVATION"): "2.3",
    ("rekeyed_session_key", "SFCP_SESSION_KEY_DERIVATION"): "2.3",
    ("master_key_cm", "KMASTER_CM"): "2.2 2.3",
    ("master_key_dm", "KMASTER_DM"): "2.2 2.3",
    ("provisioning_key_cm", "KPROV_CM"): "2.2 2.3",
    ("provisioning_key_dm", "KPROV_DM"): "2.2 2.3",
    ("provisioning_key_cm", "CM_PROVISIONING"): "2.1",
    ("provisioning_key_dm", "DM_PROVISIONING"): "2.1",
    ("derived_guk", "GUK"): "2.2 2.3",
    ("derived_kp_cm", "KCE_CM"): "2.2",
    ("derived_kp_cm", "KP_CM"): "2.3",
    ("derived_kce_cm", "KCE_CM"): "2.2 2.3",
    ("chip_output_data_key", "KEXPORT_CM"): "2.3",
    ("pka_sram_key", None): "2.2 2.3",
    ("rak_private_seed", "RAPK_PRIV"): "2.3",
}


@pytest.mark.parametrize(
    ("name", "release", "label"),
    [
        ("derived_guk", "2.2.2", b"GUK\0"),
        ("derived_guk", "2.3.1", b"GUK\0"),
        ("derived_kp_cm", "2.2.2", b"KCE_CM\0"),
        ("derived_kp_cm", "2.3.1", b"KP_CM\0"),
        ("derived_kce_cm", "2.3.1", b"KCE_CM\0"),
        ("chip_output_data_key", "2.3.1", b"KEXPORT_CM\0"),
    ],
)
def test_keys_that_a_bundle_does_not_bring_are_derived(
    name: str, release: str, label: bytes
) -> None:
    """Without RSE_CM_PROVISION_GUK and its like: from one root and a label, without context."""
    for root in (bytes(32), VHUK):
        assert keys.derive(name, release_for(release), root) == kdf(root, label)


def test_the_provisioning_keys_of_2_1_are_under_the_boot_state() -> None:
    """Values of the release's own script derive_cm_and_dm_keys.py, for a KRTL of bytes 0 to 31."""
    release, krtl = release_for("2.1.0"), bytes(range(32))
    assert bundle_key("CM", TpMode.PCI, krtl, release).hex() == CM_2_1
    assert bundle_key("DM", TpMode.TCI, krtl, release).hex() == DM_2_1


def test_the_table_has_the_whole_hierarchy() -> None:
    """Each key with its label in each release, none more, none less."""
    found: dict[tuple[str, str | None], set[str]] = {}
    for row in KEY_TABLE:
        assert row.label is None or row.label.endswith(b"\0")
        label = row.label[:-1].decode() if row.label else None
        found.setdefault((row.name, label), set()).update(row.releases)
    expected = {
        key: {row.name for row in RELEASES if row.generation in generations.split()}
        for key, generations in HIERARCHY.items()
    }
    assert found == expected


def test_main_and_the_repaired_firmware_derive_as_2_3() -> None:
    """The three rows of one generation share every row of the key table."""
    for row in KEY_TABLE:
        if "2.3.x" in row.releases:
            assert {"main", "fixed"} <= set(row.releases)


def test_hkdf_has_an_end() -> None:
    """255 blocks and no more; nothing shows the value."""
    assert len(hkdf(VHUK, b"", 255 * 32)) == 8160
    assert hashlib.sha256(VHUK).hexdigest() not in repr(Secret(VHUK))
    for length in (0, 8161):
        with pytest.raises(ModelError, match=f"cannot give {length} bytes"):
            hkdf(VHUK, b"", length)
