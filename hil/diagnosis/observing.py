# SPDX-License-Identifier: Apache-2.0
"""Observations from a live boot and from UART logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.bench.model_inputs import system_inputs
from hil.diagnosis.observation import Case, ErrorLine, Observation
from hil.diagnosis.words import printable
from hil.uart.boot_errors import code_of, explain, explain_halt
from hil.uart.boot_result import BootResult
from hil.uart.log_reader import read_log
from hil.uart.log_reading import LogReading
from hil.uart.release_guess import ReleaseGuess
from hil.uart.report_lines import MalformedReport, SeedsReport, StateReport, VhukReport
from hil.uart.stages import Boot

#: Ends of a wait that say something about the lab, not about the firmware.
_GONE = {"dead", "eof"}
#: What a device said last follows this in the sentence on its end; it is told once.
_LAST_WORDS = "; last lines: "
_RUNTIME = {"runtime", "ns", "end"}
_MOST_ERRORS = 20


def case_of_boot(boot: SystemBoot, board: Board, *, before: SystemBoot | None = None) -> Case:
    """Return what a live boot showed.

    Args:
        boot: The boot.
        board: The board that it was on.
        before: A boot of the same devices before this one.
    """
    observations = []
    for rse in boot.rses:
        seen = observe_boot(boot.of(rse), board.release)
        if before is not None and rse in before.results:
            old = observe_boot(before.of(rse), board.release).fingerprints
            earlier = {source: (fp,) for source, fp in old.items()}
            seen = replace(seen, earlier={**seen.earlier, **earlier})
        observations.append(seen)
    return Case(
        title=board.name,
        firmware=board.release,
        inputs=system_inputs(board),
        observations=tuple(observations),
        partition_id=board.fingerprint.partition_id if board.fingerprint else 0,
        from_virgin=board.provisioning.from_virgin and boot.number == 0,
        reporter=board.fingerprint is not None,
    )


def observe_boot(result: BootResult, release: str) -> Observation:
    """Return what one RSE showed in a live boot.

    Args:
        result: How its boot ended.
        release: The release that its error codes are taken for.
    """
    seen = _of_boots(result.rse, result.boots, release)
    return replace(
        seen,
        source=f"UART of RSE {result.rse}",
        silent=not result.last_line,
        gone=result.detail.partition(_LAST_WORDS)[0] if result.reason in _GONE else "",
        complete=result.ok,
        detail=result.detail,
        last_line=result.last_line,
    )


def observe_log(path: Path, rse: int) -> tuple[Observation, LogReading]:
    """Return what one RSE's log shows, and the log as it was read.

    Raises:
        UsageError: it cannot be read.
    """
    reading = read_log(path)
    seen = _of_boots(rse, reading.boots, reading.release)
    done = bool(_RUNTIME & set(seen.reached)) and seen.halt is None and seen.crash is None
    return replace(
        seen,
        source=str(path),
        silent=not reading.last_line,
        complete=done,
        detail="" if done else str(reading.verdict),
        last_line=reading.last_line,
    ), reading


def _of_boots(rse: int, boots: Sequence[Boot], release: ReleaseGuess | str | None) -> Observation:
    last = boots[-1] if boots else Boot(0)
    reports = last.reports
    vhuks = [r for r in reports if isinstance(r, VhukReport)]
    return Observation(
        rse=rse,
        boots=len(boots),
        reached=tuple(stage.stage for stage in last.stages),
        ever=frozenset(stage.stage for boot in boots for stage in boot.stages),
        fingerprints={report.src: report.fp for report in vhuks},
        earlier=_earlier(boots[:-1]),
        ids=tuple(dict.fromkeys(r.rse for r in reports if not isinstance(r, MalformedReport))),
        of=vhuks[-1].of if vhuks else None,
        seeds=next((r.fps for r in reversed(reports) if isinstance(r, SeedsReport)), ()),
        state=next((r for r in reversed(reports) if isinstance(r, StateReport)), None),
        chip_id=last.chip_id,
        version=next((b.tfm_version for b in reversed(boots) if b.tfm_version), None),
        errors=tuple(_errors(boots, release))[:_MOST_ERRORS],
        halt=_halt(last, release),
        crash=next(
            (
                ErrorLine(boot.exception.text)
                for boot in reversed(boots)
                if boot.exception is not None
            ),
            None,
        ),
        notes=tuple(
            f"report line that cannot be read: {printable(r.why)}"
            for r in reports
            if isinstance(r, MalformedReport)
        ),
    )


def _earlier(boots: Iterable[Boot]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for boot in boots:
        for report in boot.reports:
            if isinstance(report, VhukReport):
                found.setdefault(report.src, {})[report.fp] = None
    return {source: tuple(values) for source, values in found.items()}


def _errors(boots: Iterable[Boot], release: ReleaseGuess | str | None) -> Iterable[ErrorLine]:
    for boot in boots:
        for event in boot.errors:
            yield ErrorLine(explain(event, release), code_of(event))


def _halt(boot: Boot, release: ReleaseGuess | str | None) -> ErrorLine | None:
    if boot.halt is None:
        return None
    return ErrorLine(explain_halt(boot.halt, boot, release), code_of(boot.halt))
