# SPDX-License-Identifier: Apache-2.0
"""`hil model vhuk`: what every RSE of a board must end with, step by step."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hil.commands.options import Commands, add_boards_folder

if TYPE_CHECKING:
    from hil.model.agreement import Agreement, RseOutcome
    from hil.model.secret import Secret
    from hil.model.system_inputs import RseInputs, SystemInputs

_UNKNOWN = "not known (the board file does not have all that enters it)"


def add(actions: Commands) -> None:
    """Add the action."""
    vhuk = actions.add_parser(
        "vhuk",
        help="expected seed, state and vHUK fingerprint of every RSE of a board",
        description="Computes from the provisioning values of a board file what every RSE must end "
        "with. Keys are shown as fingerprints unless asked for.",
    )
    vhuk.add_argument("board", metavar="BOARD")
    vhuk.add_argument(
        "--reveal-development-keys",
        action="store_true",
        help="show HUK, GUK, seeds and vHUK themselves; for development keys only",
    )
    add_boards_folder(vhuk)
    vhuk.set_defaults(run=_vhuk)


def _vhuk(options: argparse.Namespace) -> int:
    from hil.bench.board_file import find_board, load_board
    from hil.bench.model_inputs import system_inputs
    from hil.model.agreement import expected_agreement

    board = load_board(find_board(options.board, options.boards)).board
    inputs = system_inputs(board)
    partition = board.fingerprint.partition_id if board.fingerprint else None
    agreement = expected_agreement(inputs)
    lines = _head(board.name, board.release, inputs)
    for rse, outcome in zip(inputs.rses, agreement.outcomes, strict=True):
        lines += ["", *_rse(inputs, rse, outcome, partition, options.reveal_development_keys)]
    print("\n".join([*lines, "", *_conclusion(agreement, inputs)]))
    return 0


def _head(name: str, firmware: str, inputs: SystemInputs) -> list[str]:
    release, amount = inputs.release, len(inputs.rses)
    return [
        f"{name}: TF-M {firmware} (rules of {release.name}), {amount} RSE{'s' * (amount > 1)}",
        f"  KDF {release.kdf.name}; boot state = SHA-256({', '.join(_order(inputs))})",
        f"  bound: {release.bound}; client seeds: {release.client_seed}",
    ]


def _order(inputs: SystemInputs) -> list[str]:
    from hil.model.boot_state import ALL_FIELDS

    return [str(f.name) for f in inputs.release.state_order if f in ALL_FIELDS]


def _rse(
    inputs: SystemInputs, rse: RseInputs, outcome: RseOutcome, partition: int | None, reveal: bool
) -> list[str]:
    from hil.model.fingerprint import PARTITION_ID, Source, seed_fingerprint

    seed = inputs.seed(rse.rse)
    bl1_2 = rse.bl1_2_hash[:4].hex() if rse.bl1_2_hash else "not known"
    life = f"lcs={rse.lcs.otp:x} ({rse.lcs.name}) tp={rse.tp.hardware:08x} ({rse.tp.name})"
    state = rse.state.digest(order=inputs.release.state_order).hex() if rse.state else _UNKNOWN
    lines = [
        f"RSE {rse.rse}",
        f"  HUK                {_key(rse.huk, reveal)}",
        f"  GUK                {_key(rse.guk, reveal)}",
        f"  seed of its HUK    {_seed(seed, seed_fingerprint(seed) if seed else '', reveal)}",
        f"  boot state         {life} reprov={rse.reprov:x} bl1_2={bl1_2}",
        f"    digest           {state}",
        f"  handshake          {outcome.ending}: {outcome.reason}",
        f"  bound seeds        {', '.join(f'RSE {n}' for n in outcome.bound) or 'none that is known'}",
    ]
    for source in Source:
        number = PARTITION_ID if partition is None else partition
        shown = outcome.fingerprint(source, number) or _UNKNOWN
        where = f"{source}" if source is Source.BL1_2 else f"{source}, pid {number}"
        lines.append(f"  vHUK fingerprint   {shown}  ({where})")
    if reveal and outcome.vhuk is not None:
        lines.append(f"  vHUK               {outcome.vhuk.hex()}")
    return lines


def _key(key: Secret | None, reveal: bool) -> str:
    if key is None:
        return "not known"
    return key.hex() if reveal else f"known, {len(key)} bytes"


def _seed(seed: Secret | None, fingerprint: str, reveal: bool) -> str:
    if seed is None:
        return "not known"
    return f"fingerprint {fingerprint}" + (f"  {seed.hex()}" if reveal else "")


def _conclusion(agreement: Agreement, inputs: SystemInputs) -> list[str]:
    """Return the conclusion, behind what it rests on."""
    several, release = len(inputs.rses) > 1, inputs.release
    lines = []
    if several and release.session_key_in_handshake and release.policy_gated:
        lines.append("note: as if the build had routing tables; stock 2.2 refuses the handshake")
    if several and (unknown := _taken_as_equal(inputs)):
        lines.append(f"note: not known, and taken as the same on every RSE: {unknown}")
    if agreement.agreed:
        told = "all RSEs end with one vHUK" if several else "one RSE, which agrees with nobody else"
    else:
        groups = " / ".join(",".join(map(str, group)) for group in agreement.groups)
        told = f"they do not agree: RSEs with one vHUK: {groups or 'none'}"
    return [*lines, told]


def _taken_as_equal(inputs: SystemInputs) -> str:
    names = (("GUK", "guk"), ("BL1_2", "bl1_2_hash"))
    found = [n for n, field in names if any(getattr(rse, field) is None for rse in inputs.rses)]
    return " and ".join(found)
