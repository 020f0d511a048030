# SPDX-License-Identifier: Apache-2.0
"""Recorded key derivations: every call of rse_kmu_keys.c, and the provisioning scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hil.errors import ModelError
from hil.model import keys
from hil.model.boot_state import BootState, Lcs, StateField, TpMode
from hil.model.kdf import kdf
from hil.model.key_table import BootKeys
from hil.model.releases import Bound, Release
from hil.model.vectors.reading import (
    Case,
    CaseResult,
    Comparison,
    field,
    mapping,
    number,
    octets,
    sequence,
    text,
)

_KEY_NAMES = ("huk", "guk", "krtl", "kce_cm", "kce_dm")
#: Fields of the boot state by the size of their bytes together.
_FIELDS = {
    4: StateField.REPROV,
    8: StateField.TP | StateField.REPROV,
    44: StateField.TP | StateField.LCS | StateField.REPROV | StateField.BL1_2,
}


@dataclass(frozen=True)
class _Chip:
    """Keys and boot state of one set of inputs."""

    huk: bytes
    guk: bytes
    krtl: bytes
    kce_cm: bytes
    kce_dm: bytes
    state: BootState
    boot_keys: BootKeys


_Answer = Callable[[_Chip, Release, bytes], bytes]


def _label_slots(label: bytes) -> list[bytes]:
    return [label[at : at + 32] for at in range(0, len(label), 32)]


def _all_seeds(c: _Chip, r: Release, label: bytes) -> bytes:
    seeds = [keys.vhuk_seed(c.huk, r), *_label_slots(label)[1:]]
    return keys.vhuk(c.guk, seeds, c.state, r, Bound.ALL)


def _session_of_seed(c: _Chip, r: Release, _: bytes) -> bytes:
    return keys.derive("session_key", r, c.guk, context=keys.vhuk_seed(c.huk, r))


def _rekeyed(c: _Chip, r: Release, label: bytes) -> bytes:
    previous = _session_of_seed(c, r, label)
    return keys.rekeyed_session_key(previous, keys.vhuk_seed(c.huk, r), r)


#: What the model answers to each call; the label is given where the protocol supplies it.
_CALLS: dict[str, _Answer] = {
    "rse_derive_vhuk_seed": lambda c, r, _: keys.vhuk_seed(c.huk, r),
    "rse_setup_vhuk(seed,32)": lambda c, r, _: keys.vhuk(
        c.guk, [keys.vhuk_seed(c.huk, r)], c.state, r
    ),
    "rse_setup_vhuk(seed||words,128)": _all_seeds,
    "rse_setup_cpak_seed": lambda c, r, _: keys.iak_seed(c.huk, c.state, r, c.boot_keys),
    "rse_setup_iak_seed": lambda c, r, _: keys.iak_seed(c.huk, c.state, r, c.boot_keys),
    "rse_setup_dak_seed": lambda c, r, _: keys.dak_seed(c.guk, c.state, r),
    "rse_setup_rot_cdi": lambda c, r, _: keys.rot_cdi(c.huk, c.state, r),
    "rse_setup_session_key(seed||words,128)": lambda c, r, label: keys.session_key(
        c.guk, _label_slots(label), c.state, r
    ),
    "rse_setup_session_key(seed,32)": _session_of_seed,
    "rse_rekey_session_key(seed,32)": _rekeyed,
    'rse_setup_master_key("MASTER\\0",ctx=NULL)': lambda c, _, __: keys.master_key(
        c.state.tp, c.krtl, b"MASTER\0"
    ),
    "rse_setup_runtime_secure_image_encryption_key": lambda c, r, _: keys.runtime_image_key(
        c.kce_cm, c.state, r
    ),
    "rse_setup_runtime_non_secure_image_encryption_key": lambda c, r, _: keys.runtime_image_key(
        c.kce_dm, c.state, r, secure=False
    ),
}


def check_call_group(file: Case, case: Case, release: Release) -> Iterator[CaseResult]:
    """Check all calls with one set of inputs, a result for each."""
    del file
    inputs = mapping(field(case, "inputs", "case"), "inputs")
    chip = _chip(case, inputs)
    calls = sequence(case, "calls", "case")
    if not calls:
        raise ModelError("case: calls: expected at least one call, got none")
    for entry in calls:
        call = mapping(entry, "calls")
        name = text(call, "call", "calls")
        comparison = Comparison()
        _check_call(comparison, chip, release, name, call)
        title = f"{name} ({inputs.get('name', '?')}, boot keys {chip.boot_keys})"
        yield comparison.result(title)


def _chip(case: Case, inputs: Case) -> _Chip:
    found = {n: octets(field(inputs, n, "inputs"), f"inputs: {n}", 32) for n in _KEY_NAMES}
    scheme = text(case, "boot_keys", "case")
    try:
        boot_keys = BootKeys(scheme.replace("NONE", "none"))
    except ValueError:
        raise ModelError(f"boot_keys: expected CCA, DPE or none, got {scheme!r}") from None
    state = BootState(
        TpMode.from_hardware(number(field(inputs, "tp", "inputs"), "inputs: tp")),
        Lcs.from_otp(number(field(inputs, "lcs", "inputs"), "inputs: lcs")),
        number(field(inputs, "reprov", "inputs"), "inputs: reprov"),
        octets(field(inputs, "bl12", "inputs"), "inputs: bl12", 32),
    )
    return _Chip(**found, state=state, boot_keys=boot_keys)


def _check_call(
    comparison: Comparison, chip: _Chip, release: Release, name: str, call: Case
) -> None:
    answer = _CALLS.get(name)
    if answer is None:
        raise ModelError(f"call {name!r} is not known; known: {', '.join(_CALLS)}")
    label = octets(call.get("kdf_label", ""), f"{name}: kdf_label")
    if text(call, "rc", name) != "0x0":
        comparison.equal("refused", True, _refuses(answer, chip, release, label))
        return
    output = field(call, "kdf_out", name)
    comparison.equal("output", output, bytes(answer(chip, release, label)).hex())
    key, context = (octets(field(call, f, name), f"{name}: {f}") for f in _KDF_FIELDS)
    size = len(octets(output, f"{name}: kdf_out"))
    comparison.equal("raw KDF", output, bytes(kdf(key, label, context, size, release.kdf)).hex())
    if "boot_state_preimage" in call:
        preimage = text(call, "boot_state_preimage", name)
        mask = _FIELDS.get(len(preimage) // 2, StateField(0))
        order = release.state_order
        comparison.equal("boot state preimage", preimage, chip.state.preimage(mask, order).hex())
        digest = chip.state.digest(mask, order).hex()
        comparison.equal("boot state", call.get("boot_state"), digest)


_KDF_FIELDS = ("kdf_key", "kdf_context")


def _refuses(answer: _Answer, chip: _Chip, release: Release, label: bytes) -> bool:
    try:
        answer(chip, release, label)
    except ModelError:
        return True
    return False


def check_provisioning(file: Case, case: Case, release: Release) -> Iterator[CaseResult]:
    """Check master key and provisioning key of one KRTL, owner and number."""
    del file
    krtl = octets(field(case, "krtl", "case"), "krtl", 32)
    owner = text(case, "owner", "case")
    if owner not in ("CM", "DM"):
        raise ModelError(f"owner: expected CM or DM, got {owner!r}")
    value = number(field(case, "number", "case"), "number")
    comparison = Comparison()
    label = f"KMASTER_{owner}\0".encode()
    master = keys.master_key(TpMode.PCI, krtl, label, value.to_bytes(4, "little"))
    comparison.equal("kmaster", field(case, "kmaster", "case"), bytes(master).hex())
    derived = keys.provisioning_key(
        TpMode.PCI, krtl, "CM" if owner == "CM" else "DM", value, release
    )
    comparison.equal("kprov", field(case, "kprov", "case"), bytes(derived).hex())
    yield comparison.result(f"KPROV_{owner}, number {value}")
