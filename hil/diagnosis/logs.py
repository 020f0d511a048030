# SPDX-License-Identifier: Apache-2.0
"""A case from UART logs, one for each RSE: of a run record, or from anywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hil.bench.board import Board
from hil.bench.model_inputs import system_inputs
from hil.diagnosis.observation import Case, Observation
from hil.diagnosis.observing import observe_log
from hil.diagnosis.words import printable
from hil.errors import ModelError, UsageError
from hil.model.fingerprint import PARTITION_ID
from hil.model.releases import RELEASES, Release, find_release, release_for
from hil.model.system_inputs import RseInputs, SystemInputs
from hil.uart.log_reading import LogReading
from hil.uart.report_lines import MalformedReport, parse_report

#: Rules that logs are judged by which do not tell their release.
ASSUMED = "2.3.x"
_REPORT = re.compile(r"\[HIL.*")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\0\r]")
_VERSION = re.compile(r"(\d+\.\d+)")


def case_of_logs(
    logs: Mapping[int, Path],
    *,
    title: str,
    board: Board | None = None,
    release: str | None = None,
    lenient: bool = False,
    notes: tuple[str, ...] = (),
) -> Case:
    """Return what the logs of one system show.

    Args:
        logs: The log of each RSE, by id.
        title: What this is about.
        board: The board that they come from, where it is known.
        release: The TF-M release, if somebody knows better than board and logs.
        lenient: Leave report lines out that cannot be read, with a note, instead of refusing them.
        notes: What the reader must know about the input.

    Raises:
        UsageError: a log cannot be read, holds a report line that cannot, or the version of a release
            that no rules are known for; there are more logs than RSEs.
    """
    if board is not None and (foreign := sorted(logs.keys() - set(board.rse_ids))):
        raise UsageError(f"{logs[foreign[0]]}: the board {board.name} has no RSE {foreign[0]}")
    seen: dict[int, Observation] = {}
    readings: dict[int, LogReading] = {}
    for rse, path in sorted(logs.items()):
        if not lenient:
            check_reports(path)
        seen[rse], readings[rse] = observe_log(path, rse)
    name, known = _release(readings, release or (board.release if board else None))
    rules = _rules(name, release is not None)
    amount = max(
        [len(board.rse_ids) if board else 0, max(logs) + 1]
        + [o.of for o in seen.values() if o.of is not None and board is None and o.of <= 64]
    )
    observations = tuple(seen.get(rse, Observation(rse, seen=False)) for rse in range(amount))
    missing = [rse for rse in range(amount) if rse not in seen]
    more = [] if known else [f"the logs do not tell the release; judged by the rules of {name}"]
    if missing:
        more.append(f"no log of RSE {', '.join(map(str, missing))}: nothing is said about it")
    if board is not None:
        inputs = SystemInputs(rules, system_inputs(board).rses)
    else:
        inputs = SystemInputs(rules, tuple(RseInputs(rse, None, None) for rse in range(amount)))
    fingerprint = board.fingerprint if board else None
    reporter = fingerprint is not None if board else any(o.fingerprints for o in seen.values())
    return Case(
        title=title,
        firmware=name,
        inputs=inputs,
        observations=observations,
        partition_id=fingerprint.partition_id if fingerprint else PARTITION_ID,
        reporter=reporter,
        state_known=board is not None,
        release_known=known,
        notes=(*notes, *more),
    )


def check_reports(path: Path) -> None:
    """Look at every report line of a log.

    Raises:
        UsageError: one of them cannot be read; names file, line and field.
    """
    try:
        with path.open("rb") as stream:
            lines = [(n, line) for n, line in enumerate(stream, 1) if b"[HIL" in line]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    for number, line in lines:
        text = _CONTROL.sub("", line.decode("ascii", "replace").rstrip("\n"))
        if (found := _REPORT.search(text)) is None:
            continue
        report = parse_report(found[0])
        if isinstance(report, MalformedReport):
            raise UsageError(
                f"report line {report.text!r}: {printable(report.why)}; "
                "--lenient leaves such lines out",
                where=f"{path}:{number}",
            )


def _release(readings: Mapping[int, LogReading], told: str | None) -> tuple[str, bool]:
    """Return the release, and whether it is known or assumed."""
    if told is not None:
        return told, True
    names = [name for reading in readings.values() if (name := _printed(reading)) is not None]
    if names:
        return Counter(names).most_common(1)[0][0], True
    narrow = {r.release.generations for r in readings.values() if len(r.release.generations) == 1}
    if len(narrow) == 1:
        [(generation,)] = narrow
        return next(row.name for row in RELEASES if row.generation == generation), True
    return ASSUMED, False


def _printed(reading: LogReading) -> str | None:
    """Return the release by the version that a log prints."""
    for boot in reversed(reading.boots):
        version = boot.tfm_version
        if version is None:
            continue
        if reading.release.repaired:
            return "fixed"
        if find_release(version) is not None:
            return version
        generation = _VERSION.match(version)
        for row in RELEASES:
            if generation and row.generation == generation[1]:
                return row.name
        stage = boot.at("runtime")
        line = f":{stage.line.number + 1}" if stage else ""
        raise UsageError(
            f"version {version!r}: no rules are known for this release; name one with --release: "
            f"{', '.join(row.name for row in RELEASES)}",
            where=f"{reading.path}{line}",
        )
    return None


def _rules(name: str, by_option: bool) -> Release:
    try:
        return release_for(name)
    except ModelError as error:
        raise UsageError(f"{'--release' if by_option else 'release'}: {error}") from None
