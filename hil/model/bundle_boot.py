# SPDX-License-Identifier: Apache-2.0
"""One boot that provisions from the two bundles of TF-M 2.1.

BL1 waits for a bundle for as long as it takes: it polls for the magics at both ends. In SP mode it
looks again, says again that it will reset, and goes on.

Source: TF-M 2.1.0 bl1_provisioning.c.
"""

from __future__ import annotations

from dataclasses import replace

from hil.model.boot_state import BootState, Lcs, TpMode
from hil.model.error_codes import error_codes
from hil.model.keys import ZERO_KEY, derive
from hil.model.lifecycle import enable_sp, set_lcs, set_tp_mode
from hil.model.message_error import MessageError
from hil.model.provisioning_bundle import BundleMagic, open_bundle, parse_bundle
from hil.model.provisioning_rules import Check
from hil.model.provisioning_seal import SealError
from hil.model.provisioning_state import (
    Boot,
    Build,
    Chip,
    End,
    Memory,
    Part,
    Refusal,
    Required,
    Trust,
)
from hil.model.releases import Release
from hil.model.secret import Secret

_START = ("[INF] Starting TF-M BL1_1", "[INF] Beginning RSE provisioning")
_ROUTING = " routing table"


def boot_bundles(chip: Chip, memory: Memory, release: Release, build: Build, trust: Trust) -> Boot:
    """Return the boot of a chip that has to be provisioned."""
    if chip.lifecycle.tp is TpMode.VIRGIN:
        return _tp_mode(chip, release, build)
    part: Part = "CM" if chip.lifecycle.lcs is Lcs.CM else "DM"
    rules = release.provisioning
    address = rules.address if part == "CM" else rules.dm_address
    lines: tuple[str, ...] = (*_START, f"[INF] Waiting for {part} provisioning bundle")
    loaded = memory.get(address, b"")
    if not _is_there(loaded, part):
        return Boot(chip, lines, End.WAITS, chip, needs=Required(part, address))
    lines = (*lines, "[INF] Enabling secure provisioning mode, RSE will now reset.")
    if not chip.lifecycle.sp_mode:
        step = enable_sp(chip.lifecycle, release.lifecycle)
        return Boot(chip, lines, End.ENTERS_SP, replace(chip, lifecycle=step.state))
    if not _verifies(loaded, chip, part, release, trust):
        return _refuse(chip, lines, part, release)
    said = rules.cm_lines if part == "CM" else rules.dm_lines
    if build.rse_amount == 1:
        said = tuple(line for line in said if not line.endswith(_ROUTING))
    lines = (
        *lines,
        f"[INF] Running {part} provisioning bundle",
        *(f"[INF] {line}" for line in said),
        f"[INF] {part} provisioning succeeded",
    )
    after = set_lcs(chip.lifecycle, Lcs.DM if part == "CM" else Lcs.SE, release.lifecycle).state
    needs = Required("DM", rules.dm_address) if part == "CM" else None
    if needs and _is_there(memory.get(needs.address, b""), "DM"):
        needs = None
    return Boot(chip, lines, End.DONE, replace(chip, lifecycle=after), ran=part, needs=needs)


def _tp_mode(chip: Chip, release: Release, build: Build) -> Boot:
    if build.tp_mode is None:
        return Boot(chip, _START, End.WAITS, chip)
    step = set_tp_mode(chip.lifecycle, build.tp_mode, release.lifecycle)
    if step.refusal is not None:
        return _fail(chip, _START, Refusal(step.refusal, *_system_error(release)))
    lines = (*_START, "[INF] TP mode set complete, RSE will now reset.")
    return Boot(chip, lines, End.TP_SET, replace(chip, lifecycle=step.state))


def _is_there(loaded: bytes, part: Part) -> bool:
    try:
        return parse_bundle(loaded).owner is BundleMagic[part]
    except MessageError:
        return False


def _verifies(loaded: bytes, chip: Chip, part: Part, release: Release, trust: Trust) -> bool:
    tp = chip.lifecycle.tp
    root = ZERO_KEY if tp is TpMode.TCI else trust.krtl
    if root is None:
        return True
    try:
        open_bundle(parse_bundle(loaded), bundle_key(part, tp, root, release))
    except SealError:
        return False
    return True


def bundle_key(part: Part, tp: TpMode, root: bytes, release: Release) -> Secret:
    """Return the key that a bundle is sealed with.

    Args:
        part: Whose bundle it is.
        tp: TP mode of the chip.
        root: KRTL in PCI mode, zeros in TCI mode.
        release: A release with bundles.
    """
    lcs = Lcs.CM if part == "CM" else Lcs.DM
    # No BL1_2 has been hashed yet, and nothing was reprovisioned.
    state = BootState(tp, lcs, 0, bytes(32))
    return derive(f"provisioning_key_{part.lower()}", release, root, state=state)


def _refuse(chip: Chip, lines: tuple[str, ...], part: Part, release: Release) -> Boot:
    row = next(r for r in release.provisioning.checks if r.check is Check.VALID_TAG)
    errors = [f"[ERR] {line.format(owner=part)}" for line in row.lines]
    lines = (*lines, *errors, f"[ERR] {part} provisioning failed")
    return _fail(chip, lines, Refusal(Check.VALID_TAG, *_system_error(release)))


def _fail(chip: Chip, lines: tuple[str, ...], refusal: Refusal) -> Boot:
    lines = (*lines, "[ERR] BL1 provisioning failed")
    return Boot(chip, lines, End.HALTS, chip, refusal=refusal)


def _system_error(release: Release) -> tuple[str, int]:
    name = "TFM_PLAT_ERR_SYSTEM_ERR"
    return name, error_codes(release.error_family).number(name)
