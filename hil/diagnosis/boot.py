# SPDX-License-Identifier: Apache-2.0
"""Why an RSE did not finish its boot: where it stands, what it said last, and who it waits for."""

from __future__ import annotations

from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.diagnosis.diagnose import Diagnosis, diagnose
from hil.diagnosis.evidence import Confidence
from hil.diagnosis.observing import case_of_boot
from hil.diagnosis.ranking import Ranked, todo_of
from hil.uart.boot_result import BootResult

_SHOWN_ERRORS = 5
#: Causes that stop nobody but the RSE that they are about.
_OF_ONE_RSE = frozenset({
    "bl2-waits-for-host", "crashed", "device-gone", "halted", "image-refused", "no-reporter",
    "not-virgin", "uart-silent",
})  # fmt: skip


def diagnose_boot(
    boot: SystemBoot,
    board: Board,
    *,
    source: str | None = None,
    before: SystemBoot | None = None,
) -> Diagnosis:
    """Return what explains a live boot.

    Args:
        boot: The boot.
        board: The board that it was on.
        source: Whose fingerprints to judge.
        before: A boot of the same devices before this one.
    """
    return diagnose(case_of_boot(boot, board, before=before), source=source)


def explain_boot(
    boot: SystemBoot, rse: int, board: Board, diagnosis: Diagnosis | None = None
) -> str:
    """Return what is known of one RSE's boot, and the causes that the whole system shows."""
    diagnosis = diagnosis or diagnose_boot(boot, board)
    result = boot.of(rse)
    concerned = [r for r in diagnosis.causes if _concerns(r, rse, diagnosis)]
    leading = [r for r in diagnosis.leading if r in concerned]
    head = summarise_boot(result)
    if leading:
        sure = {Confidence.CERTAIN: "", Confidence.LIKELY: "most likely "}
        told = (
            f"{sure.get(leading[0].confidence, 'possibly ')}{leading[0].suspicion.claim}"
            if len(leading) == 1 or leading[0].confidence is Confidence.CERTAIN
            else "several causes fit"
        )
        head += f"; cause: {told}"
    lines = [head, f"  reached: {_path(boot, result)}"]
    errors = boot.unexpected_errors(rse, board.allowed_errors)
    lines += [f"  error line: {text}" for text in errors[:_SHOWN_ERRORS]]
    others = [n for n in boot.rses if n != rse]
    if others:
        lines.append("  the others: " + "; ".join(_brief(boot.of(n)) for n in others))
    if not result.ok and rse in diagnosis.facts.waiting and len(boot.rses) > 1:
        lines.append("  it is silent in the vHUK handshake, which prints nothing")
    for ranked in concerned:
        lines += _cause(ranked)
    if not result.ok and not concerned:
        lines.append("  no known cause fits")
    cold = not board.warm_reset and board.launcher.kind == "pyocd" and board.power.cycle is None
    if not result.ok and cold:
        lines.append(
            "  note: this board does not boot after a warm reset (warm_reset: false) and the board file "
            "has no power.cycle: switch its supply by hand or give the command"
        )
    return "\n".join(lines)


def summarise_boot(result: BootResult) -> str:
    """Return in one line where a boot ended, and the last line."""
    if result.ok:
        return f"RSE {result.rse}: booted"
    said = f"last line {result.last_line!r}" if result.last_line else "its UART was silent"
    if any(stage.stage == result.failed_stage for stage in result.reached):
        return f"RSE {result.rse}: stage {result.failed_stage} does not hold: {result.detail}"
    return f"RSE {result.rse}: stage {result.failed_stage} not reached: {result.detail}; {said}"


def _concerns(ranked: Ranked, rse: int, diagnosis: Diagnosis) -> bool:
    """Tell whether a cause explains why this RSE did not get on: its own, or what it waits for."""
    facts = diagnosis.facts
    return rse in ranked.suspicion.rses or (
        rse in {*facts.waiting, *facts.halted} and ranked.cause.id not in _OF_ONE_RSE
    )


def _cause(ranked: Ranked) -> list[str]:
    lines = [f"  cause ({ranked.confidence}): {ranked.suspicion.claim} [{ranked.cause.id}]"]
    lines += [f"    for: {e.text}" for e in ranked.suspicion.pro]
    lines += [f"    against: {e.text}" for e in ranked.suspicion.con]
    lines += [f"    why: {d.cause} [{d.id}]" for d in ranked.defects[:1]]
    lines.append(f"    to confirm: {ranked.cause.confirm}")
    lines.append(f"    to do: {todo_of(ranked)}")
    return lines


def _path(boot: SystemBoot, result: BootResult) -> str:
    steps = [
        f"{stage.stage}" + (f" at {stage.t - boot.started:.2f} s" if stage.t is not None else "")
        for stage in result.reached
    ]
    count = len(result.boots)
    return (", ".join(steps) or "nothing") + (f" ({count} boots)" if count > 1 else "")


def _brief(result: BootResult) -> str:
    if result.ok:
        return f"RSE {result.rse} booted"
    furthest = result.reached[-1].stage if result.reached else "nothing"
    how = {"halt": "halted", "exception": "crashed", "dead": "its device is gone"}
    return f"RSE {result.rse} {how.get(result.reason, 'silent')} after {furthest}"
