# SPDX-License-Identifier: Apache-2.0
"""Why an RSE did not finish its boot: where it stands, what it said last, and who it waits for."""

from __future__ import annotations

from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.diagnosis.known_defects import SERVER_WAITS_FOR_EVER
from hil.model.releases import Reply, release_for
from hil.uart.waiting import BootResult

SERVER = 0
#: Last stages of an RSE that is inside the handshake, which prints nothing, or may be.
_IN_HANDSHAKE = "BL1_2"
_SHOWN_ERRORS = 5
NOT_VIRGIN = (
    "cause: it booted without being provisioned: its OTP is not virgin. Erase it, or set "
    "`from_virgin: false` in the board file"
)
NO_REPORTER = (
    "cause: it went on without a [HIL1] vhuk line: this firmware has no reporter. Build it in, or "
    "take `vhuk` and `fingerprint` out of the board file"
)


def explain_boot(boot: SystemBoot, rse: int, board: Board) -> str:
    """Return what is known of one RSE's boot, and the likeliest cause when it stopped early."""
    result = boot.of(rse)
    lines = [summarise_boot(result), f"  reached: {_path(boot, result)}"]
    errors = boot.unexpected_errors(rse, board.allowed_errors)
    lines += [f"  error line: {text}" for text in errors[:_SHOWN_ERRORS]]
    others = [n for n in boot.rses if n != rse]
    if others:
        lines.append("  the others: " + "; ".join(_brief(boot.of(n)) for n in others))
    lines += [f"  {line}" for line in _causes(boot, result, board)]
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


def _causes(boot: SystemBoot, result: BootResult, board: Board) -> list[str]:
    """Return lines that say why, as far as the pattern over all RSEs tells."""
    stages = {stage.stage for stage in result.reached}
    if result.failed_stage == "provisioning" and stages & {"BL1_2", "BL2", "runtime"}:
        return [NOT_VIRGIN]
    if result.failed_stage == "vhuk" and stages & {"BL2", "runtime"}:
        return [NO_REPORTER]
    if result.ok or result.reason in {"halt", "exception"}:
        return []
    if result.reason in {"dead", "eof"}:
        return ["cause: the device or its console is gone; look at the board, not at the firmware"]
    if not result.last_line:
        return [_silent(boot)]
    if _waits_in_handshake(result) and len(boot.rses) > 1:
        return _handshake(boot, board)
    return []


def _silent(boot: SystemBoot) -> str:
    if any(other.last_line for other in boot.results.values()):
        return (
            "cause: nothing on this UART while others talk: wrong console or baud rate in the board "
            "file, no power, or a core that does not run"
        )
    return (
        "cause: nothing on any UART. A Release or MinSizeRel build of TF-M prints nothing in BL1 and "
        "BL2; otherwise consoles, baud rate or power"
    )


def _waits_in_handshake(result: BootResult) -> bool:
    return bool(result.reached) and result.reached[-1].stage == _IN_HANDSHAKE


def _handshake(boot: SystemBoot, board: Board) -> list[str]:
    """Return who the RSEs wait for, by the rules of the release's handshake."""
    release = release_for(board.release)
    waiting = {n for n in boot.rses if _waits_in_handshake(boot.of(n))}
    before = [n for n in boot.rses if not boot.of(n).ok and n not in waiting]
    before = [n for n in before if not _passed_handshake(boot.of(n))]
    lines = ["it is silent in the vHUK handshake, which prints nothing"]
    if before:
        lines.append(
            f"cause: {_names(before)} never got there, and RSE {SERVER} waits for every RSE"
        )
    elif waiting == set(boot.rses):
        lines.append(
            "cause: one RSE does not take part, has a dead link or another GUK, or two have one id (the "
            "same provisioning message on two dies). All wait for all, so that the UARTs cannot tell "
            "which; a debugger can: the odd one is not in the handshake's polling loop"
        )
    elif release.reply is Reply.AT_ONCE and waiting - {SERVER}:
        lines.append(
            f"cause: RSE {SERVER} answers each client at once, and the others have their answer: "
            f"{_names(sorted(waiting - {SERVER}))} sent no message that RSE {SERVER} could read"
        )
    if not release.reports_missing_peer:
        lines.append(f"why silence: {SERVER_WAITS_FOR_EVER.cause} [{SERVER_WAITS_FOR_EVER.id}]")
        lines.append(f"to do: {SERVER_WAITS_FOR_EVER.todo}")
    return lines


def _passed_handshake(result: BootResult) -> bool:
    return any(stage.stage in {"vhuk", "BL2", "runtime"} for stage in result.reached)


def _names(rses: list[int]) -> str:
    return " and ".join(f"RSE {rse}" for rse in rses)
