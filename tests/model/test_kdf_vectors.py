# SPDX-License-Identifier: Apache-2.0
"""The model against what the firmware's own C code and scripts computed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hil.errors import ModelError
from hil.model import keys
from hil.model.boot_state import BootState, Lcs, StateField, TpMode
from hil.model.kdf import kdf
from hil.model.key_table import BootKeys, key_row
from hil.model.releases import Bound, Release, release_for


@dataclass(frozen=True)
class Chip:
    """Keys and boot state of one set of inputs of a vector file."""

    huk: bytes
    guk: bytes
    krtl: bytes
    kce_cm: bytes
    kce_dm: bytes
    state: BootState
    boot_keys: BootKeys

    @classmethod
    def of(cls, vector: dict[str, Any]) -> Chip:
        inputs = vector["inputs"]
        return cls(
            **{k: bytes.fromhex(inputs[k]) for k in ("huk", "guk", "krtl", "kce_cm", "kce_dm")},
            state=BootState(
                TpMode.from_hardware(int(inputs["tp"], 0)),
                Lcs.from_otp(int(inputs["lcs"], 0)),
                int(inputs["reprov"], 0),
                bytes.fromhex(inputs["bl12"]),
            ),
            boot_keys=BootKeys(vector["boot_keys"].replace("NONE", "none")),
        )


def _chunks(label: str) -> list[bytes]:
    raw = bytes.fromhex(label)
    return [raw[i : i + 32] for i in range(0, len(raw), 32)]


Answer = Callable[[Chip, Release, dict[str, Any]], bytes]

CALLS: dict[str, Answer] = {
    "rse_derive_vhuk_seed": lambda c, r, v: keys.vhuk_seed(c.huk, r),
    "rse_setup_vhuk(seed,32)": lambda c, r, v: keys.vhuk(
        c.guk, [keys.vhuk_seed(c.huk, r)], c.state, r
    ),
    "rse_setup_vhuk(seed||words,128)": lambda c, r, v: keys.vhuk(
        c.guk, [keys.vhuk_seed(c.huk, r), *_chunks(v["kdf_label"])[1:]], c.state, r, Bound.ALL
    ),
    "rse_setup_cpak_seed": lambda c, r, v: keys.iak_seed(c.huk, c.state, r, c.boot_keys),
    "rse_setup_iak_seed": lambda c, r, v: keys.iak_seed(c.huk, c.state, r, c.boot_keys),
    "rse_setup_dak_seed": lambda c, r, v: keys.dak_seed(c.guk, c.state, r),
    "rse_setup_rot_cdi": lambda c, r, v: keys.rot_cdi(c.huk, c.state, r),
    "rse_setup_session_key(seed||words,128)": lambda c, r, v: keys.session_key(
        c.guk, _chunks(v["kdf_label"]), c.state, r
    ),
    "rse_setup_session_key(seed,32)": lambda c, r, v: keys.derive(
        "session_key", r, c.guk, context=keys.vhuk_seed(c.huk, r)
    ),
    "rse_rekey_session_key(seed,32)": lambda c, r, v: keys.rekeyed_session_key(
        keys.derive("session_key", r, c.guk, context=keys.vhuk_seed(c.huk, r)),
        keys.vhuk_seed(c.huk, r),
        r,
    ),
    'rse_setup_master_key("MASTER\\0",ctx=NULL)': lambda c, r, v: keys.master_key(
        c.state.tp, c.krtl, b"MASTER\0"
    ),
    "rse_setup_runtime_secure_image_encryption_key": lambda c, r, v: keys.runtime_image_key(
        c.kce_cm, c.state, r
    ),
    "rse_setup_runtime_non_secure_image_encryption_key": lambda c, r, v: keys.runtime_image_key(
        c.kce_dm, c.state, r, secure=False
    ),
}


def _calls(shared_dir: Path, tag: str) -> Iterator[tuple[Chip, dict[str, Any]]]:
    data = json.loads((shared_dir / "vectors" / f"kdf-{tag}.json").read_text())
    for vector in data["vectors"]:
        for call in vector["calls"]:
            yield Chip.of(vector), call


@pytest.mark.parametrize("tag", ["TF-Mv2.2.2", "TF-Mv2.3.1"])
def test_every_key_of_the_firmware_is_reproduced(shared_dir: Path, tag: str) -> None:
    """Each call of rse_kmu_keys.c gives the same bytes, or is refused where the firmware does."""
    release = release_for(tag)
    derived = refused = 0
    for chip, call in _calls(shared_dir, tag):
        answer = CALLS[call["call"]]
        if call["rc"] != "0x0":
            with pytest.raises(ModelError, match="VIRGIN"):
                answer(chip, release, call)
            refused += 1
            continue
        assert bytes(answer(chip, release, call)).hex() == call["kdf_out"], call["call"]
        derived += 1
    assert derived > 80
    assert refused == 3


@pytest.mark.parametrize("tag", ["TF-Mv2.2.2", "TF-Mv2.3.1"])
def test_every_boot_state_of_the_firmware_is_reproduced(shared_dir: Path, tag: str) -> None:
    """Preimage and digest agree for the whole state and for the parts that some keys use."""
    masks = {
        4: StateField.REPROV,
        8: StateField.TP | StateField.REPROV,
        44: StateField.TP | StateField.LCS | StateField.REPROV | StateField.BL1_2,
    }
    order = release_for(tag).state_order
    seen = set()
    for chip, call in _calls(shared_dir, tag):
        if "boot_state" not in call:
            continue
        size = len(call["boot_state_preimage"]) // 2
        assert chip.state.preimage(masks[size], order).hex() == call["boot_state_preimage"]
        assert chip.state.digest(masks[size], order).hex() == call["boot_state"]
        assert call["kdf_context"] in ("", call["boot_state"])
        seen.add(size)
    assert seen == ({44} if tag == "TF-Mv2.2.2" else {4, 8, 44})


@pytest.mark.parametrize("tag", ["TF-Mv2.2.2", "TF-Mv2.3.1"])
def test_the_raw_kdf_gives_what_the_firmware_gave(shared_dir: Path, tag: str) -> None:
    """Key, label and context as recorded give the recorded output."""
    for _, call in _calls(shared_dir, tag):
        if "kdf_key" in call:
            key, label, context = (
                bytes.fromhex(call[f"kdf_{part}"]) for part in ("key", "label", "context")
            )
            assert kdf(key, label, context).hex() == call["kdf_out"]


def test_provisioning_keys_of_the_scripts_are_reproduced(shared_dir: Path) -> None:
    """KRTL to master key to provisioning key, for both owners, as the tag's scripts derive them."""
    path = shared_dir / "vectors" / "kdf-provisioning-TF-Mv2.2.2.json"
    release = release_for("2.2.2")
    for vector in json.loads(path.read_text())["vectors"]:
        krtl, owner = bytes.fromhex(vector["krtl"]), vector["owner"]
        row = key_row(f"master_key_{owner.lower()}", release)
        assert row.label is not None
        assert row.label.hex() == vector["kmaster_label_that_matches_our_kdf"]
        context = vector["number"].to_bytes(4, "little")
        assert context.hex() == vector["context"]
        master = keys.master_key(TpMode.PCI, krtl, row.label, context)
        assert master.hex() == vector["kmaster"]
        kprov = keys.provisioning_key(TpMode.PCI, krtl, owner, vector["number"], release)
        assert kprov.hex() == vector["kprov"]
