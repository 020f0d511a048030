# SPDX-License-Identifier: Apache-2.0
"""One boot that provisions from a message (TF-M 2.2 and later).

Source: TF-M 2.2.2 bl1_provisioning.c, 2.3.1 bl1_1_provisioning.c and the handlers, the CM and DM
code in provisioning/bundle/.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hil.model.boot_state import Lcs, TpMode
from hil.model.error_codes import error_codes
from hil.model.lifecycle import enable_sp, set_lcs, set_tp_mode
from hil.model.lifecycle_rules import LcmRefusal
from hil.model.provisioning_checks import View, refuses, type_code
from hil.model.provisioning_fields import BlobType
from hil.model.provisioning_rules import Check, CheckRow
from hil.model.provisioning_state import (
    Boot,
    Build,
    Chip,
    End,
    Memory,
    Part,
    Refusal,
    Required,
    Tampering,
    Trust,
)
from hil.model.releases import Release

_START = ("[INF] Starting TF-M BL1_1", "[INF] Beginning RSE provisioning")
_FAILED = "[ERR] BL1 provisioning failed"
_KRTL_READS_PER_KEY = 3
_HARDENED = 0xA5A5A5A5
_NEXT: dict[Part, Lcs] = {"CM": Lcs.DM, "DM": Lcs.SE}


def boot_message(chip: Chip, memory: Memory, release: Release, build: Build, trust: Trust) -> Boot:
    """Return the boot of a chip that has to be provisioned."""
    if build.comms and release.provisioning.remembers_message and not chip.staged:
        lines = (*_START, "[INF] Signal DCSU ready")
        return Boot(chip, lines, End.WAITS, chip, needs=required(chip, release))
    outcome = _handle(View(chip, memory, release, build, trust), _START)
    needs = outcome.needs
    if outcome.wiped or (outcome.refusal and outcome.refusal.why is Check.FOUND):
        needs = required(chip, release)
    elif outcome.ran == "CM":
        needs = _needs_after_cm(outcome, memory, release, build, trust)
    return replace(outcome, needs=needs)


def required(chip: Chip, release: Release) -> Required | None:
    """Return what a chip in its state has to be given, None if it is provisioned."""
    rules = release.provisioning
    if chip.lifecycle.lcs is Lcs.CM:
        return Required("CM", rules.address)
    return Required("DM", rules.dm_address) if chip.lifecycle.lcs is Lcs.DM else None


def _needs_after_cm(
    done: Boot, memory: Memory, release: Release, build: Build, trust: Trust
) -> Required | None:
    """Return the DM message if what is loaded is not valid in DM."""
    after = replace(done.after, lifecycle=done.after.lifecycle.after_reset())
    if not after.lifecycle.provisions(release.lifecycle, boot_in_dm=build.boot_in_dm):
        return None
    there = View(after, memory, release, build, trust)
    return required(after, release) if refuses(there, Check.LCS) else None


@dataclass(frozen=True)
class _Stop:
    """What ends the checks."""

    end: End
    chip: Chip
    refusal: Refusal | None = None
    lines: tuple[str, ...] = ()


def _handle(view: View, lines: tuple[str, ...]) -> Boot:
    before = view.chip
    for row in view.release.provisioning.checks:
        if view.chained and row.check is Check.FOUND:
            continue
        stop = _stop(view, row)
        if stop is not None:
            return _ended(view, before, lines, stop)
        chip = _passed(view, row.check)
        if chip is not view.chip:
            view = replace(view, chip=chip)
    return _run(view, before, (*lines, "[INF] Running blob"))


def _passed(view: View, check: Check) -> Chip:
    """Return the chip behind a check that let the message through."""
    chip, rules = view.chip, view.release.provisioning
    if check is Check.FOUND:
        return replace(chip, staged=True)
    reads_krtl = view.chip.lifecycle.tp is TpMode.PCI and rules.krtl_limit is not None
    if check is Check.KEY and reads_krtl and view.needs_key and not view.chained:
        return replace(chip, krtl_uses=chip.krtl_uses + _KRTL_READS_PER_KEY)
    return chip


def _stop(view: View, row: CheckRow) -> _Stop | None:
    if row.check is Check.TP_MODE:
        return _tp_mode(view, row)
    if row.check is Check.SP_MODE:
        return _sp_mode(view, row)
    if not refuses(view, row.check):
        return None
    if row.check is Check.TYPE:
        return _Stop(End.HALTS, view.chip, _refusal(view, row.check, type_code(view)))
    end = End.SILENT if row.code is None else End.HALTS
    return _Stop(end, view.chip, _refusal(view, row.check, row.code), row.lines)


def _tp_mode(view: View, row: CheckRow) -> _Stop | None:
    chip = view.chip
    wanted = view.header.purpose.tp_mode.tp_mode
    if wanted is chip.lifecycle.tp or wanted is None:
        return None
    if chip.lifecycle.tp is TpMode.VIRGIN:
        step = set_tp_mode(chip.lifecycle, wanted, view.release.lifecycle)
        if step.refusal is not None:
            return _Stop(End.HALTS, chip, _refusal(view, step.refusal, step.code))
        written = replace(chip, lifecycle=step.state)
        if view.build.self_reset:
            return _Stop(End.TP_SET, written)
        return _Stop(End.HALTS, written, _refusal(view, row.check, row.code))
    return _Stop(End.HALTS, chip, _refusal(view, row.check, row.code))


def _sp_mode(view: View, row: CheckRow) -> _Stop | None:
    chip = view.chip
    if view.header.purpose.needs_sp_mode:
        if chip.lifecycle.sp_mode:
            return None
        step = enable_sp(chip.lifecycle, view.release.lifecycle)
        if step.refusal is not None:
            # The driver's own error is dropped on the way.
            return _Stop(End.HALTS, chip, _refusal(view, row.check, row.code))
        return _Stop(End.ENTERS_SP, replace(chip, lifecycle=step.state))
    if chip.lifecycle.sp_mode and view.release.provisioning.resets_out_of_sp:
        return _Stop(End.LEAVES_SP, chip)
    return None


def _run(view: View, before: Chip, lines: tuple[str, ...]) -> Boot:
    kind = view.header.purpose.type
    if kind == BlobType.NEXT_PUBLIC_KEY and not view.chained:
        return _handle(replace(view, chained=True), (*lines, "[INF] Provisioning next blob"))
    if kind not in (BlobType.SINGLE_LCS, BlobType.COMBINED):
        # What other blobs do is theirs alone.
        return Boot(before, lines, End.DONE, view.chip)
    part = view.part
    found = _found_by_cm_code(view) if part == "CM" else None
    if found is not None:
        return _ended(view, before, lines, found)
    rules = view.release.provisioning
    said = [f"[INF] {line}" for line in (rules.cm_lines if part == "CM" else rules.dm_lines)]
    if part == "CM" and rules.krtl_limit is not None and view.chip.krtl_uses:
        uses = f"KTRL Usage counter expected to be 0, but read as {view.chip.krtl_uses}"
        # The warning has no line end, so that the next line is glued to it.
        said[0] = f"[WRN] {uses}{said[0]}"
    return _transition(view, before, (*lines, *said), part)


def _transition(view: View, before: Chip, lines: tuple[str, ...], part: Part) -> Boot:
    step = set_lcs(view.chip.lifecycle, _NEXT[part], view.release.lifecycle)
    chip = replace(view.chip, lifecycle=step.state)
    if part == "CM" and (step.resets or step.refusal is not None):
        # The CM area is written and the chip still in CM: to the CM code it looks tampered with.
        chip = replace(chip, tampered=Tampering.CM_AREA)
    if step.refusal is not None:
        return _ended(
            view, before, lines, _Stop(End.HALTS, chip, _refusal(view, step.refusal, step.code))
        )
    if step.resets:
        return Boot(before, lines, End.ENTERS_SP, chip)
    combined = view.header.purpose.type == BlobType.COMBINED
    staged = chip.staged and part == "CM" and combined
    return Boot(before, lines, End.DONE, replace(chip, staged=staged), ran=part)


def _found_by_cm_code(view: View) -> _Stop | None:
    """Return what the CM code refuses before it writes anything."""
    chip, limit = view.chip, view.release.provisioning.krtl_limit
    if chip.tampered is not None:
        return _Stop(End.HALTS, chip, _refusal(view, chip.tampered, chip.tampered.value))
    if limit is None or chip.krtl_uses <= limit:
        return None
    why = f"KRTL Usage counter {chip.krtl_uses} above the limit of {limit}"
    refusal = _refusal(view, why, "TFM_PLAT_ERR_SET_OTP_COUNTER_MAX_VALUE")
    return _Stop(End.HALTS, chip, refusal, (why,))


def _refusal(view: View, why: Check | LcmRefusal | Tampering | str, code: str | None) -> Refusal:
    codes = error_codes(view.release.error_family)
    return Refusal(why, code, codes.number(code) if code else None)


def _ended(view: View, before: Chip, lines: tuple[str, ...], stop: _Stop) -> Boot:
    refusal = stop.refusal
    if refusal is None or stop.end is End.SILENT:
        return Boot(before, lines, stop.end, stop.chip, refusal=refusal)
    errors = [f"[ERR] {line}" for line in stop.lines] + [_FAILED]
    fatal = view.release.provisioning.fatal_line
    if fatal is not None and refusal.number is not None:
        errors.append(fatal.format(hardened=refusal.number ^ _HARDENED, code=refusal.number))
    # Where no message was found there is nothing to wipe.
    wiped = refusal.why is not Check.FOUND
    chip = replace(stop.chip, staged=stop.chip.staged and not wiped)
    return Boot(before, (*lines, *errors), End.HALTS, chip, refusal=refusal, wiped=wiped)
