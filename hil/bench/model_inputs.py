# SPDX-License-Identifier: Apache-2.0
"""What the reference model is told of a board: the provisioning values of its file."""

from __future__ import annotations

from pathlib import Path

from hil.bench.board import Board, Key
from hil.errors import UsageError
from hil.model.boot_state import BL1_2_CODE_SIZE, Lcs, TpMode, bl1_2_hash
from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs


def system_inputs(board: Board) -> SystemInputs:
    """Return the board as the reference model sees it; values that are not known stay None.

    Raises:
        UsageError: a key file or the BL1_2 file cannot be used.
        ModelError: no rules are known for the board's release.
    """
    values = board.provisioning
    code_hash = _bl1_2(values.bl1_2) if values.bl1_2 else None
    guk = read_key(values.guk, "provisioning.guk")
    rses = tuple(
        RseInputs(
            rse=rse,
            huk=read_key(values.huks.get(rse), f"provisioning.huks.{rse}"),
            guk=guk,
            lcs=Lcs[values.lcs],
            tp=TpMode[values.tp_mode],
            reprov=values.reprovisioning,
            bl1_2_hash=code_hash,
            vhuk_agreement=values.vhuk_agreement,
        )
        for rse in board.rse_ids
    )
    return SystemInputs(release_for(board.release), rses)


def read_key(key: Key | None, where: str) -> Secret | None:
    """Return a key of the board file; None where the file has none.

    Raises:
        UsageError: its file cannot be read or does not hold 32 bytes.
    """
    if key is None:
        return None
    if key.hex is not None:
        return Secret(bytes.fromhex(key.hex.get_secret_value().decode()))
    assert key.file is not None
    value = _read(key.file, where)
    if len(value) != 32:
        raise UsageError(f"{where}: {key.file} holds {len(value)} bytes, expected 32")
    return Secret(value)


def _bl1_2(path: Path) -> bytes:
    code = _read(path, "provisioning.bl1_2")
    if len(code) > BL1_2_CODE_SIZE:
        raise UsageError(
            f"provisioning.bl1_2: {path} holds {len(code)} bytes, expected at most {BL1_2_CODE_SIZE}"
        )
    return bl1_2_hash(code)


def _read(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{where}: {path}: {error.strerror}") from None
