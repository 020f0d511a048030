# SPDX-License-Identifier: Apache-2.0
"""The model against what the firmware's own C code and scripts computed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.errors import ModelError
from hil.model.vectors import check_vectors

DATA = Path(__file__).parent / "data"
OWN = sorted(DATA.glob("*.json"))
SHARED = [
    "handshake-TF-Mv2.2.2.json",
    "handshake-TF-Mv2.3.1.json",
    "kdf-TF-Mv2.2.2.json",
    "kdf-TF-Mv2.3.1.json",
    "kdf-provisioning-TF-Mv2.2.2.json",
]


def load(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())
    return data


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_own_cases_agree(path: Path) -> None:
    """The recorded cases that the project carries come out byte for byte."""
    results = list(check_vectors(load(path)))
    assert results
    assert [result.difference for result in results if not result.passed] == []


@pytest.mark.parametrize("name", SHARED)
def test_all_recorded_cases_agree(shared_dir: Path, name: str) -> None:
    """Every case of every file: arrays, messages, codes, groups and keys."""
    results = list(check_vectors(load(shared_dir / "vectors" / name)))
    assert [(r.name, r.difference) for r in results if not r.passed] == []
    assert all(result.compared > 0 for result in results)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value that holds no list or object."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


#: What a case says of itself without being a result, and what its results are made from.
GIVEN = {
    "case", "note", "rse_amount", "arrival_order", "options", "rse", "boot_keys", "inputs",
    "call", "label_text", "kdf_slot", "kdf_user_key",
}  # fmt: skip


def changed(value: Any) -> Any:
    """Another value of the same kind: one bit of hex digits, one more, the other truth."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value and set(value) <= set("0123456789abcdef"):
        return f"{int(value[0], 16) ^ 1:x}{value[1:]}"
    if value is None:
        return "00" * 32
    return {"0x0": "0x1", "skipped": "0x0"}.get(value, "0x0" if value != "done" else "blocked")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_recorded_result_can_be_changed_unnoticed(path: Path) -> None:
    """One bit, number or word changed in any result of any case makes that case fail."""
    data, tried, unnoticed = load(path), 0, []
    for number, case in enumerate(data["vectors"]):
        small = data | {"vectors": [case]}
        for place in leaves(case):
            if GIVEN & set(place):
                continue
            broken = copy.deepcopy(small)
            target: Any = broken["vectors"][0]
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = changed(target[place[-1]])
            tried += 1
            try:
                noticed = not all(result.passed for result in check_vectors(broken))
            except ModelError:
                noticed = True
            if not noticed:
                unnoticed.append((number, *place))
    assert tried > 50
    assert unnoticed == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("tag"), "file: tag: missing"),
        (lambda d: d.update(tag="TF-Mv9"), "no release profile 'TF-Mv9'"),
        (lambda d: d.update(vectors=[]), "at least one case"),
        (lambda d: d.update(vectors=[{}]), r"vectors\[0\]: expected a field per_rse"),
        (lambda d: d.update(vectors=[3]), r"vectors\[0\]: expected an object, got 3"),
        (lambda d: d["inputs"].update(GUK="00"), "inputs: GUK: expected 32 bytes, got 1"),
        (lambda d: d["inputs"].update(GUK="zz"), "inputs: GUK: expected hex digits"),
        (lambda d: d["inputs"].update(lcs=5), "0x5 is no life-cycle state"),
        (lambda d: d["vectors"][0].update(rse_amount=10**9), "expected 1 to 64"),
        (lambda d: d["vectors"][0].update(options=["magic.1=2"]), "magic.1=2: is not understood"),
        (lambda d: d["vectors"][0].update(options=["guk.7=00"]), "there is no such RSE"),
        (lambda d: d["vectors"][0].update(options=["rx.0=1"]), "expected 2 entries, got 1"),
        (lambda d: d["vectors"][0]["per_rse"][0].update(wire={"x": ""}), "wire: 'x': expected"),
        (lambda d: d["vectors"][1]["per_rse"][1].update(wire={"wire_tx0_dev0": "00"}), "100 bytes"),
        (lambda d: d["vectors"][0].update(arrival_order=[9]), "arrival_order"),
    ],
)
def test_a_malformed_file_is_refused_with_its_field(change: Any, message: str) -> None:
    """Missing fields, wrong sizes and unknown options name what is wrong; the rest goes on."""
    data = load(DATA / "handshake-2.2.2.json")
    change(data)
    try:
        told = [str(result.difference) for result in check_vectors(data)]
    except ModelError as error:
        told = [str(error)]
    assert re.search(message, " | ".join(told))


def test_an_absent_rse_and_the_stock_build_are_understood() -> None:
    """Who waits for an RSE that never came, by release, and who refuses without routing tables."""
    late = load(DATA / "handshake-2.3.1.json")
    case = next(c for c in late["vectors"] if c["case"] == "order-n3-2.1")
    absent = copy.deepcopy(case)
    absent |= {"case": "absent-n3", "options": ["nobody.1"], "arrival_order": [2]}
    for field in ("same_array_groups", "rses_with_complete_array", "seeds"):
        absent.pop(field)
    for name in [name for name in absent if name.startswith(("same_", "all_agree"))]:
        absent.pop(name)
    server, lost, client = absent["per_rse"]
    server |= {"status": "blocked(signal 14)", "handshake_rc": None, "array": None}
    server |= {"vhuk_real_len": None, "vhuk_len_32N": None, "boot_continues": False}
    server |= {
        "received_from_in_order": [2],
        "wire": {"reply_tx0_to2": server["wire"]["reply_tx0_to2"]},
    }
    lost.clear()
    lost |= {"rse": 1, "status": "absent"}
    late["vectors"] = [absent]
    (result,) = check_vectors(late)
    assert result.difference is None
    assert client["status"] == "done"

    early = load(DATA / "handshake-2.2.2.json")
    stock = copy.deepcopy(next(c for c in early["vectors"] if c["case"] == "nopolicy-n2"))
    stock |= {"case": "stock-n2", "options": []}
    for entry in stock["per_rse"]:
        entry |= {"handshake_rc": "0x40000074", "boot_continues": False}
        entry |= {"vhuk_real_len": None, "vhuk_len_32N": None}
    for name in [name for name in stock if name.startswith(("same_", "all_agree"))]:
        stock.pop(name)
    early["vectors"] = [stock]
    (result,) = check_vectors(early)
    assert result.difference is None


@pytest.mark.parametrize("value", [1 << 70, -1, "0x100000000"])
def test_a_number_that_no_word_holds_is_bad_input(value: object) -> None:
    """A number field outside 32 bits is told with its field, whatever it is used for."""
    case = {"krtl": "00" * 32, "owner": "CM", "number": value, "kmaster": "", "kprov": ""}
    [result] = check_vectors({"tag": "TF-Mv2.2.2", "vectors": [case]})
    assert not result.passed
    assert result.difference is not None
    assert "number: expected a number of 32 bits" in result.difference


def test_a_case_with_nothing_to_compare_has_not_passed() -> None:
    """Neither a group of calls without a call nor a run without a recorded result counts as passed."""
    data = load(DATA / "handshake-2.3.1.json")
    case = data["vectors"][0]
    given = {"rse", "HUK", "contribution", "derived_seed_from_own_huk"}
    case["per_rse"] = [{k: v for k, v in rse.items() if k in given} for rse in case["per_rse"]]
    for name in ("contribution", "derived_seed_from_own_huk"):
        for rse in case["per_rse"]:
            rse.pop(name, None)
    for name in [n for n in case if n.startswith(("same_", "all_agree_", "rses_with_", "seeds"))]:
        del case[name]
    data["vectors"] = [case]
    [result] = check_vectors(data)
    assert not result.passed
    assert result.difference == "nothing in it that could be compared"
