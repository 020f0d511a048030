# SPDX-License-Identifier: Apache-2.0
"""Run records as a person reads them: one short block per run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.errors import UsageError
from hil.report.alive import alive
from hil.report.page import PAGE
from hil.report.record_values import texts_of
from hil.report.recorded import JUNIT, read_record
from hil.report.run_record import RunRecord, Verdict
from hil.report.xml_text import xml_text

#: Statuses as a sentence has them.
_OUTCOMES = {
    "PASS": "passed",
    "FLAKY": "passed after a retry",
    "FAIL": "failed",
    "ERROR": "harness errors",
    "MISS": "missed by the lab",
    "SKIP": "skipped",
    "XFAIL": "failed as expected",
}


#: Characters of a reason that are shown.
_REASON = 600


@dataclass(frozen=True)
class RunSummary:
    """What `run.json` says, as far as it can be read."""

    folder: Path
    board: str
    verdict: str
    run: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the run ended with a plain pass."""
        return self.verdict == Verdict.PASS


def read_run(folder: Path) -> RunSummary:
    """Read one run's folder.

    Raises:
        UsageError: it holds no run, or its `run.json` is damaged.
    """
    path = folder / "run.json"
    try:
        run = json.loads(path.read_text())
        board = run["board"]["name"]
        verdict = run["verdict"]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{path}: not the record of a run ({error})") from None
    if verdict == Verdict.KILLED and alive(run):
        verdict = "running"
    return RunSummary(folder, str(board), str(verdict), run)


def summary_of(record: RunRecord) -> RunSummary:
    """Return the summary of a run that has just ended, also when its file could not be written."""
    run = record.values
    return RunSummary(record.folder, str(run["board"]["name"]), str(run["verdict"]), run)


def find_runs(folder: Path) -> Iterator[Path]:
    """Yield the folders of all runs in a folder (or the folder itself), oldest first.

    Raises:
        UsageError: there is no such folder.
    """
    try:
        there = folder.is_dir()
    except OSError as error:
        raise UsageError(f"no folder {folder}: {error.strerror}") from None
    if not there:
        raise UsageError(f"no folder {folder}")
    if (folder / "run.json").is_file():
        yield folder
        return
    found = [path.parent for path in folder.glob("*/run.json")]
    found += [path.parent for path in folder.glob("*/*/run.json")]
    yield from sorted(found, key=lambda path: path.name)


def _short(reason: str) -> str:
    """Return as much of a reason as a terminal bears; the page has all of it."""
    return (
        reason if len(reason) <= _REASON else f"{reason[:_REASON]} ... ({len(reason)} characters)"
    )


def render_run(summary: RunSummary) -> str:
    """Return a run's verdict, what stands behind it, and where its files are."""
    run = summary.run
    counts = run.get("tests") or {}
    counts = counts if isinstance(counts, dict) else {}
    if not counts and summary.verdict in (Verdict.KILLED, "running"):
        with suppress(UsageError):  # it had no time to count
            counts = Counter(str(test.status) for test in read_record(summary.folder).tests)
    told = ", ".join(f"{number} {_OUTCOMES.get(o, o)}" for o, number in counts.items() if number)
    if isinstance(left_out := run.get("deselected"), int) and left_out:
        told = f"{told or 'no test result'}, {left_out} deselected"
    head = f"{summary.verdict.upper():<12} {summary.board}  (TF-M {run.get('release', '?')})"
    lines = [f"{head}  {told or 'no test result'}"]
    lines += [f"  {_short(reason)}" for reason in texts_of(run.get("reasons"))[:3]]
    if isinstance(fingerprints := run.get("fingerprints"), dict):
        lines.append(f"  vHUK    {_fingerprints(fingerprints)}")
    lines += [f"  warning {text}" for text in texts_of(run.get("warnings"))]
    folder = _near(summary.folder)
    for what, name in (("junit", JUNIT), ("page", PAGE)):
        if (summary.folder / name).is_file():
            lines.append(f"  {what:<7} {folder / name}")
    lines.append(f"  record  {folder}")
    return "\n".join(xml_text(line) for line in lines)


def _near(path: Path) -> Path:
    """Return a path as it is typed from here, if it lies below."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def _fingerprints(by_rse: dict[str, str]) -> str:
    """Return who reported what, equal values together."""
    groups: dict[str, list[str]] = {}
    for rse, fingerprint in by_rse.items():
        groups.setdefault(str(fingerprint), []).append(rse)
    return "; ".join(f"RSE {', '.join(rses)}: {fp}" for fp, rses in groups.items())
