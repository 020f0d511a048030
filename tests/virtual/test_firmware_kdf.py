# SPDX-License-Identifier: Apache-2.0
"""The virtual RSE derives the keys that the real firmware's code derives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.virtual import kdf

ZERO_BL1_2 = "9f1dcbc35c350d6027f98be0f5c8b43b42ca52b7604459c0c42be3aa88913d47"
TCI, PCI = 0x111155AA, 0x2222AA55


def test_reproduces_the_vector_of_the_roms_self_test() -> None:
    """The known answer in TF-M 2.3.1 rse_boot_self_tests.c comes out."""
    output = kdf.derive(
        key=bytes.fromhex("43727970746f43656c6c414553434d4143496e7075744b65794d61747269616c"),
        label=bytes.fromhex("43727970746f43656c6c4145536c626c"),
        context=bytes.fromhex("43727970746f43656c6c414553437478"),
    )
    assert output.hex() == "3ea29c21ed06743a813c7e237660c08f42c6935f64d7f03ede41f419b01238e3"


@pytest.mark.parametrize(
    ("tp", "lcs", "expected"),
    [
        (TCI, 3, "7a58df932b66fa3897274e045bd0595d3e042bfa26d61da1f3e89d384a7a53b1"),
        (PCI, 3, "df1ffd1e9927c6f8b96455cc4f40a63c3a8f780737daabd9e1127b38ffad8c9a"),
        (TCI, 1, "4f5ea93baa74b8be8986fd5035d4a32a7f586869df5d53745d6a4f956b772f66"),
    ],
    ids=["TCI-SE", "PCI-SE", "TCI-DM"],
)
def test_vhuk_depends_on_the_boot_state(tp: int, lcs: int, expected: str) -> None:
    """The synthetic vHUK set: HUK_0 = 00..1f, GUK = a0..bf, 8 KiB of zeros as BL1_2."""
    seed = kdf.vhuk_seed(bytes(range(0x20)))
    assert seed.hex() == "536977221d3674aca277ad0c5675153f566ef2dc1e703e7e518cdfa27a3141a9"
    state = kdf.boot_state(tp, lcs, 0, bytes.fromhex(ZERO_BL1_2))
    assert kdf.vhuk(bytes(range(0xA0, 0xC0)), seed, state).hex() == expected


@pytest.mark.parametrize("tag", ["TF-Mv2.2.2", "TF-Mv2.3.1"])
def test_reproduces_every_derivation_of_the_real_code(shared_dir: Path, tag: str) -> None:
    """All outputs of rse_kmu_keys.c, run on a host, come out, for all labels and sizes."""
    vectors = json.loads((shared_dir / "vectors" / f"kdf-{tag}.json").read_text())["vectors"]
    calls = [call for vector in vectors for call in vector["calls"] if "kdf_out" in call]
    assert len(calls) > 50
    for call in calls:
        output = bytes.fromhex(call["kdf_out"])
        key, label, context = (
            bytes.fromhex(call[f"kdf_{name}"]) for name in ("key", "label", "context")
        )
        assert kdf.derive(key, label, context, len(output)) == output, call["call"]


def test_provisioning_key_is_that_of_the_build_scripts(shared_dir: Path) -> None:
    """KRTL and batch number give the key under which the blob's secrets were encrypted."""
    path = shared_dir / "vectors" / "kdf-provisioning-TF-Mv2.2.2.json"
    rows = [v for v in json.loads(path.read_text())["vectors"] if v["owner"] == "CM"]
    assert rows
    for row in rows:
        key = kdf.provisioning_key(bytes.fromhex(row["krtl"]), row["number"])
        assert key.hex() == row["kprov"]
