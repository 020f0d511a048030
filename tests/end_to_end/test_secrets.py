# SPDX-License-Identifier: Apache-2.0
"""No key of a board occurs in anything that a run leaves behind."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hil.bench.board_file import find_board, load_board
from hil.bench.model_inputs import read_key, system_inputs
from hil.model.agreement import expected_agreement

from .conftest import Lab

_NAMED = ("guk", "kp_cm", "kce_cm", "kp_dm", "kce_dm", "krtl")


def secrets_of(board: str) -> dict[str, bytes]:
    """Every key of a board: provisioned ones, seeds and vHUKs of the model, private signing keys."""
    file = load_board(find_board(board))
    values, inputs = file.board.provisioning, system_inputs(file.board)
    found = {f"HUK {n}": read_key(key, "huk") for n, key in values.huks.items()}
    found |= {name: read_key(getattr(values, name), name) for name in _NAMED}
    found |= {f"seed {rse.rse}": inputs.seed(rse.rse) for rse in inputs.rses}
    found |= {f"vHUK {o.rse}": o.vhuk for o in expected_agreement(inputs).outcomes}
    for path in {spec.mcuboot.key for spec in file.board.images if spec.mcuboot is not None}:
        pem = (file.path.parent / path).read_bytes()
        key = load_pem_private_key(pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        found[f"private key {path}"] = key.private_numbers().private_value.to_bytes(32)
        found[f"PEM {path}"] = b"".join(pem.splitlines()[1:-1])[:40]
    return {name: bytes(key) for name, key in found.items() if key is not None}


def forms(key: bytes) -> Iterator[bytes]:
    """A key as bytes in either order, in hexadecimal digits, and in base64 at any place of it."""
    for each in (key, key[::-1]):
        yield each
        yield each.hex().encode()
        yield each.hex().upper().encode()
        yield each.hex(" ").encode()
        for before in range(3):
            coded = base64.b64encode(bytes(before) + each)
            yield coded[(0, 2, 3)[before] : len(coded) - 4]


def leaks(folder: Path, secrets: dict[str, bytes]) -> list[str]:
    wanted = {form: name for name, key in secrets.items() for form in forms(key)}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [
        f"{name} in {path.relative_to(folder)}"
        for path in files
        for form, name in wanted.items()
        if form in path.read_bytes()
    ]


@pytest.mark.parametrize(
    ("board", "which"),
    [("virtual-fvp-rdv3-cfg2", "not mutant"), ("virtual-rse4", "damaged or vhuk")],
)
def test_what_a_run_leaves_holds_no_key(lab: Lab, board: str, which: str) -> None:
    """HUKs, GUK, vHUKs, seeds and private keys: in no file, in no form, UART bytes included."""
    run = lab.run(board, "-k", which)
    assert run.status == 0, run.output
    assert list(run.folder.glob("uart/rse3.log"))
    assert run.recorded.junit.is_file()
    secrets = secrets_of(board)
    assert len(secrets) > 15
    assert leaks(run.folder, secrets) == []


@pytest.mark.parametrize("how", range(14))
def test_the_search_finds_what_is_there(tmp_path: Path, how: int) -> None:
    """Each form of a key that was put there is found, so that finding none says something."""
    key = bytes(range(100, 132))
    (tmp_path / "log").write_bytes(b"before " + list(forms(key))[how] + b" after")
    assert leaks(tmp_path, {"k": key})[0] == "k in log"
